package ws_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/gateway"
	"seagate/gateway/standin"
	"seagate/gateway/ws/wstest"
	"seagate/groups"
	"seagate/protocol"
)

// A field is a gateway with deployed clients in a bubble of testing/synctest. The
// windows of groups are those of the configuration.
type field struct {
	*bench
	pipes *pipes

	mu    sync.Mutex     // guards what follows
	count map[string]int // how often each payload was handled
	order []string       // of the payloads when they were handled first
}

func newField(t *testing.T, settings func(*gateway.Settings)) *field {
	l := newPipes()
	return &field{bench: newBench(t, setup{
		listener: l,
		settings: settings,
		window:   groups.TagCredit{First: 16, Most: 1024, Target: time.Second},
	}), pipes: l, count: map[string]int{}}
}

// shared is the setting with which the clients that cannot name a group share a
// stream.
func shared(s *gateway.Settings) { s.UngroupedShare = true }

func (f *field) login() standin.Login {
	return standin.Login{ClientID: "root", Secret: f.secret, Dial: func() *wstest.Conn {
		c, _ := wstest.Over(f.t, f.pipes.dialBuffered(f.t), "/")
		return c
	}}
}

func (f *field) handle(_, payload string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.count[payload]++; f.count[payload] == 1 {
		f.order = append(f.order, payload)
	}
}

func (f *field) handled() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.order)
}

func (f *field) delete(stream string) {
	f.t.Helper()
	if err := f.gateway.DeleteStream(f.t.Context(), f.root, stream); err != nil {
		f.t.Fatal(err)
	}
	synctest.Wait()
}

// backlog lets the group of the subscriptions without a groupId begin, and
// publishes so many messages to it.
func (f *field) backlog(messages int) (payloads []string) {
	f.t.Helper()
	c := f.authenticate(f.login().Dial())
	f.subscribe(c, 2, "boiler", "")
	c.Net.Close()
	synctest.Wait()
	var batch []jsontext.Value
	for n := range messages {
		payloads = append(payloads, fmt.Sprintf(`{"n":%d}`, n))
		batch = append(batch, jsontext.Value(payloads[n]))
	}
	f.gateway.Publish(f.root, gateway.Publication{Stream: "boiler", Payloads: batch}, func(_ protocol.Published, err error) {
		if err != nil {
			f.t.Error(err)
		}
	})
	return payloads
}

// python runs a Python client until ctx ends, and beyond that until it has handled
// what it received.
func (f *field) python(ctx context.Context, each time.Duration) error {
	p := standin.Python{Login: f.login(), Streams: []string{"boiler"}, Handle: f.handle, PerMessage: each}
	return p.Run(ctx)
}

// wantDone fails unless the group is done with all messages.
func (f *field) wantDone() {
	f.t.Helper()
	info, err := f.gateway.Group(f.t.Context(), f.root, "boiler", "root", "")
	if err != nil || info.Lag != 0 || info.InFlight != 0 {
		f.t.Errorf("the group is at %d, with a lag of %d and %d in flight, %v", info.Position, info.Lag, info.InFlight, err)
	}
}

// within returns a context that is cancelled after d, and waits for that.
func within(t *testing.T, d time.Duration, run func(ctx context.Context)) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { run(ctx) })
	time.Sleep(d)
	cancel()
	running.Wait()
	synctest.Wait()
}

// Past bug: JavaScript got a message that the stream was deleted, emitted undefined,
// and stayed deaf.
func TestJavaScriptFollowsAStreamThatIsDefinedAgain(t *testing.T) {
	for _, fanout := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f := newField(t, nil)
			var subscribed atomic.Int32
			js := standin.JavaScript{Login: f.login(), Stream: "boiler", Fanout: fanout,
				Emit: func(payload string) { f.handle("", payload) },
				Subscribed: func(success bool) {
					if !success {
						t.Error("a subscription was refused")
					}
					subscribed.Add(1)
				}}
			ctx, cancel := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() { js.Run(ctx) })
			synctest.Wait()
			f.publish("boiler", `{"n":1}`)
			synctest.Wait()
			f.delete("boiler")
			f.define("boiler")
			time.Sleep(3*time.Second - time.Millisecond)
			synctest.Wait()
			if n := subscribed.Load(); n != 1 {
				t.Errorf("subscribed %d times, although 3 s have not passed", n)
			}
			time.Sleep(time.Millisecond)
			synctest.Wait()
			f.publish("boiler", `{"n":2}`)
			synctest.Wait()
			cancel()
			running.Wait()
			if got := f.handled(); !slices.Equal(got, []string{`{"n":1}`, `{"n":2}`}) {
				t.Errorf("fanout %v: emitted %s", fanout, got)
			}
		})
	}
}

