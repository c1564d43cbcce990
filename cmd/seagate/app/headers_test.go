package app_test

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
	"path/filepath"
	"testing"

	"seagate/cmd/seagate/config"
)

// appendFrame appends a frame of HTTP/2 (RFC 9113 §4.1).
//
//	bytes 0-2  length of the payload
//	      3    type
//	      4    flags
//	      5-8  stream
func appendFrame(b []byte, kind, flags byte, stream uint32, payload []byte) []byte {
	b = append(b, byte(len(payload)>>16), byte(len(payload)>>8), byte(len(payload)), kind, flags)
	b = binary.BigEndian.AppendUint32(b, stream)
	return append(b, payload...)
}

// Headers of HTTP/2 that never end do not go on for ever: net/http ends the connection once they have a
// bound of their own, and keeps nothing of what is beyond limitServer's.
func TestHeadersThatNeverEnd(t *testing.T) {
	dir := t.TempDir()
	c := testConfig(t)
	c.TLS = config.TLS{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}
	writePair(t, c.TLS, "gateway.example")
	a, _ := start(t, c)
	nc, err := tls.Dial("tcp", a.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if got := nc.ConnectionState().NegotiatedProtocol; got != "h2" {
		t.Fatalf("the protocol is %q", got)
	}
	const settings, headers, continuation = 4, 1, 9
	hello := appendFrame([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), settings, 0, 0, nil)
	// A literal field without indexing (RFC 7541 §6.2.2): 1 byte of name and 100 of value.
	field := append([]byte{0, 1, 'x', 100}, bytes.Repeat([]byte("y"), 100)...)
	if _, err := nc.Write(appendFrame(hello, headers, 0, 1, field)); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		io.Copy(io.Discard, nc)
	}()
	block := appendFrame(nil, continuation, 0, 1, bytes.Repeat(field, 10))
	const most = 16 << 20 // of it; what the kernels hold is a part
	for sent := 0; ; sent += len(block) {
		if _, err := nc.Write(block); err != nil {
			break
		}
		if sent > most {
			t.Fatalf("%d bytes of headers, and they go on", sent)
		}
	}
	<-ended
}
