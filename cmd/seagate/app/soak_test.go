package app_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"seagate/client"
)

// The delivery soak: 200 subscribers, a third of them in groups and a third
// with a filter in their token, and 20 publishers, while connections come and
// go. In the end every session of every subscriber must have received exactly
// what it should have, in order, by the word of one that was there all along.
const (
	soakPublishers  = 20
	soakPlain       = 66 // subscribers on their own
	soakFiltered    = 66 // of these every third sees one of three colors
	soakGroups      = 6
	soakMembers     = 68 / soakGroups // of each group; the first stays to the end
	soakPerSecond   = 5               // messages of each publisher
	soakSessionTime = 2 * time.Second // at most, of those who come and go
)

const soakDefinition = `{"version":1,"fields":[
	{"name":"publisher","type":"integer"},
	{"name":"n","type":"integer"},
	{"name":"color","type":"enum","enum":["red","green","blue"]}]}`

var colors = []string{"red", "green", "blue"}

// A soakMessage is known by its publisher and number.
type soakMessage struct {
	Publisher int    `json:"publisher"`
	N         int    `json:"n"`
	Color     string `json:"color"`
}

type soak struct {
	t      *testing.T
	url    string
	basic  *client.Client
	tokens map[string]*client.Client // by color
	end    context.Context           // when the coming and going ends

	mu       sync.Mutex // guards what follows
	accepted []int      // by publisher: how many of its messages the gateway has accepted
	sent     []int      // by publisher: how many it has begun to send
	sessions []*session
}

// A session is what one subscription received.
type session struct {
	color string // "" sees all
	group string
	last  bool  // it stayed until everything had arrived
	after []int // sent, when the subscription had begun: all that was sent later must have come
	got   []soakMessage
}

func TestDeliverySoak(t *testing.T) {
	length := 6 * time.Second
	if os.Getenv("SEAGATE_SOAK") != "" {
		length = time.Minute
	}
	s := newSoak(t)
	var cancel context.CancelFunc
	s.end, cancel = context.WithTimeout(t.Context(), length)
	defer cancel()

	witness := s.subscribe(s.basic, "", "")
	var subscribers, members, publishers sync.WaitGroup
	s.startSubscribers(&subscribers, &members)
	for i := range soakPublishers {
		publishers.Go(func() { s.publish(i) })
	}
	publishers.Wait()
	total := s.total()
	witness.readUntil(s, func() bool { return len(witness.session.got) == total })
	order := s.order(witness.session)
	members.Wait() // what they leave behind goes to those who stay
	s.finish(&subscribers)
	s.check(order)
	t.Logf("%d messages, %d sessions", total, len(s.sessions))
}

