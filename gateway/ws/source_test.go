package ws

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"seagate/internal/sockets/socketstest"
)

// A connection holds a buffer while there is something in it, and none at rest.
func TestAConnectionAtRestHasNoReadBuffer(t *testing.T) {
	nc, peer := socketstest.Pair(t)
	var in incoming
	s := newSource(nc, &in)
	rest := func() error {
		t.Helper()
		nc.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		err := s.read()
		nc.SetReadDeadline(time.Time{})
		return err
	}
	if err := rest(); !errors.Is(err, os.ErrDeadlineExceeded) || in.buf != nil {
		t.Fatalf("before the first byte: %v, holds a buffer: %t", err, in.buf != nil)
	}
	peer.Write(text("ab")[:7])
	if err := s.read(); err != nil || in.pending() != 7 {
		t.Fatalf("%v, %d bytes are held", err, in.pending())
	}
	if err := rest(); !errors.Is(err, os.ErrDeadlineExceeded) || in.pending() != 7 {
		t.Fatalf("within a frame: %v, %d bytes are held", err, in.pending())
	}
	peer.Write(text("ab")[7:])
	if err := s.read(); err != nil {
		t.Fatal(err)
	}
	if f, ok, err := in.next(testLimit, time.Now()); !ok || string(f.payload) != "ab" {
		t.Fatalf("%q, %t, %v", f.payload, ok, err)
	}
	if err := rest(); !errors.Is(err, os.ErrDeadlineExceeded) || in.buf != nil {
		t.Fatalf("after the frame: %v, holds a buffer: %t", err, in.buf != nil)
	}
	peer.Close()
	if err := s.read(); err != io.EOF {
		t.Fatalf("at the end: %v", err)
	}
}

// What is no plain socket is read through the same frames, with a small buffer.
func TestSourceOfOtherConnections(t *testing.T) {
	nc, peer := net.Pipe()
	defer nc.Close()
	go func() {
		peer.Write(sized(testLimit))
		peer.Write(text("ab")[:3])
		peer.Write(text("ab")[3:])
		peer.Close()
	}()
	var in incoming
	s := newSource(nc, &in)
	var got []int
	for {
		if err := s.read(); err != nil {
			if err != io.EOF {
				t.Fatal(err)
			}
			break
		}
		if f, ok, _ := in.next(testLimit, time.Now()); ok {
			got = append(got, len(f.payload))
		}
	}
	if len(got) != 2 || got[0] != testLimit || got[1] != 2 {
		t.Errorf("messages of %v bytes", got)
	}
}
