package session

import (
	"sync"

	"seagate/protocol"
)

// tellAddress answers with the address of the connection, at which it can serve.
func (s *Session) tellAddress(r protocol.Request) {
	s.send(func(b []byte) []byte { return protocol.AppendAddress(b, r.ID, string(s.joined().Address())) })
}

// A watching is the session as the watcher of a service.
type watching struct {
	session *Session
	id      int64 // of the watch request
	stop    func()

	mu      sync.Mutex // guards what follows
	servers int
	began   bool // the request was answered
	behind  bool // there was no room to tell the client
	ended   bool // nothing is sent any more
}

func (s *Session) watch(r protocol.Request) {
	service, err := r.Watch()
	if err == nil {
		err = s.beginWatch(r.ID, service)
	}
	if err != nil {
		s.answer(r, nil, err)
	}
}

func (s *Session) beginWatch(id int64, service string) (err error) {
	if most := s.gateway.Settings().SubscriptionsPerConnection; s.countSubscriptions() >= most {
		return protocol.Errorf(protocol.CodeTooManySubscriptions,
			"the connection has %d subscriptions, watches and served services, as many as it may have", most)
	}
	w := &watching{session: s, id: id}
	if w.stop, err = s.joined().Watch(service, w.changed); err != nil {
		return err
	}
	put(s, &s.watches, id, w)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.began = true
	s.send(func(b []byte) []byte { return protocol.AppendWatching(b, id, w.servers) })
	return nil
}

// changed is called by the network, at first before the request is answered.
func (w *watching) changed(servers int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.servers = servers
	w.tellLocked()
}

// resume tells the client what there was no room for. It is called when the outbox has
// drained.
func (w *watching) resume() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.behind {
		w.tellLocked()
	}
}

func (w *watching) tellLocked() {
	if !w.began || w.ended {
		return
	}
	frame := w.session.frame(func(b []byte) []byte { return protocol.AppendServers(b, w.id, w.servers) })
	w.behind = !w.session.out.OfferNotice(frame)
}

// endWatch ends the watch that the request with that id began. It returns false if there
// is none.
func (s *Session) endWatch(id int64) bool {
	s.mu.Lock()
	w := s.watches[id]
	delete(s.watches, id)
	s.mu.Unlock()
	if w == nil {
		return false
	}
	w.stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	return true
}
