package peer_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seagate/streams/peer"
)

func TestACallIsAnsweredOnceAfterItsParts(t *testing.T) {
	h := peer.NewHub(options())
	s := newServer(1)
	serve(t, join(t, h, "server"), pricing("quote"), s)
	got, _ := fetch(t, join(t, h, "web"), quote("7"))
	c := s.next(t)
	if c.Procedure != "quote" || string(c.Body) != "7" || c.Caller.ClientID != "web" || time.Until(c.Deadline) > peer.DefaultTimeout {
		t.Errorf("the server got %+v", c)
	}
	for _, part := range []string{"a", "b"} {
		if err := c.Part([]byte(part)); err != nil {
			t.Error(err)
		}
	}
	if err := c.Answer([]byte("49")); err != nil {
		t.Error(err)
	}
	for name, again := range map[string]error{"answer": c.Answer(nil), "part": c.Part(nil), "failure": c.Fail(&peer.ServerError{}), "refusal": c.Refuse()} {
		if !errors.Is(again, peer.ErrCallOver) {
			t.Errorf("a second %s: %v", name, again)
		}
	}
	if want := []string{"accepted", "part a", "part b", "result 49"}; !slices.Equal(got.wait(t), want) {
		t.Errorf("the caller got %q, want %q", got.all(), want)
	}
	if len(s.told()) > 0 {
		t.Errorf("the server was told %q", s.told())
	}
}

func TestAnErrorIsTheServersOwn(t *testing.T) {
	h := peer.NewHub(options())
	s := newServer(1)
	serve(t, join(t, h, "server"), pricing("quote"), s)
	got, _ := fetch(t, join(t, h, "web"), quote("7"))
	s.next(t).Fail(&peer.ServerError{Code: "out_of_stock", Message: "none left", Details: []byte("{}")})
	if want := []string{"accepted", "error out_of_stock: none left"}; !slices.Equal(got.wait(t), want) {
		t.Errorf("the caller got %q, want %q", got.all(), want)
	}
}

func TestWhatCannotBeCalledFailsAtOnce(t *testing.T) {
	h := peer.NewHub(options())
	s := newServer(1)
	serve(t, join(t, h, "server"), pricing("quote"), s)
	web := join(t, h, "web")
	otherJail := h.Join("other", peer.Identity{ClientID: "web", Owner: "web"})
	defer otherJail.Close()
	closed := join(t, h, "closed")
	closed.Close()
	fetch(t, web, quote("1")) // fills the server
	for _, try := range []struct {
		by   peer.Link
		r    peer.Request
		want error
	}{
		{web, peer.Request{Service: "prices", Procedure: "quote"}, peer.ErrNoSuchService},
		{web, peer.Request{Service: "pricing", Procedure: "guess"}, peer.ErrNoSuchProcedure},
		{web, quote("2"), peer.ErrBusy},
		{otherJail, quote("2"), peer.ErrNoSuchService},
		{closed, quote("2"), peer.ErrClosed},
		{web, peer.Request{Service: "pricing", Procedure: "quote", Timeout: -1}, peer.ErrTimeoutRange},
		{web, peer.Request{Service: "pricing", Procedure: "quote", Timeout: peer.MaxTimeout + 1}, peer.ErrTimeoutRange},
		{web, quote(string(make([]byte, 1<<20+1))), peer.ErrTooLarge},
	} {
		to := newReplies()
		if _, err := try.by.Fetch(t.Context(), try.r, to); !errors.Is(err, try.want) {
			t.Errorf("Fetch of %s %s: %v, want %v", try.r.Service, try.r.Procedure, err, try.want)
		}
		if len(to.all()) > 0 {
			t.Errorf("a refused call got %q", to.all())
		}
	}
}