// Past bug: JavaScript took no notice that a subscription was refused, and stayed deaf
// when the stream was defined later.
func TestJavaScriptWaitsForAStreamThatIsDefinedLater(t *testing.T) {
	for _, fanout := range []bool{false, true} {
		for _, share := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				f := newField(t, func(s *gateway.Settings) { s.AwaitUndefined, s.UngroupedShare = true, share })
				js := standin.JavaScript{Login: f.login(), Stream: "later", Fanout: fanout,
					Emit: func(payload string) { f.handle("", payload) },
					Subscribed: func(success bool) {
						if !success {
							t.Error("a subscription was refused")
						}
					}}
				ctx, cancel := context.WithCancel(t.Context())
				var running sync.WaitGroup
				running.Go(func() { js.Run(ctx) })
				for n := range 3 {
					time.Sleep(time.Minute) // it waits, also after it has connected again
					f.define("later")
					f.publish("later", fmt.Sprintf(`{"n":%d}`, n))
					synctest.Wait()
					f.delete("later")
				}
				cancel()
				running.Wait()
				if got := f.handled(); !slices.Equal(got, []string{`{"n":0}`, `{"n":1}`, `{"n":2}`}) {
					t.Errorf("fanout %v, shared %v: emitted %s", fanout, share, got)
				}
			})
		}
	}
}

// Past bug: Python got a message that one stream was deleted, and lost all its
// subscriptions to a KeyError.
func TestPythonSurvivesTheEndOfAStream(t *testing.T) {
	for _, share := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f := newField(t, func(s *gateway.Settings) { s.UngroupedShare = share })
			f.define("other")
			p := standin.Python{Login: f.login(), Streams: []string{"boiler", "other"}, Handle: f.handle}
			for n := range 2 {
				ended := make(chan error)
				go func() { ended <- p.Run(t.Context()) }()
				synctest.Wait()
				f.publish("boiler", fmt.Sprintf(`{"n":%d}`, 10+n))
				f.publish("other", fmt.Sprintf(`{"n":%d}`, 20+n))
				synctest.Wait()
				f.delete("other")
				err := <-ended
				if _, is := errors.AsType[standin.KeyError](err); is || !strings.Contains(err.Error(), "stream_deleted") {
					t.Errorf("ended with %v", err)
				}
				f.define("other")
			}
			want := []string{`{"n":10}`, `{"n":11}`, `{"n":20}`, `{"n":21}`}
			if got := slices.Sorted(slices.Values(f.handled())); !slices.Equal(got, want) {
				t.Errorf("handled %s", got)
			}
		})
	}
}

// Past bug: with 1,024 messages on their way to it, Python did not answer the ping
// behind them in time, and was dropped before it had acknowledged any, again and
// again.
func TestPythonGetsThroughABacklog(t *testing.T) {
	const total = 5000
	for _, each := range []time.Duration{0, 5 * time.Millisecond, 20 * time.Millisecond, 200 * time.Millisecond, time.Second} {
		t.Run(each.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newField(t, shared)
				payloads := f.backlog(total)
				within(t, total*each+time.Second, func(ctx context.Context) { f.python(ctx, each) })
				if got := f.handled(); !slices.Equal(got, payloads) {
					t.Errorf("handled %d messages, or not in order", len(got))
				}
				if n := slices.Max(slices.Collect(maps.Values(f.count))); n > 1 || f.closed("peer_gone") > 0 {
					t.Errorf("handled messages %d times, and dropped %d times", n, f.closed("peer_gone"))
				}
				f.wantDone()
			})
		})
	}
}

// A slow member does not keep what a fast one could process.
func TestPythonSharesABacklogWithAFasterMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newField(t, shared)
		const total = 5000
		payloads := f.backlog(total)
		within(t, 12*time.Second, func(ctx context.Context) {
			var both sync.WaitGroup
			both.Go(func() { f.python(ctx, 50*time.Millisecond) })
			both.Go(func() { f.python(ctx, time.Millisecond) })
			both.Wait()
		})
		if got := f.handled(); len(got) != len(payloads) {
			t.Errorf("handled %d of %d messages", len(got), total)
		}
		if f.closed("peer_gone") > 0 {
			t.Errorf("dropped %d times", f.closed("peer_gone"))
		}
		f.wantDone()
	})
}

// What was on its way to a Python client when its connection ended comes again. What it
// received is handled before it connects again.
func TestPythonGetsThroughABacklogAfterAReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newField(t, shared)
		const total, each = 5000, 5 * time.Millisecond
		payloads := f.backlog(total)
		for range 10 {
			within(t, 2*time.Second, func(ctx context.Context) { f.python(ctx, each) })
		}
		within(t, total*each, func(ctx context.Context) { f.python(ctx, each) })
		if got := f.handled(); !slices.Equal(got, payloads) {
			t.Errorf("handled %d messages, or not in order", len(got))
		}
		again := 0
		for _, n := range f.count {
			again += n - 1
		}
		if again > 10*256 {
			t.Errorf("%d messages came again after 10 reconnects", again)
		}
		f.wantDone()
	})
}
