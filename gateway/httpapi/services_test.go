package httpapi_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	dto "github.com/prometheus/client_model/go"

	"seagate/protocol"
	"seagate/streams/peer"
)

// A keeper is a server that leaves calls to the test.
type keeper struct {
	calls   chan *peer.Call
	givenUp chan peer.Reason
}

func (k keeper) Call(c *peer.Call) bool                { k.calls <- c; return true }
func (k keeper) Signal(*peer.Message) bool             { return true }
func (k keeper) GivenUp(_ *peer.Call, why peer.Reason) { k.givenUp <- why }

// serve serves pricing, with the procedure quote, in the jail of a client.
func (s *server) serve(who credentials, credit int) keeper {
	s.t.Helper()
	k := keeper{make(chan *peer.Call, credit), make(chan peer.Reason, credit)}
	services := s.gateway.JoinServices(s.principal(s.t, who))
	s.t.Cleanup(services.Close)
	_, err := services.Serve(peer.Offer{Service: "pricing", Procedures: []string{"quote"}, Credit: credit}, k)
	check(s.t, err)
	return k
}

const quotePath = "/api/v1/services/pricing/quote"

// newClient creates a client in the jail of another.
func (s *server) newClient(as credentials, id string) credentials {
	s.t.Helper()
	var made struct {
		Secret string `json:"secret"`
	}
	check(s.t, json.Unmarshal([]byte(s.okAs(as, "POST", "/api/v1/client", `{"clientId":"`+id+`","description":""}`)), &made))
	return credentials{id, made.Secret}
}

// A call lasts for minutes. It must not outlive the credentials that it was made with.
func TestACallEndsWithTheCredentialsOfItsCaller(t *testing.T) {
	for name, revoke := range map[string]func(s *server, boss credentials){
		"secret rotated": func(s *server, boss credentials) { s.okAs(boss, "PUT", "/api/v1/client/web", "") },
		"client deleted": func(s *server, boss credentials) { s.okAs(boss, "DELETE", "/api/v1/client/web", "") },
		"jail deleted":   func(s *server, _ credentials) { s.ok("DELETE", "/api/v1/jails/acme", "") },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			boss := s.newJail("acme", "boss")
			web := s.newClient(boss, "web")
			k := s.serve(boss, 16)
			answered := make(chan answer, 1)
			go func() { answered <- s.do(call{method: "POST", path: quotePath, body: `{"timeout":300}`, as: &web}) }()
			<-k.calls
			others := make(chan answer, 1)
			go func() { others <- s.do(call{method: "POST", path: quotePath, body: `{"timeout":300}`, as: &boss}) }()
			other := <-k.calls
			revoke(s, boss)
			select {
			case a := <-answered:
				problemOf(t, protocol.CodeInvalidCredentials, a)
			case <-time.After(20 * time.Second):
				t.Fatal("the call goes on")
			}
			if why := <-k.givenUp; why != peer.CallerGone {
				t.Errorf("the server is told %s", why)
			}
			if name == "jail deleted" {
				problemOf(t, protocol.CodeInvalidCredentials, <-others)
				return
			}
			check(t, other.Answer([]byte("7")))
			if a := <-others; a.status != 200 || a.body != `{"result":7}` {
				t.Errorf("the call of another client: %d %s", a.status, a.body)
			}
		})
	}
}

// A backup is everything that there is. Who may not have it any more gets no more of it.
func TestABackupEndsWithTheCredentialsOfItsClient(t *testing.T) {
	files := folder{"a": strings.Repeat("x", 64<<20)} // more than the buffers of a socket
	s, dir := newBackupServer(t, files.checkpoint)
	second := s.newClient(s.root, "second")
	r := must(http.NewRequest("GET", s.url+"/api/v1/backup", nil))
	r.SetBasicAuth(second.id, second.secret)
	response := must(plain.Do(r))
	defer response.Body.Close()
	if response.StatusCode != 200 {
		t.Fatal(response.Status)
	}
	s.ok("PUT", "/api/v1/client/second", "")
	eventually(t, func() bool { return strings.Contains(s.log.String(), "a backup was cut off") })
	wantEmpty(t, dir)
}

// The parts of a call are kept until its end. What all calls of a client keep is bounded,
// and let go when they are answered.
func TestPartsOfAllCallsOfAClientAreBounded(t *testing.T) {
	s := newServer(t, func(s *setup) {
		s.settings.Services.QueuedBytes = 1000
		s.settings.Services.BytesPerClient = 2000
	})
	boss := s.newJail("acme", "boss")
	k := s.serve(boss, 16)
	begin := func() (*peer.Call, <-chan answer) {
		answered := make(chan answer, 1)
		go func() { answered <- s.do(call{method: "POST", path: quotePath, as: &boss, body: `{}`}) }()
		return <-k.calls, answered
	}
	part := []byte(`"` + strings.Repeat("x", 400) + `"`)
	one, first := begin()
	two, second := begin()
	three, third := begin()
	for _, c := range []*peer.Call{one, one, two, two} {
		check(t, c.Part(part))
	}
	if err := two.Part(part); !errors.Is(err, peer.ErrCallOver) {
		t.Errorf("a part over the bound of the call: %v", err)
	}
	problemOf(t, protocol.CodeCallCancelled, <-second)
	for range 2 {
		check(t, three.Part(part)) // two has left room
	}
	four, fourth := begin()
	if err := four.Part(part); !errors.Is(err, peer.ErrCallOver) {
		t.Errorf("a part over the bound of the client: %v", err)
	}
	problemOf(t, protocol.CodeCallCancelled, <-fourth)
	check(t, three.Answer(part)) // the result is over it too
	problemOf(t, protocol.CodeCallCancelled, <-third)
	s.refused(protocol.CodeTooManyCalls, call{method: "POST", path: quotePath, as: &boss, body: `{"payload":"` + strings.Repeat("x", 1200) + `"}`})
	check(t, one.Answer([]byte("7")))
	if a := <-first; a.status != 200 || !strings.HasSuffix(a.body, `"result":7}`) || strings.Count(a.body, "xxx\"") != 2 {
		t.Errorf("%d %s", a.status, a.body)
	}
	eventually(t, func() bool { return s.gateway.ServiceTotals().Bytes == 0 })
	var m dto.Metric
	check(t, s.gateway.Metrics.ResultsDropped.Write(&m))
	if n := m.GetCounter().GetValue(); n != 3 {
		t.Errorf("%v results are counted as dropped, want 3", n)
	}
}