func TestServersTakeTurnsWithinTheirCredit(t *testing.T) {
	h := peer.NewHub(options())
	web := join(t, h, "web")
	names := []string{"a", "b", "c"}
	servers := map[string]*server{}
	for _, name := range names {
		servers[name] = newServer(10)
		serve(t, join(t, h, name), pricing("quote"), servers[name]) // credit for 4
	}
	only := newServer(10)
	serve(t, join(t, h, "d"), pricing("other"), only) // is not asked for quotes
	for i := range 12 {
		fetch(t, web, quote(fmt.Sprint(i)))
	}
	for _, name := range names {
		if n := len(servers[name].calls); n != 4 {
			t.Errorf("server %s got %d calls, want 4", name, n)
		}
	}
	if _, err := web.Fetch(t.Context(), quote("12"), newReplies()); !errors.Is(err, peer.ErrBusy) {
		t.Errorf("a call beyond the credit of all: %v", err)
	}
	servers["b"].next(t).Answer(nil)
	fetch(t, web, quote("13"))
	if n := len(servers["b"].calls); n != 4 {
		t.Errorf("an answer frees no credit: %d calls", n)
	}
	if len(only.calls) > 0 {
		t.Error("a server without the procedure got a call")
	}
}

func TestACallThatAServerRefusesGoesToAnother(t *testing.T) {
	h := peer.NewHub(options())
	full, free := newServer(0), newServer(10)
	serve(t, join(t, h, "full"), pricing("quote"), full)
	serve(t, join(t, h, "free"), pricing("quote"), free)
	web := join(t, h, "web")
	for range 4 {
		fetch(t, web, quote("1"))
	}
	if len(free.calls) != 4 {
		t.Errorf("%d of 4 calls came", len(free.calls))
	}
	info, _ := web.Service(t.Context(), "pricing")
	for _, s := range info.Servers {
		if s.ClientID == "full" && (s.Calls > 0 || s.UnderWay > 0) {
			t.Errorf("refused calls are counted: %+v", s)
		}
	}
}

func TestCallsOfAServerThatLeavesFailAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := peer.NewHub(options())
		s := newServer(4)
		link := join(t, h, "server")
		r := serve(t, link, pricing("quote"), s)
		web := join(t, h, "web")
		first, _ := fetch(t, web, quote("1"))
		r.Withdraw(30 * time.Second)
		r.Withdraw(30 * time.Second) // does nothing
		second := newReplies()
		if _, err := web.Fetch(t.Context(), quote("2"), second); !errors.Is(err, peer.ErrNoSuchService) {
			t.Errorf("a call to a server that was withdrawn: %v", err)
		}
		link.Close()
		if want := []string{"accepted", "error " + peer.ErrServerGone.Error()}; !slices.Equal(first.wait(t), want) {
			t.Errorf("the caller got %q, want %q", first.all(), want)
		}
		if err := s.next(t).Answer(nil); !errors.Is(err, peer.ErrCallOver) {
			t.Errorf("an answer after the end: %v", err)
		}
	})
}

func TestAWithdrawnServerMayAnswerForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := peer.NewHub(options())
		s := newServer(4)
		r := serve(t, join(t, h, "server"), pricing("quote"), s)
		web := join(t, h, "web")
		minute := quote("1")
		minute.Timeout = time.Minute
		first, _ := fetch(t, web, minute)
		second, _ := fetch(t, web, minute)
		r.Withdraw(30 * time.Second)
		time.Sleep(29 * time.Second)
		s.next(t).Answer([]byte("late"))
		time.Sleep(time.Second)
		synctest.Wait()
		if want := []string{"accepted", "result late"}; !slices.Equal(first.all(), want) {
			t.Errorf("within the time: %q, want %q", first.all(), want)
		}
		if want := []string{"accepted", "error " + peer.ErrServerGone.Error()}; !slices.Equal(second.all(), want) {
			t.Errorf("after it: %q, want %q", second.all(), want)
		}
		if want := []string{"1 timeout"}; !slices.Equal(s.told(), want) {
			t.Errorf("the server was told %q, want %q", s.told(), want)
		}
	})
}

