package peer_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"seagate/streams/peer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// options are bounds that no test meets by accident.
func options() peer.Options {
	return peer.Options{
		ServicesPerSpace:     100,
		ServersPerService:    100,
		ProceduresPerService: 100,
		CallsPerLink:         100_000,
		CallsPerOwner:        100_000,
		BytesPerOwner:        1 << 30,
		BodyBytes:            1 << 20,
	}
}

func join(t testing.TB, h *peer.Hub, client string) peer.Link {
	l := h.Join("jail", peer.Identity{ClientID: client, Owner: client})
	t.Cleanup(func() { l.Close() })
	return l
}

// A server is a peer.Server that keeps what comes.
type server struct {
	calls chan *peer.Call
	inbox chan *peer.Message

	mu      sync.Mutex
	givenUp []string
}

// newServer returns a server with room for so many calls, and as many signals.
func newServer(room int) *server {
	return &server{calls: make(chan *peer.Call, room), inbox: make(chan *peer.Message, room)}
}

func (s *server) Call(c *peer.Call) bool {
	select {
	case s.calls <- c:
		return true
	default:
		return false
	}
}

func (s *server) Signal(m *peer.Message) bool {
	select {
	case s.inbox <- m:
		return true
	default:
		return false
	}
}

func (s *server) GivenUp(c *peer.Call, why peer.Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.givenUp = append(s.givenUp, fmt.Sprintf("%s %s", c.Body, why))
}

func (s *server) told() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.givenUp...)
}

// next returns the call that the server took first.
func (s *server) next(t testing.TB) *peer.Call {
	t.Helper()
	select {
	case c := <-s.calls:
		return c
	case <-time.After(10 * time.Second):
		t.Fatal("no call came")
		return nil
	}
}

func serve(t testing.TB, l peer.Link, o peer.Offer, s peer.Server) peer.Registration {
	t.Helper()
	r, err := l.Serve(t.Context(), o, s)
	if err != nil {
		t.Fatalf("Serve(%+v): %v", o, err)
	}
	return r
}

func pricing(procedures ...string) peer.Offer {
	return peer.Offer{Service: "pricing", Procedures: procedures, Credit: 4}
}

// replies is a peer.Replies that writes down what comes, as text.
type replies struct {
	full bool // takes no parts
	done chan struct{}

	mu  sync.Mutex
	log []string
}

func newReplies() *replies { return &replies{done: make(chan struct{})} }

func (r *replies) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = append(r.log, fmt.Sprintf(format, args...))
}

func (r *replies) Accepted() { r.note("accepted") }

func (r *replies) Part(body []byte) bool {
	r.note("part %s", body)
	return !r.full
}

func (r *replies) Done(result []byte, err error) {
	if err != nil {
		r.note("error %v", err)
	} else {
		r.note("result %s", result)
	}
	close(r.done) // panics the second time
}

func (r *replies) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.log...)
}

func (r *replies) wait(t testing.TB) []string {
	t.Helper()
	select {
	case <-r.done:
	case <-time.After(10 * time.Second):
		t.Fatal("the call did not end")
	}
	return r.all()
}

// fetch makes a call that a server takes.
func fetch(t testing.TB, l peer.Link, r peer.Request) (*replies, peer.Pending) {
	t.Helper()
	to := newReplies()
	p, err := l.Fetch(t.Context(), r, to)
	if err != nil {
		t.Fatalf("Fetch(%+v): %v", r, err)
	}
	return to, p
}

func quote(body string) peer.Request {
	return peer.Request{Service: "pricing", Procedure: "quote", Body: []byte(body)}
}
