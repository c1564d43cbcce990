package groups_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"seagate/groups"
	"seagate/groups/groupstest"
	"seagate/storage"
	"seagate/storage/memory"
	"seagate/streams"
	"seagate/streams/streamstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// member records what it was handed. It takes room messages, or all if room is
// negative, and accepts payloads that do not contain refuses.
type member struct {
	mu       sync.Mutex
	ms       *groups.Membership
	room     int
	refuses  string
	mayMiss  bool // what it is told of gaps
	skips    bool // gaps
	got      []string
	seqs     []uint64
	attempts []int
	tag      uint64
	other    []string
}

func (m *member) Visible(b *streams.Batch) []int {
	if m.refuses == "" {
		return nil
	}
	return indices(b, func(payload string) bool { return !strings.Contains(payload, m.refuses) })
}

// indices returns the indices of the messages that f accepts.
func indices(b *streams.Batch, f func(payload string) bool) []int {
	visible := []int{}
	for i, m := range b.Messages {
		if f(string(m.Payload)) {
			visible = append(visible, i)
		}
	}
	return visible
}

func (m *member) Deliver(b *streams.Batch, share []groups.Share) (int, uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := len(share)
	if m.room >= 0 {
		n = min(n, m.room)
		m.room -= n
	}
	for _, s := range share[:n] {
		d := b.Messages[s.Index]
		m.got = append(m.got, string(d.Payload))
		m.seqs = append(m.seqs, d.Seq)
		m.attempts = append(m.attempts, s.Attempt)
		m.tag++
	}
	return n, m.tag
}

func (m *member) End(err error) {
	switch err {
	case streams.ErrDeleted:
		m.note("end")
	case groups.ErrNotFound:
		m.note("deleted")
	case groups.ErrDrained:
		m.note("drained")
	default:
		m.note("failed: %v", err)
	}
}

func (m *member) Gap(first, last uint64) (tag uint64, told bool) {
	if m.skips {
		return 0, false
	}
	m.note("gap %d-%d", first, last)
	if !m.mayMiss {
		return 0, true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tag++
	return m.tag, true
}

func (m *member) note(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.other = append(m.other, fmt.Sprintf(format, args...))
}

func (m *member) told() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(m.other, ", ")
}

func (m *member) giveRoom(n int) {
	m.mu.Lock()
	m.room = n
	m.mu.Unlock()
	m.ms.Resume()
}

func (m *member) want(t *testing.T, got ...string) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if !slices.Equal(m.got, got) {
		t.Errorf("member got %q, want %q", m.got, got)
	}
}

// take returns what the member was handed since the last call, and the attempts
// before.
func (m *member) take() (got []string, attempts []int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	got, attempts = m.got, m.attempts
	m.got, m.attempts = nil, nil
	return got, attempts
}

// count returns how many messages the member was handed.
func (m *member) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.got)
}

func (m *member) wantAttempts(t *testing.T, attempts ...int) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if !slices.Equal(m.attempts, attempts) {
		t.Errorf("member got attempts %d, want %d", m.attempts, attempts)
	}
}

func all() *member { return &member{room: -1} }

var boiler = streams.ID{Space: "jail", Name: "boiler"}

// fixture is a topic with its groups.
type fixture struct {
	engine   *memory.Engine
	records  storage.Records
	net      *streams.Network
	out      *streams.OutTopic
	opts     groups.Options
	registry *groups.Registry
}

func newFixture(t testing.TB, opts groups.Options, streamOpts streams.Options) *fixture {
	t.Helper()
	engine := memory.New()
	return newFixtureOn(t, engine, engine, opts, streamOpts)
}

// newFixtureOn stores the records of groups in records and everything else in engine.
func newFixtureOn(t testing.TB, engine *memory.Engine, records storage.Records, opts groups.Options, streamOpts streams.Options) *fixture {
	t.Helper()
	net, err := streams.Open(t.Context(), streams.Stores{Records: engine, Disk: engine, Memory: memory.New()}, streamstest.Options(streamOpts))
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{engine: engine, records: records, net: net, opts: opts}
	f.provide(t)
	f.open(t)
	t.Cleanup(f.close)
	return f
}