func TestADeadlineEndsACallOnBothSides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := peer.NewHub(options())
		s := newServer(4)
		serve(t, join(t, h, "server"), peer.Offer{Service: "pricing", Procedures: []string{"quote"}, Credit: 1}, s)
		web := join(t, h, "web")
		short := quote("1")
		short.Timeout = 1500 * time.Millisecond
		got, _ := fetch(t, web, short)
		time.Sleep(1499 * time.Millisecond)
		synctest.Wait()
		if len(got.all()) != 1 {
			t.Errorf("before the deadline: %q", got.all())
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if want := []string{"accepted", "error " + peer.ErrTimeout.Error()}; !slices.Equal(got.all(), want) {
			t.Errorf("the caller got %q, want %q", got.all(), want)
		}
		if want := []string{"1 timeout"}; !slices.Equal(s.told(), want) {
			t.Errorf("the server was told %q, want %q", s.told(), want)
		}
		if err := s.next(t).Answer(nil); !errors.Is(err, peer.ErrCallOver) {
			t.Errorf("a late answer: %v", err)
		}
		fetch(t, web, quote("2")) // the credit is free again
	})
}

func TestNothingComesForACancelledCall(t *testing.T) {
	h := peer.NewHub(options())
	s := newServer(4)
	serve(t, join(t, h, "server"), pricing("quote"), s)
	got, pending := fetch(t, join(t, h, "web"), quote("1"))
	if !pending.Cancel() || pending.Cancel() {
		t.Error("a call is cancelled once")
	}
	if err := s.next(t).Answer(nil); !errors.Is(err, peer.ErrCallOver) {
		t.Errorf("an answer to it: %v", err)
	}
	if want := []string{"accepted"}; !slices.Equal(got.all(), want) {
		t.Errorf("the caller got %q", got.all())
	}
	if want := []string{"1 cancelled"}; !slices.Equal(s.told(), want) {
		t.Errorf("the server was told %q, want %q", s.told(), want)
	}
}

func TestAServerIsToldThatItsCallerIsGone(t *testing.T) {
	h := peer.NewHub(options())
	s := newServer(4)
	serve(t, join(t, h, "server"), pricing("quote"), s)
	web := join(t, h, "web")
	got, _ := fetch(t, web, quote("1"))
	web.Close()
	web.Close() // does nothing
	if want := []string{"1 caller_gone"}; !slices.Equal(s.told(), want) {
		t.Errorf("the server was told %q, want %q", s.told(), want)
	}
	if len(got.all()) != 1 {
		t.Errorf("the caller that is gone got %q", got.all())
	}
}

func TestAnAnswerOverTheLimitIsRefused(t *testing.T) {
	h := peer.NewHub(options())
	s := newServer(4)
	serve(t, join(t, h, "server"), pricing("quote"), s)
	web := join(t, h, "web")
	large := make([]byte, 1<<20+1)
	for name, answer := range map[string]func(*peer.Call) error{
		"result": func(c *peer.Call) error { return c.Answer(large) },
		"part":   func(c *peer.Call) error { return c.Part(large) },
		"error":  func(c *peer.Call) error { return c.Fail(&peer.ServerError{Code: "x", Details: large[1:]}) },
	} {
		got, _ := fetch(t, web, quote("1"))
		if err := answer(s.next(t)); !errors.Is(err, peer.ErrTooLarge) {
			t.Errorf("%s: the server got %v", name, err)
		}
		if want := []string{"accepted", "error " + peer.ErrBadAnswer.Error()}; !slices.Equal(got.wait(t), want) {
			t.Errorf("%s: the caller got %q, want %q", name, got.all(), want)
		}
	}
}

func TestACallerThatHasNoRoomForAPartLosesTheCall(t *testing.T) {
	h := peer.NewHub(options())
	s := newServer(4)
	serve(t, join(t, h, "server"), pricing("quote"), s)
	to := &replies{full: true, done: make(chan struct{})}
	if _, err := join(t, h, "web").Fetch(t.Context(), quote("1"), to); err != nil {
		t.Fatal(err)
	}
	if err := s.next(t).Part([]byte("a")); !errors.Is(err, peer.ErrCallOver) {
		t.Errorf("the part: %v", err)
	}
	if want := []string{"accepted", "part a", "error " + peer.ErrFull.Error()}; !slices.Equal(to.wait(t), want) {
		t.Errorf("the caller got %q, want %q", to.all(), want)
	}
	if want := []string{"1 cancelled"}; !slices.Equal(s.told(), want) {
		t.Errorf("the server was told %q, want %q", s.told(), want)
	}
}

