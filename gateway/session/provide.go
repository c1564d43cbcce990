package session

import (
	"sync"

	"seagate/gateway"
	"seagate/protocol"
	"seagate/streams"
)

// A provision is the session's end of a gateway.Provision: its sink.
type provision struct {
	session *Session
	id      int64
	stream  string
	inner   *gateway.Provision

	mu     sync.Mutex // guards what follows; once ended is set, nothing is sent
	ended  bool
	told   bool // whether the client was told last that the stream is requested
	behind bool // there was no room to tell it of a change
}

func (s *Session) provide(r protocol.Request) {
	stream, err := r.Provide()
	if err != nil {
		s.answer(r, nil, err)
		return
	}
	p := &provision{session: s, id: r.ID, stream: stream}
	now, err := s.addProvision(p)
	if err != nil {
		s.answer(r, nil, err)
		return
	}
	s.send(func(b []byte) []byte { return protocol.AppendProvided(b, r.ID, stream, interestOf(now)) })
	p.inner.Start()
}

// addProvision provides the stream, if the session may provide one more. Only
// the reader adds provisions, so the room that was found is still there
// afterwards.
func (s *Session) addProvision(p *provision) (now streams.Interest, err error) {
	if most := s.gateway.Settings().ProvidedPerConnection; s.countProvisions() >= most {
		return now, protocol.Errorf(protocol.CodeTooManyProvided, "the connection provides %d streams, as many as it may", most)
	}
	if p.inner, now, err = s.gateway.Provide(s.principal, p.stream, p); err != nil {
		return now, err
	}
	p.told = now.Requested()
	put(s, &s.provisions, p.id, p)
	return now, nil
}

func (s *Session) countProvisions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.provisions)
}

func (s *Session) provision(id int64) *provision {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.provisions[id]
}

// pause tells the stream that a provider pauses. It is in order with the
// publishes of the connection, because those before it have been handed to their
// topics already.
func (s *Session) pause(r protocol.Request) {
	pause, err := r.Pause()
	if err == nil {
		if p := s.provision(pause.Provide); p != nil {
			err = p.inner.Pause(pause.Paused)
		} else {
			err = protocol.Errorf(protocol.CodeProvideNotFound,
				"the connection provides no stream under the id %d: give the id of the provide message", pause.Provide)
		}
	}
	s.answer(r, nil, err)
}

// withdrawID ends the provision with this id, and reports whether there was one.
func (s *Session) withdrawID(id int64) bool {
	p := s.provision(id)
	if p != nil {
		s.withdraw(p)
	}
	return p != nil
}

// withdraw ends a provision, unless it has ended already.
func (s *Session) withdraw(p *provision) {
	if take(s, &s.provisions, p.id, p) {
		p.close()
	}
}

// close ends the provision. It must be called once, and nothing is sent
// afterwards.
func (p *provision) close() {
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	p.inner.Close()
}

// Requested implements gateway.ProvideSink.
func (p *provision) Requested(i streams.Interest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tellLocked(i)
}

// resume tells the client what there was no room for, if it is still true. It is
// called when the outbox has drained.
func (p *provision) resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.behind {
		p.behind = false
		p.tellLocked(p.inner.Interest())
	}
}

// tellLocked tells the client of a change. A client that does not read is told
// the latest state when it reads again, so that others cannot fill its queue.
func (p *provision) tellLocked(i streams.Interest) {
	if p.ended || i.Requested() == p.told {
		return
	}
	frame := p.session.frame(func(b []byte) []byte { return protocol.AppendRequested(b, p.id, p.stream, interestOf(i)) })
	if p.session.out.OfferNotice(frame) {
		p.told = i.Requested()
	} else {
		p.behind = true
	}
}

func interestOf(i streams.Interest) protocol.Interest {
	return protocol.Interest{Requested: i.Requested(), Subscribers: i.Subscribers, Groups: i.Groups}
}

// End implements gateway.ProvideSink. The provision of a stream that was deleted
// ends alone.
func (p *provision) End(reason *protocol.Error) {
	if reason.Code != protocol.CodeStreamDeleted {
		p.session.link.End(reason)
		return
	}
	p.mu.Lock()
	if !p.ended {
		p.session.send(func(b []byte) []byte { return protocol.AppendProvideEnded(b, p.id, p.stream, reason) })
	}
	p.mu.Unlock()
	p.session.withdraw(p)
}
