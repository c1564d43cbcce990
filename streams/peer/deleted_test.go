package peer_test

import (
	"errors"
	"testing"
	"time"

	"seagate/streams"
	"seagate/streams/peer"
)

// An ending is a consumer or a provider that is told of the end of its topic.
type ending struct {
	consumer
	ended chan error
}

func (e *ending) End(err error)              { e.ended <- err }
func (e *ending) Requested(streams.Interest) {}

// A client that lives long keeps nothing of topics that were deleted.
func TestATopicThatWasDeletedIsForgotten(t *testing.T) {
	o := options()
	o.Topics = openTopics(t)
	c := peer.NewClient(join(t, peer.NewHub(o), "c"))
	c.Start()
	reader, writer := &ending{ended: make(chan error, 1)}, &ending{ended: make(chan error, 1)}
	in, _, err := c.In(t.Context(), "boiler", reader, streams.Latest())
	if err != nil {
		t.Fatal(err)
	}
	in.Start()
	out, _, err := c.Out(t.Context(), "boiler", writer)
	if err != nil {
		t.Fatal(err)
	}
	out.Start()
	if ins, linkIns, linkOuts := c.Kept(); ins != 1 || linkIns != 1 || linkOuts != 1 {
		t.Errorf("kept are %d, %d and %d topics, want 1 each", ins, linkIns, linkOuts)
	}
	if err := o.Topics.Delete(t.Context(), streams.ID{Space: "jail", Name: "boiler"}); err != nil {
		t.Fatal(err)
	}
	for _, e := range []*ending{reader, writer} {
		select {
		case err := <-e.ended:
			if !errors.Is(err, streams.ErrDeleted) {
				t.Errorf("ended with %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("the end is not told")
		}
	}
	if ins, linkIns, linkOuts := c.Kept(); ins != 0 || linkIns != 0 || linkOuts != 0 {
		t.Errorf("kept of a deleted topic are %d, %d and %d", ins, linkIns, linkOuts)
	}
	in.Close() // again
	out.Close()
}
