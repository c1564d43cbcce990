package oracle

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"seagate/client"
)

// A followerRun is a follower at work. It implements role.
type followerRun struct {
	*consumer
	*Follower
	spec  followerSpec
	next  uint64 // where it goes on, if it resumes
	epoch string // "" before its first session with meta
}

// A followerSpec is what a follower does.
type followerSpec struct {
	name    string
	color   string
	resumes bool
	meta    bool
	alone   bool // it is the one member of a group
	stalls  bool
	from    func() client.Position // nil is the latest
}

// followerSpecs returns the followers of a stream.
func (o *Oracle) followerSpecs(stream string) []followerSpec {
	random := o.chance(-1)
	someNumber := func() client.Position { return client.AtSeq(1 + random.Uint64N(o.seen[stream].Load()+1)) }
	someTime := func() client.Position { return client.Since(time.Now().Add(-time.Second)) }
	specs := []followerSpec{
		{name: "resuming from the beginning", resumes: true, from: client.Earliest},
		{name: "resuming live", resumes: true},
		{name: "live"},
		{name: "live, alone in its group", alone: true},
		{name: "from the beginning", from: client.Earliest},
		{name: "from a number", meta: true, from: someNumber},
		{name: "from a time", meta: true, from: someTime},
	}
	for _, color := range colors[:2] {
		specs = append(specs, followerSpec{name: "token that sees " + color, color: color, resumes: true})
	}
	if o.options.Keep > 0 {
		specs = append(specs,
			followerSpec{name: "slow and told", stalls: true, resumes: true},
			followerSpec{name: "slow and closed", stalls: true})
	}
	return specs
}

func (o *Oracle) newFollower(stream string, spec followerSpec) (*followerRun, error) {
	t := o.target
	if spec.color != "" {
		var err error
		if t, err = o.viewer.target(spec.color); err != nil {
			return nil, err
		}
	}
	c, err := o.newConsumer(stream, t, spec.stalls)
	if err != nil {
		return nil, err
	}
	return &followerRun{consumer: c, spec: spec,
		Follower: &Follower{Name: spec.name, Stream: stream, Color: spec.color, Resumes: spec.resumes}}, nil
}

func (f *followerRun) nextOptions() client.SubscribeOptions {
	made := client.SubscribeOptions{Meta: f.Resumes || f.spec.meta}
	switch {
	case f.Resumes && f.epoch != "":
		made.From, made.Epoch = client.AtSeq(f.next), f.epoch
	case f.spec.from != nil:
		made.From = f.spec.from()
	}
	if f.spec.alone || f.options.Shared && f.Color == "" {
		made.Group = uuid.NewString()
	}
	return made
}

func (f *followerRun) failed(err error) { f.Failure = err.Error() }

func (f *followerRun) began(l *listening) {
	f.Sessions = append(f.Sessions, l.Session)
	if f.epoch == "" {
		f.next, f.epoch = l.Joined.Next, l.Joined.Epoch
	}
}

func (f *followerRun) ended(*listening) {}

func (f *followerRun) take(_ *listening, e *Event) {
	if e.Missing != (client.Missing{}) {
		f.next = e.Missing.To + 1
		return
	}
	if e.Seq == 0 {
		return
	}
	f.next = e.Seq + 1
	seen := f.seen[f.consumer.stream]
	for before := seen.Load(); e.Seq > before && !seen.CompareAndSwap(before, e.Seq); before = seen.Load() {
	}
}

func (f *followerRun) complete(l *listening) bool {
	last, any := f.logs[f.consumer.stream].last(f.Color)
	n := len(l.Events)
	switch {
	case !any:
		return true
	case f.Resumes:
		return f.next > last.Seq
	case n > 0:
		e := l.Events[n-1]
		return e.ID == last.ID || e.Missing.To >= last.Seq
	case l.Meta:
		return l.Joined.Next > last.Seq
	default:
		return l.From == client.Position{} && f.lastSent[f.consumer.stream] < l.JoinedAt
	}
}

// last returns the last message that a consumer of the color must have, and
// false if there is none.
func (l *Log) last(color string) (Entry, bool) {
	for i := len(l.Entries) - 1; i >= 0; i-- {
		if color == "" || l.Entries[i].Color == color {
			return l.Entries[i], true
		}
	}
	return Entry{}, false
}

// A pager follows a stream by HTTP calls.
type pager struct {
	*consumer
	*Follower
}

const pageLimit = 500

func (p *pager) run() {
	defer p.link.close()
	s := &Session{Meta: true, From: client.Earliest(), AskedAt: p.clock.now()}
	position, next := client.Earliest(), uint64(0)
	for {
		page, err := p.page(p.consuming, p.link, p.consumer.stream, position, 1+p.random.IntN(pageLimit), s.Joined.Epoch)
		if err != nil {
			if !temporary(err) {
				p.Failure = fmt.Sprintf("read from %v: %v", position, err)
			}
			return
		}
		if next == 0 {
			next = p.begin(s, page)
			page.Dropped = 0 // before the first page
		}
		if next, err = p.note(s, page, next); err != nil {
			s.End = Mismatched
			return
		}
		position = client.AtSeq(next)
		if page.AtEnd && (p.isFinal() && next >= p.logs[p.consumer.stream].Next || !pause(p.consuming, pollEvery)) {
			return
		}
	}
}

func (p *pager) begin(s *Session, page client.MessagePage) uint64 {
	first := page.FirstSeq
	if len(page.Messages) > 0 {
		first = page.Messages[0].Seq
	}
	s.JoinedAt, s.Joined = p.clock.now(), client.Joined{Epoch: page.Epoch, First: page.FirstSeq, Next: first}
	p.Sessions = append(p.Sessions, s)
	return first
}

// note returns the number to go on with.
func (p *pager) note(s *Session, page client.MessagePage, next uint64) (uint64, error) {
	if page.Dropped > 0 {
		missing := client.Missing{From: next, To: next + page.Dropped - 1}
		s.Events = append(s.Events, Event{Missing: missing, At: p.clock.now()})
		next = missing.To + 1
	}
	for _, m := range page.Messages {
		e, err := p.event(m)
		if err != nil {
			return 0, err
		}
		s.Events = append(s.Events, e)
		next = m.Seq + 1
	}
	return next, nil
}
