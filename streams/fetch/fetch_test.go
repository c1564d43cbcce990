package fetch_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"seagate/internal/panics/panicstest"
	"seagate/streams/fetch"
	"seagate/streams/peer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newHub() *peer.Hub {
	return peer.NewHub(peer.Options{
		ServicesPerSpace:     100,
		ServersPerService:    100,
		ProceduresPerService: 100,
		CallsPerLink:         10_000,
		CallsPerOwner:        10_000,
		BytesPerOwner:        1 << 30,
		BodyBytes:            1 << 20,
	})
}

func join(t testing.TB, h *peer.Hub) peer.Link {
	l := h.Join("jail", peer.Identity{ClientID: "test", Owner: "test"})
	t.Cleanup(func() { l.Close() })
	return l
}

func serve(t testing.TB, l peer.Link, handlers map[string]fetch.Handler, o fetch.Options) *fetch.Server {
	t.Helper()
	s, err := fetch.Serve(t.Context(), l, "test", handlers, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		s.Stop(ended)
	})
	return s
}

func TestWhatHandlersReturnReachesTheCaller(t *testing.T) {
	h := newHub()
	panicked := make(chan any, 1)
	serve(t, join(t, h), map[string]fetch.Handler{
		"double": func(_ context.Context, c *fetch.Call) ([]byte, error) {
			n, err := strconv.Atoi(string(c.Body))
			return strconv.AppendInt(nil, int64(2*n), 10), err
		},
		"own": func(context.Context, *fetch.Call) ([]byte, error) {
			return nil, &peer.ServerError{Code: "mine", Message: "no"}
		},
		"panic": func(context.Context, *fetch.Call) ([]byte, error) { panic("oh") },
	}, fetch.Options{OnPanic: func(procedure string, v any, _ []byte) { panicked <- procedure + fmt.Sprint(v) }})
	l := join(t, h)
	for _, try := range []struct{ procedure, body, want string }{
		{"double", "21", `42 <nil>`},
		{"double", "x", ` failed: strconv.Atoi: parsing "x": invalid syntax`},
		{"own", "", ` mine: no`},
		{"panic", "", ` panicked: the procedure panic failed`},
		{"none", "", ` peer: no such procedure`},
	} {
		got, err := fetch.Fetch(t.Context(), l, "test", try.procedure, []byte(try.body))
		if text := fmt.Sprintf("%s %v", got, err); text != try.want {
			t.Errorf("%s(%s): %s, want %s", try.procedure, try.body, text, try.want)
		}
	}
	if got := <-panicked; got != "panicoh" {
		t.Errorf("OnPanic got %v", got)
	}
}

// The place of a handler that panics is free again, although OnPanic, which is told of it, panics too.
func TestOnPanicMayPanic(t *testing.T) {
	h := newHub()
	serve(t, join(t, h), map[string]fetch.Handler{
		"panic": func(context.Context, *fetch.Call) ([]byte, error) { panic("oh") },
	}, fetch.Options{AtOnce: 1, OnPanic: func(string, any, []byte) { panic("again") }})
	l := join(t, h)
	for range 3 {
		if _, err := fetch.Fetch(t.Context(), l, "test", "panic", nil); err == nil || err.Error() != "panicked: the procedure panic failed" {
			t.Errorf("%v", err)
		}
	}
}

func TestPartsComeInOrderBeforeTheResult(t *testing.T) {
	h := newHub()
	given := make(chan error, 1)
	serve(t, join(t, h), map[string]fetch.Handler{"count": func(ctx context.Context, c *fetch.Call) ([]byte, error) {
		for i := range 5 {
			if err := c.Part([]byte(strconv.Itoa(i))); err != nil {
				given <- context.Cause(ctx)
				return nil, err
			}
			if string(c.Body) == "slow" {
				<-ctx.Done()
			}
		}
		return []byte("end"), nil
	}}, fetch.Options{})
	l := join(t, h)
	var got []string
	keep := func(part []byte) error { got = append(got, string(part)); return nil }
	result, err := fetch.All(t.Context(), l, "test", "count", nil, keep)
	if fmt.Sprint(got) != "[0 1 2 3 4]" || string(result) != "end" || err != nil {
		t.Errorf("got %v, %s, %v", got, result, err)
	}
	if result, err := fetch.Fetch(t.Context(), l, "test", "count", nil); string(result) != "end" || err != nil {
		t.Errorf("Fetch: %s, %v", result, err)
	}
	enough := errors.New("enough")
	if _, err := fetch.All(t.Context(), l, "test", "count", []byte("slow"), func([]byte) error { return enough }); err != enough {
		t.Errorf("the error of part is not returned, but %v", err)
	}
	if cause := <-given; cause.Error() != "fetch: the call was given up: cancelled" {
		t.Errorf("the cause of the handler's context: %v", cause)
	}
}