func TestASoleServerIsAlone(t *testing.T) {
	h := peer.NewHub(options())
	sole := peer.Offer{Service: "pricing", Procedures: []string{"quote"}, Sole: true}
	first := join(t, h, "a")
	r := serve(t, first, sole, newServer(1))
	for _, o := range []peer.Offer{sole, pricing("quote")} {
		if _, err := join(t, h, "b").Serve(t.Context(), o, newServer(1)); !errors.Is(err, peer.ErrServiceTaken) {
			t.Errorf("a second server, sole %t: %v", o.Sole, err)
		}
	}
	r.Withdraw(0)
	serve(t, join(t, h, "c"), pricing("quote"), newServer(1))
	if _, err := first.Serve(t.Context(), sole, newServer(1)); !errors.Is(err, peer.ErrServiceTaken) {
		t.Errorf("a sole server of a service that has one: %v", err)
	}
}

func TestEachBoundIsTold(t *testing.T) {
	o := options()
	o.ServicesPerSpace, o.ServersPerService, o.ProceduresPerService, o.CallsPerLink, o.CallsPerOwner = 2, 2, 3, 2, 3
	h := peer.NewHub(o)
	l := join(t, h, "a")
	s := newServer(10)
	serve(t, l, pricing("quote", "b"), s)
	refused := func(o peer.Offer, want error) {
		t.Helper()
		if _, err := l.Serve(t.Context(), o, s); !errors.Is(err, want) {
			t.Errorf("Serve(%+v): %v, want %v", o, err, want)
		}
	}
	refused(pricing("c", "d"), peer.ErrTooManyServices)
	refused(peer.Offer{Service: "x", Procedures: []string{"a", "b", "c", "d"}}, peer.ErrTooManyServices)
	serve(t, l, pricing("quote", "c"), s)
	refused(pricing("quote"), peer.ErrTooManyServices)
	serve(t, l, peer.Offer{Service: "second", Procedures: []string{"a"}}, s)
	refused(peer.Offer{Service: "third", Procedures: []string{"a"}}, peer.ErrTooManyServices)
	for _, bad := range []peer.Offer{{Service: "", Procedures: []string{"a"}}, {Service: "x"}, {Service: "x", Procedures: []string{""}},
		{Service: "x", Procedures: []string{"a"}, Credit: -1}, {Service: "x", Procedures: []string{"a"}, Credit: 1025}} {
		refused(bad, peer.ErrBadOffer)
	}

	web, web2 := join(t, h, "web"), join(t, h, "web") // of one owner
	_, pending := fetch(t, web, quote("1"))
	fetch(t, web, quote("2"))
	full := func(l peer.Link) {
		t.Helper()
		if _, err := l.Fetch(t.Context(), quote("x"), newReplies()); !errors.Is(err, peer.ErrTooManyCalls) {
			t.Errorf("a call too many: %v", err)
		}
	}
	full(web)
	fetch(t, web2, quote("3"))
	full(web2)
	pending.Cancel()
	fetch(t, web2, quote("4"))
	fetch(t, l, quote("5")) // another owner
}

func TestASignalReachesOneOrAll(t *testing.T) {
	h := peer.NewHub(options())
	web := join(t, h, "web")
	a, b, none := newServer(2), newServer(3), newServer(5)
	serve(t, join(t, h, "a"), pricing("reload"), a)
	serve(t, join(t, h, "b"), pricing("reload"), b)
	serve(t, join(t, h, "c"), pricing("quote"), none)
	for i, want := range []struct {
		all     bool
		reached int
		err     error
	}{{false, 1, nil}, {false, 1, nil}, {true, 2, nil}, {true, 1, nil}, {false, 0, peer.ErrBusy}, {true, 0, peer.ErrBusy}} {
		n, err := web.Signal(t.Context(), peer.Signal{Service: "pricing", Procedure: "reload", Body: []byte("1"), All: want.all})
		if n != want.reached || !errors.Is(err, want.err) {
			t.Errorf("signal %d, all %t: %d %v, want %d %v", i, want.all, n, err, want.reached, want.err)
		}
	}
	if m := <-a.inbox; m.Procedure != "reload" || string(m.Body) != "1" || m.Caller.ClientID != "web" {
		t.Errorf("the server got %+v", m)
	}
	if len(none.inbox) > 0 {
		t.Error("a server without the procedure was reached")
	}
	for _, all := range []bool{true, false} {
		for service, want := range map[string]error{"prices": peer.ErrNoSuchService, "pricing": peer.ErrNoSuchProcedure} {
			if _, err := web.Signal(t.Context(), peer.Signal{Service: service, Procedure: "x", All: all}); !errors.Is(err, want) {
				t.Errorf("signal to %s x: %v", service, err)
			}
		}
	}
}

