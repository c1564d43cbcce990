package peer_test

import (
	"errors"
	"strings"
	"testing"

	"seagate/streams/peer"
)

// What the calls of an owner hold is bounded, whoever its links are.
func TestTheMemoryOfCallsIsBounded(t *testing.T) {
	o := options()
	o.BytesPerOwner = 100
	h := peer.NewHub(o)
	s := newServer(2)
	serve(t, join(t, h, "a"), pricing("quote"), s)
	web, web2 := join(t, h, "web"), join(t, h, "web") // of one owner
	try := func(l peer.Link, bytes int, want error) {
		t.Helper()
		if _, err := l.Fetch(t.Context(), quote(strings.Repeat("x", bytes)), newReplies()); !errors.Is(err, want) {
			t.Errorf("a call of %d bytes: %v, want %v", bytes, err, want)
		}
	}
	try(web, 60, nil)
	try(web2, 41, peer.ErrTooManyCalls)
	if h.Hold("jail", "web", 41) || !h.Hold("jail", "web", 40) {
		t.Error("results are not counted with the bodies")
	}
	try(web2, 1, peer.ErrTooManyCalls)
	try(join(t, h, "other"), 101, nil) // the only one may have any size
	try(join(t, h, "other"), 1, peer.ErrTooManyCalls)
	if err := s.next(t).Answer(nil); err != nil {
		t.Error(err)
	}
	try(web2, 60, nil)
	h.Release("jail", "web", 40)
	try(web2, 40, peer.ErrBusy) // the server has no room
	try(web, 40, peer.ErrBusy)  // and what was refused holds nothing
	web2.Close()                // gives its call up
	if n := h.Totals().Bytes; n != 101 {
		t.Errorf("%d bytes are held, want those of one call, 101", n)
	}
	if err := s.next(t).Answer(nil); err != nil {
		t.Error(err)
	}
	if n := h.Totals().Bytes; n != 0 {
		t.Errorf("%d bytes are held when all calls are over", n)
	}
}

// All owners of a space have a share together, and other spaces have their own.
func TestTheCallsOfASpaceAreBounded(t *testing.T) {
	o := options()
	o.BytesPerSpace, o.CallsPerSpace = 100, 3
	h := peer.NewHub(o)
	s := newServer(10)
	serve(t, join(t, h, "a"), pricing("quote"), s)
	try := func(l peer.Link, bytes int, want error) {
		t.Helper()
		if _, err := l.Fetch(t.Context(), quote(strings.Repeat("x", bytes)), newReplies()); !errors.Is(err, want) {
			t.Errorf("a call of %d bytes: %v, want %v", bytes, err, want)
		}
	}
	web, mobile := join(t, h, "web"), join(t, h, "mobile")
	try(web, 60, nil)
	try(mobile, 41, peer.ErrTooManyCalls)
	try(mobile, 40, nil)
	if !h.Hold("another", "mobile", 100) {
		t.Error("another space has no share of its own")
	}
	h.Release("another", "mobile", 100)
	if err := s.next(t).Answer(nil); err != nil {
		t.Error(err)
	}
	try(mobile, 1, nil)
	try(web, 1, nil)
	try(join(t, h, "third"), 1, peer.ErrTooManyCalls) // three are under way
	web.Close()
	mobile.Close()
	if totals := h.Totals(); totals.UnderWay != 0 || totals.Bytes != 0 {
		t.Errorf("when all links are closed: %+v", totals)
	}
}
