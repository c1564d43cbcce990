package uring_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"

	"seagate/internal/sockets/socketstest"
	"seagate/internal/uring"
)

func newRing(t testing.TB, entries int) *uring.Ring {
	t.Helper()
	r, err := uring.New(entries)
	if errors.Is(err, uring.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// More sends than the ring has entries go out, each to its own socket.
func TestSend(t *testing.T) {
	r := newRing(t, 8)
	const n = 50
	peers := make([]net.Conn, n)
	sends := make([]uring.Send, n)
	for i := range sends {
		nc, peer := socketstest.Pair(t)
		peers[i] = peer
		sends[i] = uring.Send{FD: socketstest.Descriptor(t, nc), Bytes: bytes.Repeat([]byte{byte(i)}, 1+i)}
	}
	for range 3 {
		if err := r.Send(sends); err != nil {
			t.Fatal(err)
		}
		for i, s := range sends {
			got := make([]byte, 1+i)
			if _, err := io.ReadFull(peers[i], got); err != nil || s.Err != nil || s.Written != len(got) || !bytes.Equal(got, s.Bytes) {
				t.Errorf("socket %d: sent %d bytes, %v; received %v, %v", i, s.Written, s.Err, got, err)
			}
		}
	}
}

// What one socket does concerns no other: a full one, one whose peer has gone, and a descriptor
// that is none.
func TestSendToSocketsThatTakeNothing(t *testing.T) {
	r := newRing(t, 16)
	good, peer := socketstest.Pair(t)
	full, _ := socketstest.Pair(t)
	gone, far := socketstest.Pair(t)
	far.(*net.TCPConn).SetLinger(0)
	far.Close()
	if _, err := gone.Read(make([]byte, 1)); err == nil {
		t.Fatal("the peer has not gone")
	}
	sends := []uring.Send{
		{FD: socketstest.Descriptor(t, full), Bytes: make([]byte, 64<<10)},
		{FD: socketstest.Descriptor(t, gone), Bytes: []byte("x")},
		{FD: -1, Bytes: []byte("x")},
		{FD: socketstest.Descriptor(t, good), Bytes: []byte("x")},
	}
	received := make([]byte, 1)
	partly := false
	for {
		if err := r.Send(sends); err != nil {
			t.Fatal(err)
		}
		if s := sends[3]; s.Written != 1 || s.Err != nil {
			t.Fatalf("the good socket: %d, %v", s.Written, s.Err)
		}
		if _, err := io.ReadFull(peer, received); err != nil {
			t.Fatal(err)
		}
		if s := sends[0]; s.Err != nil {
			t.Fatalf("the full socket: %v", s.Err)
		}
		partly = partly || sends[0].Written > 0 && sends[0].Written < len(sends[0].Bytes)
		if sends[0].Written == 0 {
			break
		}
	}
	if !partly {
		t.Error("the full socket never took a part")
	}
	if !errors.Is(sends[1].Err, syscall.EPIPE) {
		t.Errorf("a peer that has gone: %v, want %v", sends[1].Err, syscall.EPIPE)
	}
	if !errors.Is(sends[2].Err, syscall.EBADF) {
		t.Errorf("no descriptor: %v, want %v", sends[2].Err, syscall.EBADF)
	}
}

func TestSendAllocatesNothing(t *testing.T) {
	r := newRing(t, 8)
	nc, peer := socketstest.Pair(t)
	go io.Copy(io.Discard, peer)
	sends := []uring.Send{{FD: socketstest.Descriptor(t, nc), Bytes: []byte("x")}, {FD: socketstest.Descriptor(t, nc), Bytes: []byte("y")}}
	if n := testing.AllocsPerRun(100, func() { r.Send(sends) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