func TestAWatcherIsToldTheNumberOfServers(t *testing.T) {
	h := peer.NewHub(options())
	web, a, b := join(t, h, "web"), join(t, h, "a"), join(t, h, "b")
	var got []int
	stop := web.Watch("pricing", func(n int) { got = append(got, n) })
	serve(t, a, pricing("quote"), newServer(1))
	serve(t, a, pricing("quote"), newServer(1))
	serve(t, b, pricing("quote"), newServer(1)).Withdraw(0)
	a.Close()
	serve(t, b, peer.Offer{Service: "other", Procedures: []string{"x"}}, newServer(1))
	stop()
	serve(t, b, pricing("quote"), newServer(1))
	if want := []int{0, 1, 2, 3, 2, 0}; !slices.Equal(got, want) && !slices.Equal(got, []int{0, 1, 2, 3, 2, 1, 0}) {
		t.Errorf("the watcher was told %v, want %v", got, want)
	}
}

func TestTheLastWordToAWatcherIsTheTruth(t *testing.T) {
	h := peer.NewHub(options())
	web := join(t, h, "web")
	var last int
	var mu sync.Mutex
	defer web.Watch("pricing", func(n int) { mu.Lock(); last = n; mu.Unlock() })()
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			l := h.Join("jail", peer.Identity{})
			for range 200 {
				if r, err := l.Serve(t.Context(), pricing("quote"), newServer(1)); err == nil {
					r.Withdraw(0)
				}
			}
			l.Serve(t.Context(), pricing("quote"), newServer(1))
			l.Close()
		})
	}
	work.Wait()
	serve(t, web, pricing("quote"), newServer(1))
	mu.Lock()
	defer mu.Unlock()
	if last != 1 {
		t.Errorf("the last word was %d servers, and there is 1", last)
	}
}

func TestTheStatsOfAServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := peer.NewHub(options())
		s := newServer(10)
		began := time.Now()
		l := join(t, h, "server")
		serve(t, l, peer.Offer{Service: "pricing", Procedures: []string{"quote", "a"}, Credit: 10, Sole: true}, s)
		web := join(t, h, "web")
		answer := func(after time.Duration, how func(*peer.Call)) {
			r := quote("1")
			r.Timeout = 10 * time.Second
			fetch(t, web, r)
			time.Sleep(after)
			how(s.next(t))
			synctest.Wait()
		}
		ok := func(c *peer.Call) { c.Answer(nil) }
		answer(time.Second, ok)
		answer(3*time.Second, ok)
		answer(2*time.Second, func(c *peer.Call) { c.Fail(&peer.ServerError{Code: "x", Message: "no"}) })
		answer(11*time.Second, ok) // too late
		_, cancelled := fetch(t, web, quote("1"))
		cancelled.Cancel()
		fetch(t, web, quote("1"))
		info, err := web.Service(t.Context(), "pricing")
		if err != nil {
			t.Fatal(err)
		}
		want := peer.ServerInfo{ClientID: "server", Address: l.Address(), Procedures: []string{"a", "quote"}, Sole: true, Since: began, Stats: peer.Stats{
			Calls: 6, Failed: 2, UnderWay: 1, Median: 2 * time.Second, Longest: 3 * time.Second, LastError: "no answer in time"}}
		if got := info.Servers[0]; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %+v\nwant %+v", got, want)
		}
		if _, err := web.Service(t.Context(), "other"); !errors.Is(err, peer.ErrNoSuchService) {
			t.Error(err)
		}
	})
}

