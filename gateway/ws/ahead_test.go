package ws

import (
	"io"
	"net"
	"testing"
	"time"
)

// A connection holds a buffer while there is something in it that was not taken, and
// none at rest.
func TestAConnectionAtRestHasNoReadBuffer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	peer, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	nc, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	a := newAhead(nc)
	peer.Write(make([]byte, 100))
	got, err := a.read()
	if err != nil || len(got) != 100 {
		t.Fatalf("read %d bytes, %v", len(got), err)
	}
	a.keep(100)
	if n := a.take(make([]byte, 60)); n != 60 || a.buffer == nil {
		t.Fatalf("took %d bytes, the rest is kept: %t", n, a.buffer != nil)
	}
	if n := a.take(make([]byte, 60)); n != 40 || a.buffer != nil {
		t.Errorf("took %d bytes, the empty buffer is kept: %t", n, a.buffer != nil)
	}
	nc.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	if _, err := a.read(); err == nil || a.buffer != nil {
		t.Errorf("a read that found nothing: %v, keeps a buffer: %t", err, a.buffer != nil)
	}
	nc.SetReadDeadline(time.Time{})
	peer.Close()
	if _, err := a.read(); err != io.EOF || a.buffer != nil {
		t.Errorf("a read at the end: %v, keeps a buffer: %t", err, a.buffer != nil)
	}
}