func TestASlowCallDelaysNoOther(t *testing.T) {
	h := newHub()
	slow, began := make(chan struct{}), make(chan struct{})
	serve(t, join(t, h), map[string]fetch.Handler{
		"slow": func(context.Context, *fetch.Call) ([]byte, error) { close(began); <-slow; return nil, nil },
		"fast": func(context.Context, *fetch.Call) ([]byte, error) { return nil, nil },
	}, fetch.Options{AtOnce: 2})
	l := join(t, h)
	done := make(chan error)
	go func() { _, err := fetch.Fetch(t.Context(), l, "test", "slow", nil); done <- err }()
	<-began
	for range 100 {
		if _, err := fetch.Fetch(t.Context(), l, "test", "fast", nil); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-done:
		t.Error("the slow call is done")
	default:
	}
	close(slow)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestContextsEndCallsOnBothSides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub()
		var causes []string
		serve(t, join(t, h), map[string]fetch.Handler{"wait": func(ctx context.Context, _ *fetch.Call) ([]byte, error) {
			<-ctx.Done()
			causes = append(causes, context.Cause(ctx).Error())
			return nil, nil
		}}, fetch.Options{})
		l := h.Join("jail", peer.Identity{})
		for _, try := range []struct {
			ctx  func() (context.Context, context.CancelFunc)
			want error
			took time.Duration
		}{
			{func() (context.Context, context.CancelFunc) { return t.Context(), func() {} }, peer.ErrTimeout, 30 * time.Second},
			{func() (context.Context, context.CancelFunc) { return context.WithTimeout(t.Context(), time.Hour) }, peer.ErrTimeout, 5 * time.Minute},
			{func() (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, cancel)
				return ctx, cancel
			}, context.Canceled, time.Second},
			{func() (context.Context, context.CancelFunc) {
				time.AfterFunc(2*time.Second, func() { l.Close() })
				return t.Context(), func() {}
			}, peer.ErrClosed, 2 * time.Second},
		} {
			began := time.Now()
			ctx, cancel := try.ctx()
			if _, err := fetch.Fetch(ctx, l, "test", "wait", nil); !errors.Is(err, try.want) {
				t.Errorf("got %v, want %v", err, try.want)
			}
			if took := time.Since(began); took != try.took {
				t.Errorf("it took %v, want %v", took, try.took)
			}
			cancel()
			synctest.Wait()
		}
		const why = "fetch: the call was given up: "
		if want := []string{why + "timeout", why + "timeout", why + "cancelled", why + "caller_gone"}; !slices.Equal(causes, want) {
			t.Errorf("the causes were %q", causes)
		}
	})
}

func TestHandlersThatDoNotListenAreNotTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub()
		release := make(chan struct{})
		serve(t, join(t, h), map[string]fetch.Handler{"deaf": func(context.Context, *fetch.Call) ([]byte, error) { <-release; return nil, nil }}, fetch.Options{AtOnce: 1})
		l := join(t, h)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := fetch.Fetch(ctx, l, "test", "deaf", nil); err == nil {
			t.Error("the deaf handler answered")
		}
		if _, err := fetch.Fetch(t.Context(), l, "test", "deaf", nil); !errors.Is(err, peer.ErrBusy) {
			t.Errorf("a call while its handler still runs: %v", err)
		}
		close(release)
	})
}