func TestTheListIsInOrderAndWithoutAddresses(t *testing.T) {
	h := peer.NewHub(options())
	l := peer.NewClient(join(t, h, "a"))
	for _, name := range []string{"c", "a", "b"} {
		serve(t, l, peer.Offer{Service: name, Procedures: []string{"x"}}, newServer(1))
	}
	if _, _, err := l.Bind(t.Context(), "port", mailbox(nil)); err != nil {
		t.Fatal(err)
	}
	names := func(after string, limit int) (names []string, more bool) {
		list, more, err := l.List(t.Context(), after, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list {
			names = append(names, s.Name)
		}
		return names, more
	}
	if got, more := names("", 2); !slices.Equal(got, []string{"a", "b"}) || !more {
		t.Errorf("the first page: %q %t", got, more)
	}
	if got, more := names("b", 2); !slices.Equal(got, []string{"c"}) || more {
		t.Errorf("the second page: %q %t", got, more)
	}
}

func TestManyCallsAnsweredInRandomOrderAreNotMixedUp(t *testing.T) {
	const many = 10_000
	h := peer.NewHub(options())
	s := newServer(many)
	var callers []*replies
	web := join(t, h, "web")
	for range many / 1000 { // a server has credit for 1,024
		serve(t, join(t, h, "server"), peer.Offer{Service: "pricing", Procedures: []string{"quote"}, Credit: 1000}, s)
	}
	for i := range many {
		got, _ := fetch(t, web, quote(fmt.Sprint(i)))
		callers = append(callers, got)
	}
	calls := make([]*peer.Call, many)
	for i := range calls {
		calls[i] = s.next(t)
	}
	rand.Shuffle(many, func(i, k int) { calls[i], calls[k] = calls[k], calls[i] })
	var work sync.WaitGroup
	for part := range slices.Chunk(calls, many/8) {
		work.Go(func() {
			for _, c := range part {
				c.Answer(append([]byte("for "), c.Body...))
			}
		})
	}
	work.Wait()
	for i, c := range callers {
		if want := []string{"accepted", fmt.Sprintf("result for %d", i)}; !slices.Equal(c.wait(t), want) {
			t.Fatalf("call %d got %q", i, c.all())
		}
	}
}

// TestEveryCallEndsOnce lets servers and callers come and go while calls are
// under way.
func TestEveryCallEndsOnce(t *testing.T) {
	h := peer.NewHub(options())
	var work sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		work.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				l := h.Join("jail", peer.Identity{Owner: "server"})
				s := &answering{}
				r, err := l.Serve(t.Context(), pricing("quote"), s)
				if err != nil {
					t.Error(err)
				}
				time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond)
				if rand.IntN(2) == 0 {
					r.Withdraw(time.Duration(rand.IntN(2)) * time.Millisecond)
				}
				l.Close()
				s.work.Wait()
			}
		})
	}
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			for range 20 {
				l := h.Join("jail", peer.Identity{Owner: "web"})
				var waiting []*replies
				for range 100 {
					to := newReplies()
					r := quote("1")
					r.Timeout = time.Duration(1+rand.IntN(1000)) * time.Microsecond
					pending, err := l.Fetch(t.Context(), r, to)
					if err == nil && (rand.IntN(10) > 0 || !pending.Cancel()) {
						waiting = append(waiting, to)
					}
				}
				for _, to := range waiting {
					to.wait(t)
				}
				l.Close()
			}
		})
	}
	callers.Wait()
	close(stop)
	work.Wait()
	if got := h.Totals(); got != (peer.Totals{}) {
		t.Errorf("left in the hub: %+v", got)
	}
}

// answering answers each call from another goroutine.
type answering struct{ work sync.WaitGroup }

func (s *answering) Call(c *peer.Call) bool {
	if rand.IntN(4) == 0 {
		return false
	}
	s.work.Go(func() {
		c.Part(nil)
		if rand.IntN(8) > 0 {
			c.Answer(nil)
		}
	})
	return true
}

func (s *answering) Signal(*peer.Message) bool       { return true }
func (s *answering) GivenUp(*peer.Call, peer.Reason) {}