func newSoak(t *testing.T) *soak {
	a, _ := start(t, testConfig(t))
	s := &soak{t: t, url: a.URL(), tokens: map[string]*client.Client{},
		accepted: make([]int, soakPublishers), sent: make([]int, soakPublishers)}
	s.basic = s.newClient(client.Basic("root", secret))
	if _, err := s.basic.Define(t.Context(), "soak", jsontext.Value(soakDefinition)); err != nil {
		t.Fatal(err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	if err := s.basic.SetPublicKey(t.Context(), "root", string(public)); err != nil {
		t.Fatal(err)
	}
	for _, color := range colors {
		s.tokens[color] = s.newClient(client.JWT("root", colorToken(t, key, color)))
	}
	return s
}

func (s *soak) newClient(c client.Credentials) *client.Client {
	made, err := client.New(s.url, c, client.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(made.CloseIdleConnections)
	return made
}

// colorToken is a token whose bearer sees one color.
func colorToken(t *testing.T, key *rsa.PrivateKey, color string) string {
	encode := base64.RawURLEncoding.EncodeToString
	claims := fmt.Sprintf(`{"exp":%d,"filter":{"t":"eq","e":[{"t":"path","e":"$.color"},{"t":"string","e":%q}]}}`,
		time.Now().Add(time.Hour).Unix(), color)
	text := encode([]byte(`{"alg":"RS512","typ":"JWT"}`)) + "." + encode([]byte(claims))
	signature, err := jwt.SigningMethodRS512.Sign(text, key)
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + encode(signature)
}

// publish sends numbered messages until the soak ends.
func (s *soak) publish(publisher int) {
	conn, err := s.basic.Dial(s.t.Context())
	if err != nil {
		s.t.Errorf("publisher %d: %v", publisher, err)
		return
	}
	defer conn.Close()
	tick := time.NewTicker(time.Second / soakPerSecond)
	defer tick.Stop()
	for n := 0; s.end.Err() == nil; n++ {
		s.count(s.sent, publisher)
		m := soakMessage{publisher, n, colors[n%len(colors)]}
		if err := conn.Publish(s.t.Context(), "soak", m); err != nil {
			s.t.Errorf("publisher %d: message %d: %v", publisher, n, err)
			return
		}
		s.count(s.accepted, publisher)
		select {
		case <-tick.C:
		case <-s.end.Done():
		}
	}
}

func (s *soak) count(counts []int, publisher int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts[publisher]++
}

func (s *soak) total() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, accepted := range s.accepted {
		n += accepted
	}
	return n
}

// A reader is a session under way.
type reader struct {
	session *session
	conn    *client.Conn
	sub     *client.Subscription
}

func (s *soak) subscribe(c *client.Client, color, group string) *reader {
	conn, err := c.Dial(s.t.Context())
	if err != nil {
		s.t.Errorf("subscriber: %v", err)
		return nil
	}
	sub, err := conn.Subscribe(s.t.Context(), "soak", client.SubscribeOptions{Group: group})
	if err != nil {
		s.t.Errorf("subscriber: %v", err)
		conn.Close()
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &reader{&session{color: color, group: group, after: slices.Clone(s.sent)}, conn, sub}
	s.sessions = append(s.sessions, r.session)
	return r
}

// readUntil notes messages until it has enough.
func (r *reader) readUntil(s *soak, enough func() bool) {
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	for !enough() {
		if !r.readOne(s, ctx) {
			s.t.Errorf("a subscriber that should receive more does not (color %q, group %q, %d received): %v", r.session.color, r.session.group, len(r.session.got), context.Cause(ctx))
			return
		}
	}
}

// readOne notes the next message. It returns false when there is none.
func (r *reader) readOne(s *soak, ctx context.Context) bool {
	message, err := r.sub.Next(ctx)
	if err != nil {
		if !errors.Is(err, ctx.Err()) && !errors.Is(err, client.ErrUnsubscribed) {
			s.t.Errorf("subscriber: %v", err)
		}
		return false
	}
	var m soakMessage
	if err := json.Unmarshal(message.Payload, &m); err != nil {
		s.t.Errorf("subscriber: %v", err)
	}
	r.session.got = append(r.session.got, m)
	return true
}

func (s *soak) startSubscribers(wait, members *sync.WaitGroup) {
	for range soakPlain {
		wait.Go(func() { s.comeAndGo(s.basic, "", "") })
	}
	for i := range soakFiltered {
		color := colors[i%len(colors)]
		wait.Go(func() { s.comeAndGo(s.tokens[color], color, "") })
	}
	for range soakGroups {
		group := uuid.NewString()
		stays := s.subscribe(s.basic, "", group) // the group begins before anything is published
		stays.session.last = true
		wait.Go(func() { s.stay(stays) })
		for range soakMembers - 1 {
			members.Go(func() { s.comeAndGo(s.basic, "", group) })
		}
	}
}

// comeAndGo has one session after the other.
func (s *soak) comeAndGo(c *client.Client, color, group string) {
	for s.end.Err() == nil {
		r := s.subscribe(c, color, group)
		if r == nil {
			return
		}
		ctx, cancel := context.WithTimeout(s.end, mathrand.N(soakSessionTime))
		for r.readOne(s, ctx) {
		}
		cancel()
		if s.end.Err() == nil || group != "" {
			r.leave(s)
			continue
		}
		r.session.last = true
		s.stay(r)
	}
}

// leave ends a session after noting what its socket has received: that much a
// member of a group has acknowledged.
func (r *reader) leave(s *soak) {
	defer r.conn.Close()
	if err := r.sub.Unsubscribe(s.t.Context()); err != nil {
		s.t.Errorf("unsubscribe: %v", err)
		return
	}
	for r.readOne(s, s.t.Context()) {
	}
}

// stay reads on until everything has arrived that was published, which finish
// marks with a message of its own.
func (s *soak) stay(r *reader) {
	defer r.conn.Close()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	for {
		if !r.readOne(s, ctx) {
			s.t.Errorf("a subscriber that stayed did not see the end (color %q, group %q)", r.session.color, r.session.group)
			return
		}
		if last := len(r.session.got) - 1; r.session.got[last].Publisher == endMark {
			r.session.got = r.session.got[:last]
			return
		}
	}
}

// endMark is the publisher of the messages that end the soak.
const endMark = -1

// finish publishes the end in every color until all subscribers have seen it.
func (s *soak) finish(subscribers *sync.WaitGroup) {
	done := make(chan struct{})
	go func() { subscribers.Wait(); close(done) }()
	for n := 0; ; n++ {
		m := soakMessage{endMark, n, colors[n%len(colors)]}
		if err := s.basic.Publish(s.t.Context(), "soak", m); err != nil {
			s.t.Fatal(err)
		}
		select {
		case <-done:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// order is the place of each message in the stream, by the witness.
func (s *soak) order(witness *session) map[soakMessage]int {
	order := map[soakMessage]int{}
	next := make([]int, soakPublishers)
	for i, m := range witness.got {
		if m.N != next[m.Publisher] {
			s.t.Fatalf("publisher %d: the witness received %d, want %d", m.Publisher, m.N, next[m.Publisher])
		}
		next[m.Publisher]++
		order[m] = i
	}
	return order
}

func (s *soak) check(order map[soakMessage]int) {
	sequence := make([]soakMessage, len(order))
	for m, i := range order {
		sequence[i] = m
	}
	groups := map[string]map[soakMessage]int{}
	for _, session := range s.sessions {
		if session.group != "" {
			s.checkMember(session, order, groups)
		} else {
			s.checkAlone(session, sequence, order)
		}
	}
	for group, received := range groups {
		if len(received) != len(order) {
			s.t.Errorf("group %s: its members received %d messages of %d", group, len(received), len(order))
		}
	}
}

// checkAlone: without gap or repeat, from no later than what was sent after
// the subscription began, and to the end if it stayed.
func (s *soak) checkAlone(session *session, sequence []soakMessage, order map[soakMessage]int) {
	got := slices.DeleteFunc(slices.Clone(session.got), func(m soakMessage) bool { return m.Publisher == endMark })
	must := slices.IndexFunc(sequence, func(m soakMessage) bool {
		return session.sees(m) && m.N >= session.after[m.Publisher]
	})
	if len(got) == 0 {
		if session.last && must >= 0 {
			s.t.Errorf("a session that stayed received nothing of %d messages", len(sequence)-must)
		}
		return
	}
	at := order[got[0]]
	if must >= 0 && at > must {
		s.t.Errorf("a session began with message %d and should have with %d at the latest", at, must)
	}
	for i, m := range got {
		for at < len(sequence) && !session.sees(sequence[at]) {
			at++
		}
		if at == len(sequence) || sequence[at] != m {
			s.t.Errorf("a session (color %q) received %+v as its %d. message, which is not the next in the stream", session.color, m, i+1)
			return
		}
		at++
	}
	if rest := slices.IndexFunc(sequence[at:], session.sees); session.last && rest >= 0 {
		s.t.Errorf("a session that stayed did not receive message %d", at+rest)
	}
}

func (session *session) sees(m soakMessage) bool {
	return session.color == "" || session.color == m.Color
}

// checkMember: nothing twice in one session. That nothing is missing is for
// the whole group to show; what a leaver had not acknowledged comes again to
// another one.
func (s *soak) checkMember(session *session, order map[soakMessage]int, groups map[string]map[soakMessage]int) {
	received := groups[session.group]
	if received == nil {
		received = map[soakMessage]int{}
		groups[session.group] = received
	}
	seen := map[soakMessage]bool{}
	for _, m := range session.got {
		if m.Publisher == endMark {
			continue
		}
		if seen[m] {
			s.t.Errorf("a member received %+v twice", m)
		}
		seen[m] = true
		if _, known := order[m]; !known {
			s.t.Errorf("a member received %+v, which nobody published", m)
		}
		received[m]++
	}
}
