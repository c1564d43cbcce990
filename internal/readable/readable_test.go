//go:build linux

package readable_test

import (
	"net"
	"syscall"
	"testing"
	"time"

	"seagate/internal/readable"
	"seagate/internal/sockets/socketstest"
)

// pair returns the raw end of a connection, and its peer.
func pair(t *testing.T) (nc net.Conn, raw syscall.RawConn, peer net.Conn) {
	t.Helper()
	nc, peer = socketstest.Pair(t)
	raw, err := nc.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	return nc, raw, peer
}

func want(t *testing.T, ready <-chan uint64, key uint64) {
	t.Helper()
	select {
	case got := <-ready:
		if got != key {
			t.Fatalf("ready is %#x, want %#x", got, key)
		}
	case <-time.After(time.Minute):
		t.Fatalf("%#x is not ready", key)
	}
}

func TestSet(t *testing.T) {
	ready := make(chan uint64, 10)
	s, err := readable.New(func(key uint64) { ready <- key })
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const key, other = 0xfedcba9876543210, 1
	nc, raw, peer := pair(t)
	_, otherRaw, otherPeer := pair(t)
	watch := func(raw syscall.RawConn, key uint64, first bool) {
		t.Helper()
		if err := s.Watch(raw, key, first); err != nil {
			t.Fatal(err)
		}
	}
	watch(raw, key, true)
	watch(otherRaw, other, true)
	peer.Write([]byte("a"))
	want(t, ready, key)

	peer.Write([]byte("b")) // nobody is told: the socket is not watched again
	otherPeer.Close()
	want(t, ready, other)
	watch(raw, key, false) // something is there already
	want(t, ready, key)

	if n, err := nc.Read(make([]byte, 10)); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	watch(raw, key, false)
	peer.(*net.TCPConn).SetLinger(0) // a reset
	peer.Close()
	want(t, ready, key)

	nc.Close()
	if err := s.Watch(raw, key, false); err == nil {
		t.Error("a closed socket is watched")
	}
	select {
	case got := <-ready:
		t.Errorf("%#x is ready", got)
	default:
	}
	s.Close()
	if err := s.Watch(otherRaw, other, false); err == nil {
		t.Error("a closed set watches")
	}
}

// A panic that one socket causes ends the watch of no other.
func TestAPanicOfOneSocket(t *testing.T) {
	ready := make(chan uint64, 1)
	s, err := readable.New(func(key uint64) {
		if key == 1 {
			panic("injected")
		}
		ready <- key
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for key := uint64(1); key <= 2; key++ {
		_, raw, peer := pair(t)
		if err := s.Watch(raw, key, true); err != nil {
			t.Fatal(err)
		}
		peer.Write([]byte("x"))
	}
	want(t, ready, 2)
}