// groups returns the groups of the fixture's topic.
func (f *fixture) groups() *groups.Topic { return f.registry.Topic(boiler) }

func (f *fixture) provide(t testing.TB) {
	t.Helper()
	topic, err := f.net.Topic(boiler)
	if err != nil {
		t.Fatal(err)
	}
	if f.out, _, err = topic.Out(nil); err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) open(t testing.TB) {
	t.Helper()
	var err error
	if f.registry, err = groups.Open(t.Context(), f.records, f.net, groupstest.Options(f.opts)); err != nil {
		t.Fatal(err)
	}
}

// restart closes the registry and opens it again.
func (f *fixture) restart(t testing.TB) {
	t.Helper()
	if err := f.registry.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.open(t)
}

func (f *fixture) close() {
	_ = f.registry.Close(context.Background())
	f.net.Close()
}

func (f *fixture) join(t testing.TB, client, group string, m *member) *member {
	t.Helper()
	return f.joinWith(t, client, group, m, groups.JoinOptions{})
}

func (f *fixture) joinExplicitly(t testing.TB, m *member) *member {
	t.Helper()
	return f.joinWith(t, "c", "g", m, groups.JoinOptions{Explicit: true})
}

func (f *fixture) joinWith(t testing.TB, client, group string, m *member, opts groups.JoinOptions) *member {
	t.Helper()
	ms, err := f.groups().Join(t.Context(), f.out.Topic(), nameOf(client, group), opts, m)
	if err != nil {
		t.Fatal(err)
	}
	m.ms = ms
	ms.Start()
	return m
}

// tryJoin joins without checking the error or starting the member.
func (f *fixture) tryJoin(t testing.TB, client, group string, m groups.Member) (*groups.Membership, error) {
	return f.groups().Join(t.Context(), f.out.Topic(), nameOf(client, group), groups.JoinOptions{}, m)
}

func nameOf(client, group string) groups.Name { return groups.Name{Client: client, Group: group} }

var (
	theGroup = nameOf("c", "g")
	theKey   = groups.Key{Topic: boiler, Client: "c", Group: "g"}
)

func (f *fixture) send(payloads ...string) {
	raw := make([][]byte, len(payloads))
	for i, p := range payloads {
		raw[i] = []byte(p)
	}
	f.out.Send(raw, func(streams.Sent, error) {})
}

// sendNumbers sends messages whose payloads are their numbers.
func (f *fixture) sendNumbers(first, last int) {
	for n := first; n <= last; n++ {
		f.send(fmt.Sprint(n))
	}
}

func (f *fixture) stat(t testing.TB) groups.Stat {
	t.Helper()
	s, err := f.groups().Get(t.Context(), theGroup)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wantAt checks the position and the lag of the group.
func (f *fixture) wantAt(t testing.TB, position, lag uint64) {
	t.Helper()
	if s := f.stat(t); s.Position != position || s.Lag != lag {
		t.Errorf("the group is at %d with a lag of %d, want %d with %d", s.Position, s.Lag, position, lag)
	}
}

// smallTail makes readers read nearly everything from the log.
var smallTail = streams.Options{TailMessages: 1}

// trim drops all but the newest messages of the topic.
func (f *fixture) trim(t testing.TB, messages uint64) {
	t.Helper()
	log, err := f.engine.OpenLog(t.Context(), boiler.Space+"/"+boiler.Name)
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Trim(t.Context(), storage.Retention{Messages: messages}); err != nil {
		t.Fatal(err)
	}
}

// numbers returns the payloads that sendNumbers sends.
func numbers(first, last int) (all []string) {
	for n := first; n <= last; n++ {
		all = append(all, fmt.Sprint(n))
	}
	return all
}