// TestARollingRestartLosesNoCall replaces two servers one after the other, all
// the time, while 1,000 calls are made.
func TestARollingRestartLosesNoCall(t *testing.T) {
	h := newHub()
	handlers := map[string]fetch.Handler{"echo": func(_ context.Context, c *fetch.Call) ([]byte, error) {
		time.Sleep(time.Millisecond) // so that servers leave in the middle of calls
		return c.Body, nil
	}}
	start := func() (peer.Link, *fetch.Server) {
		l := h.Join("jail", peer.Identity{})
		s, err := fetch.Serve(t.Context(), l, "test", handlers, fetch.Options{AtOnce: 100})
		if err != nil {
			t.Error(err)
		}
		return l, s
	}
	stop := make(chan struct{})
	var rolling, calls sync.WaitGroup
	var restarts atomic.Int64
	ready := make(chan struct{})
	rolling.Go(func() {
		links, servers := [2]peer.Link{}, [2]*fetch.Server{}
		for i := range servers {
			links[i], servers[i] = start()
		}
		close(ready)
		for i := 0; ; i = 1 - i {
			select {
			case <-stop:
				for i := range servers {
					servers[i].Stop(context.Background())
					links[i].Close()
				}
				return
			default:
			}
			if err := servers[i].Stop(t.Context()); err != nil {
				t.Error(err)
			}
			links[i].Close()
			links[i], servers[i] = start()
			restarts.Add(1)
		}
	})
	<-ready
	l := join(t, h)
	for worker := range 10 {
		calls.Go(func() {
			for i := range 100 {
				body := fmt.Sprint(worker, i)
				if got, err := fetch.Fetch(t.Context(), l, "test", "echo", []byte(body)); err != nil || string(got) != body {
					t.Errorf("call %s: %s, %v", body, got, err)
				}
			}
		})
	}
	calls.Wait()
	close(stop)
	rolling.Wait()
	t.Logf("%d restarts", restarts.Load())
	if restarts.Load() == 0 {
		t.Error("nothing was restarted")
	}
	if got := h.Totals(); got != (peer.Totals{}) {
		t.Errorf("left in the hub: %+v", got)
	}
}

func TestStopEndsHandlersWhenItsContextEnds(t *testing.T) {
	h := newHub()
	began := make(chan struct{})
	s := serve(t, join(t, h), map[string]fetch.Handler{"wait": func(ctx context.Context, _ *fetch.Call) ([]byte, error) {
		close(began)
		<-ctx.Done()
		return nil, ctx.Err()
	}}, fetch.Options{})
	done := make(chan error)
	l := join(t, h)
	go func() { _, err := fetch.Fetch(t.Context(), l, "test", "wait", nil); done <- err }()
	<-began
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Stop(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Stop: %v", err)
	}
	if err := <-done; err == nil || err.Error() != "failed: context canceled" {
		t.Errorf("the call ended with %v", err)
	}
}

func BenchmarkFetch(b *testing.B) {
	h := newHub()
	l := h.Join("jail", peer.Identity{})
	defer l.Close()
	s, err := fetch.Serve(b.Context(), l, "test", map[string]fetch.Handler{"echo": func(_ context.Context, c *fetch.Call) ([]byte, error) { return c.Body, nil }}, fetch.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Stop(context.Background())
	body := []byte("{}")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := fetch.Fetch(b.Context(), l, "test", "echo", body); err != nil {
			b.Fatal(err)
		}
	}
}

// panickingReplies are those of a caller that panics when its call ends.
type panickingReplies struct{ ended chan struct{} }

func (panickingReplies) Accepted()            {}
func (panickingReplies) Part([]byte) bool     { return true }
func (r panickingReplies) Done([]byte, error) { close(r.ended); panic("injected") }

// A panic while a call is answered, which is in the goroutine of its handler, ends no other call.
func TestAnAnswerThatPanics(t *testing.T) {
	h := newHub()
	s := serve(t, join(t, h), map[string]fetch.Handler{
		"p": func(context.Context, *fetch.Call) ([]byte, error) { return []byte("1"), nil },
	}, fetch.Options{AtOnce: 1})
	l := join(t, h)
	contained, ended := panicstest.Begin(t, "calls"), make(chan struct{})
	if _, err := l.Fetch(t.Context(), peer.Request{Service: "test", Procedure: "p"}, panickingReplies{ended}); err != nil {
		t.Fatal(err)
	}
	<-ended
	if got, err := fetch.Fetch(t.Context(), l, "test", "p", nil); string(got) != "1" || err != nil {
		t.Errorf("another call: %s, %v", got, err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	contained.Want(1)
}
