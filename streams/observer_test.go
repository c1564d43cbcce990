package streams_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"seagate/streams"
)

// observer writes down what it is told.
type observer struct {
	mu   sync.Mutex
	told []string
}

func (o *observer) Changed(id streams.ID, now streams.Standing) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.told = append(o.told, fmt.Sprintf("%s %d+%d %d/%d %v", id.Name, now.Subscribers, now.Groups, now.Pausing, now.Providers, now.Held))
}

func (o *observer) want(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	if !slices.Equal(o.told, want) {
		t.Errorf("the observer was told %q, want %q", o.told, want)
	}
	o.told = nil
}

// An observer is told of interest and provision, of groups of topics that do not exist too, and
// is told nothing that has not changed.
func TestAnObserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &observer{}
		n := open(t, streams.Options{Observer: o})
		id := streams.ID{Space: "root", Name: "boiler"}
		n.AddGroup(id)
		o.want(t, "boiler 0+1 0/0 false")
		topic, err := n.Topic(id)
		if err != nil {
			t.Fatal(err)
		}
		o.want(t)
		n.RemoveGroup(id)
		o.want(t, "boiler 0+0 0/0 false")
		var ins []*streams.InTopic
		for _, want := range []string{"boiler 1+0 0/0 false", "boiler 2+0 0/0 false", ""} {
			in, _, err := topic.In(t.Context(), ignore{}, 0, streams.Latest())
			if err != nil {
				t.Fatal(err)
			}
			ins = append(ins, in)
			if want == "" {
				o.want(t)
			} else {
				o.want(t, want)
			}
		}
		ins[0].Close()
		o.want(t)
		ins[1].Close()
		o.want(t, "boiler 1+0 0/0 false")
		out, _, err := topic.Out(nil)
		if err != nil {
			t.Fatal(err)
		}
		o.want(t, "boiler 1+0 0/1 false")
		out.SetPaused(true)
		o.want(t, "boiler 1+0 1/1 false")
		if err := topic.Hold(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		o.want(t, "boiler 1+0 1/1 true")
		if err := n.Delete(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		o.want(t, "boiler 0+0 0/0 false")
		out.Close()
		ins[2].Close()
		o.want(t)
		n.Close()
	})
}

// ignore is a consumer that takes everything.
type ignore struct{}

func (ignore) Deliver(b *streams.Batch) int { return len(b.Messages) }
func (ignore) State(streams.State) bool     { return true }
func (ignore) Gap(uint64, uint64)           {}
func (ignore) Resumed() bool                { return true }
func (ignore) End(error)                    {}

// A panickingObserver panics the first time that it is told something.
type panickingObserver struct {
	observer
	panicked bool
}

func (o *panickingObserver) Changed(id streams.ID, now streams.Standing) {
	if !o.panicked {
		o.panicked = true
		panic("injected")
	}
	o.observer.Changed(id, now)
}

// An observer that panics is told of what changes later, and nobody else notices.
func TestAnObserverThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &panickingObserver{}
		var told []any
		n := open(t, streams.Options{Observer: o, OnPanic: func(who, _ any) { told = append(told, who) }})
		n.AddGroup(streams.ID{Space: "root", Name: "a"})
		synctest.Wait()
		if len(told) != 1 || told[0] != any(o) {
			t.Errorf("OnPanic was told of %v", told)
		}
		n.AddGroup(streams.ID{Space: "root", Name: "b"})
		o.want(t, "b 0+1 0/0 false")
	})
}
