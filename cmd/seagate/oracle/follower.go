package oracle

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"seagate/client"
)

// A followerRun is a follower at work.
type followerRun struct {
	*consumer
	*Follower
	options func() client.SubscribeOptions // of a new session
	next    uint64                         // where it goes on, if it resumes
	epoch   string
}

// run has sessions until everything was received.
func (f *followerRun) run() {
	defer f.link.close()
	retry := f.newRetry()
	for {
		options := f.options()
		if f.Resumes && f.epoch != "" {
			options.From, options.Epoch = client.AtSeq(f.next), f.epoch
		}
		l, err := f.join(options)
		if err != nil {
			f.Failure = fmt.Sprintf("subscribe from %v: %v", options.From, err)
			return
		}
		if l == nil {
			if !retry.wait(nil) {
				return
			}
			continue
		}
		retry.reset()
		f.joined(l)
		if f.listen(l, f.take, f.complete) {
			return
		}
	}
}

func (f *followerRun) joined(l *listening) {
	f.Sessions = append(f.Sessions, l.Session)
	if f.epoch == "" {
		f.next, f.epoch = l.Joined.Next, l.Joined.Epoch
	}
}

func (f *followerRun) take(_ *listening, e *Event) {
	switch {
	case e.Missing != (client.Missing{}):
		f.next = e.Missing.To + 1
	case e.Seq != 0:
		f.next = e.Seq + 1
		f.saw(e.Seq)
	}
}

// complete says whether a session has all that it must have.
func (f *followerRun) complete(l *listening) bool {
	last, any := f.last(f.Color)
	if !any {
		return true
	}
	if f.Resumes {
		return f.next > last.Seq
	}
	n := len(l.Events)
	switch {
	case n > 0:
		e := l.Events[n-1]
		return e.ID == last.ID || e.Missing.To >= last.Seq
	case l.Meta:
		return l.Joined.Next > last.Seq
	default:
		return l.From == client.Position{} && f.lastSent[f.consumer.stream] < l.JoinedAt
	}
}

// followerSpecs returns what follows a stream.
func (o *Oracle) followerSpecs(stream string) []followerSpec {
	specs := []followerSpec{
		{name: "resuming from the beginning", resumes: true, from: fixed(client.Earliest())},
		{name: "resuming live", resumes: true},
		{name: "live"},
		{name: "live, alone in its group", fanout: true},
		{name: "from the beginning", from: fixed(client.Earliest())},
		{name: "from a number", meta: true, from: o.someNumber(stream)},
		{name: "from a time", meta: true, from: o.someTime},
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

type followerSpec struct {
	name    string
	color   string
	resumes bool
	meta    bool
	fanout  bool
	stalls  bool
	from    func() client.Position // nil is the latest
}

func fixed(p client.Position) func() client.Position { return func() client.Position { return p } }

// someNumber returns a function that returns a number which the stream has had.
func (o *Oracle) someNumber(stream string) func() client.Position {
	random := o.chance(-1)
	return func() client.Position { return client.AtSeq(1 + random.Uint64N(o.seen[stream].Load()+1)) }
}

// someTime returns a moment of the run.
func (o *Oracle) someTime() client.Position {
	return client.Since(time.Now().Add(-time.Second))
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
	follower := &Follower{Name: spec.name, Stream: stream, Color: spec.color, Resumes: spec.resumes}
	return &followerRun{consumer: c, Follower: follower, options: func() client.SubscribeOptions {
		made := client.SubscribeOptions{Meta: spec.resumes || spec.meta}
		if spec.from != nil {
			made.From = spec.from()
		}
		if spec.fanout || o.options.Shared && spec.color == "" {
			made.Group = uuid.NewString()
		}
		return made
	}}, nil
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
	retry := p.newRetry()
	for {
		page, err := p.link.Messages(p.consuming, p.stream, position, 1+p.random.IntN(pageLimit), s.Joined.Epoch)
		if err != nil {
			if !temporary(err) {
				p.Failure = fmt.Sprintf("read from %v: %v", position, err)
				return
			}
			if !retry.wait(nil) {
				return
			}
			continue
		}
		retry.reset()
		if next == 0 {
			next = p.begin(s, page)
			page.Dropped = 0 // before the first page
		}
		if next, err = p.note(s, page, next); err != nil {
			s.End = Mismatched
			return
		}
		position = client.AtSeq(next)
		if page.AtEnd && !p.await(next) {
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

// await waits for more. It returns false if there will be none.
func (p *pager) await(next uint64) bool {
	if p.drained() && next >= p.logs[p.stream].Next {
		return false
	}
	return p.pause(p.consuming, pollEvery)
}
