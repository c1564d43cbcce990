package gateway

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"seagate/auth"
	"seagate/internal/backlog"
	"seagate/internal/panics"
	"seagate/protocol"
	"seagate/streams"
)

// waiting is the subscriptions to streams that nobody has defined yet. They cost no topic.
// When a stream is made, one goroutine begins those that wait for it. It ends when it has
// nothing to do, and Gateway.Close waits for it.
type waiting struct {
	gateway *Gateway
	most    int // of one client
	context context.Context
	cancel  context.CancelFunc
	made    *backlog.Queue[streams.ID] // streams whose subscriptions are to begin

	mu      sync.Mutex // guards what follows; while it is held, only the lock of the jail's share is taken
	streams map[streams.ID]map[*Subscription]struct{}
	clients map[string]int // subscriptions that have a place here, by the client's uid
}

func newWaiting(g *Gateway, most int) *waiting {
	w := &waiting{
		gateway: g,
		most:    most,
		streams: map[streams.ID]map[*Subscription]struct{}{},
		clients: map[string]int{},
	}
	w.made = backlog.New(w.beginAll)
	w.context, w.cancel = context.WithCancel(context.Background())
	return w
}

// mayWait reports whether a subscription that was refused with err may wait.
func (g *Gateway) mayWait(r Request, err error) bool {
	return g.settings.AwaitUndefined && r.Begun != nil && isAway(err)
}

// isAway reports whether an error means that the stream does not exist, or is being
// deleted.
func isAway(err error) bool {
	e := (*protocol.Error)(nil)
	return errors.As(err, &e) && e.Code == protocol.CodeStreamNotFound || errors.Is(err, streams.ErrDeleted)
}

// admit gives a subscription a place, which remove takes back.
func (w *waiting) admit(s *Subscription) error {
	if from := s.request.From; from.Epoch != "" || from.Kind == protocol.PositionSeq && from.Seq > 1 {
		return protocol.Errorf(protocol.CodePositionLost,
			"the stream %s is not defined, so it has no such position; begin with earliest", s.stream)
	}
	s.after = s.gateway.nextOf(streamID(s.principal, s.stream))
	leave, err := s.gateway.shares.waiting.take(s.principal, 1)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	client := s.principal.Budget()
	if w.clients[client] >= w.most {
		leave()
		return protocol.Errorf(protocol.CodeTooManySubscriptions,
			"the client has %d subscriptions that wait for a definition, as many as it may have", w.most)
	}
	w.clients[client]++
	s.giveUpWaiting = leave
	return nil
}

// nextOf returns the number of the next message of a stream. A stream that is not defined
// may have messages from when the settings allowed that.
func (g *Gateway) nextOf(id streams.ID) uint64 {
	if s := g.Catalog.Lookup(id); s != nil {
		if topic, ok := s.Existing(); ok {
			return topic.Bounds().Next
		}
	}
	return 1
}

// add lets a subscription that was admitted wait.
func (w *waiting) add(s *Subscription) {
	id := streamID(s.principal, s.stream)
	w.mu.Lock()
	if s.giveUpWaiting != nil {
		if w.streams[id] == nil {
			w.streams[id] = map[*Subscription]struct{}{}
		}
		w.streams[id][s] = struct{}{}
	}
	w.mu.Unlock()
	// Somebody may have defined the stream since the subscription was refused.
	if stream := w.gateway.Catalog.Lookup(id); stream.Schema() != nil || stream.IsTransient() {
		w.begin(id)
	}
}

// remove takes back the place of a subscription, if it has one.
func (w *waiting) remove(s *Subscription) {
	id := streamID(s.principal, s.stream)
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.giveUpWaiting == nil {
		return
	}
	s.giveUpWaiting()
	s.giveUpWaiting = nil
	if w.clients[s.principal.Budget()]--; w.clients[s.principal.Budget()] == 0 {
		delete(w.clients, s.principal.Budget())
	}
	if delete(w.streams[id], s); len(w.streams[id]) == 0 {
		delete(w.streams, id)
	}
}

// begin begins the subscriptions that wait for a stream which now exists. It does not
// block.
func (w *waiting) begin(id streams.ID) {
	w.mu.Lock()
	waits := len(w.streams[id]) > 0
	w.mu.Unlock()
	if waits {
		w.made.Add(id)
	}
}

// joinsAtOnce bounds the subscriptions that begin at the same time. It is high because
// each group writes its position, and concurrent writes share a sync.
const joinsAtOnce = 32

func (w *waiting) beginAll(id streams.ID) {
	if w.context.Err() != nil { // it is being closed
		return
	}
	var joining sync.WaitGroup
	slots := make(chan struct{}, joinsAtOnce)
	for _, s := range w.of(id) {
		slots <- struct{}{}
		joining.Go(func() {
			s.begin(w.context)
			<-slots
		})
	}
	joining.Wait()
}

// of returns the subscriptions that wait for a stream.
func (w *waiting) of(id streams.ID) []*Subscription {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Keys(w.streams[id]))
}

func (w *waiting) close() {
	w.cancel()
	w.made.Close()
}

// begin lets a subscription that waited join its stream. If the stream is gone again, it
// goes on waiting. If it cannot join, it ends.
func (s *Subscription) begin(ctx context.Context) {
	g := s.gateway
	defer func() {
		if v := recover(); v != nil { // of a filter, say
			g.waiting.remove(s)
			panics.Report("delivery", v)
			s.sink.End(protocol.Errorf(protocol.CodeInternal, "the server failed while it delivered %s", s.stream))
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	joined, err := s.joinNew(ctx)
	switch {
	case isAway(err):
		return
	case err != nil:
		g.waiting.remove(s)
		if ctx.Err() != context.Canceled { // otherwise the server is stopping
			s.sink.End(g.Refusal(attempted("subscribe", err)))
		}
		return
	}
	g.waiting.remove(s)
	if !s.place.CompareAndSwap(nil, joined) { // closed meanwhile
		joined.leave()
		return
	}
	s.request.Begun()
	joined.start()
}

// joinNew joins a stream that was made after the subscription. Whatever is published from
// its first definition on belongs to it.
func (s *Subscription) joinNew(ctx context.Context) (*place, error) {
	if err := s.gateway.authorize(s.principal, auth.Subscribe, s.stream); err != nil {
		return nil, err
	}
	topic, err := s.gateway.readable(s.principal, s.stream)
	if err != nil {
		return nil, err
	}
	r := s.request
	if r.From.Kind == protocol.PositionLatest {
		// Not at the end of the topic: messages may have been published since the
		// definition.
		r.From.Kind, r.From.Seq = protocol.PositionSeq, min(s.after, topic.Bounds().Next)
	}
	var at *place
	err = change(s.principal, func() (err error) {
		at, err = s.join(ctx, topic, r)
		return err
	})
	return at, err
}

// Close ends what the gateway does by itself, and waits for it. It ends the links in this
// process. The parts must be closed afterwards.
func (g *Gateway) Close() {
	for _, l := range g.logins.links() {
		l.End(protocol.Errorf(protocol.CodeServerShutdown, "the gateway shuts down"))
	}
	g.waiting.close()
}
