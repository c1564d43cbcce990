package broadcast

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"seagate/streams/fetch"
	"seagate/streams/peer"
)

// DefaultQueued is how many messages wait in a receiver at most, unless
// ReceiverOptions say otherwise.
const DefaultQueued = 1024

// ReceiverOptions of a Receiver. The zero value is right for most.
type ReceiverOptions struct {
	Queued int // messages that are not read yet, at most; 0 is DefaultQueued
}

// A Message is what a receiver gets.
type Message struct {
	Namespace string
	Data      []byte // shared, must not be changed
	Missed    uint64 // messages to this receiver, between the last one and this one, that it had no room for
}

// A Receiver gets the messages of the namespaces that it named.
type Receiver struct {
	link    peer.Link
	service string
	port    string // cannot be guessed
	bound   peer.Registration
	unwatch func()
	some    chan struct{} // has a token if there may be something to read

	mu     sync.Mutex // guards what follows
	server peer.Address
	max    int
	queue  []Message
	last   uint64 // the number of the last message that came
	err    error  // why nothing follows; nil while something may
}

// Receive joins namespaces of a service. The error names all namespaces that the
// server does not offer. The caller must Close the receiver.
func Receive(ctx context.Context, l peer.Link, service string, namespaces []string, o ReceiverOptions) (*Receiver, error) {
	r := &Receiver{
		link:    l,
		service: service,
		port:    rand.Text(),
		unwatch: func() {},
		some:    make(chan struct{}, 1),
		max:     cmp.Or(o.Queued, DefaultQueued),
	}
	var err error
	offer := peer.Offer{Service: string(l.Address()), Procedures: []string{r.port}}
	if r.bound, err = l.Serve(ctx, offer, inbox{r: r}); err != nil {
		return nil, err
	}
	from, err := r.join(ctx, namespaces)
	if err != nil {
		r.bound.Withdraw(0)
		return nil, err
	}
	r.unwatch = peer.WatchGone(l, from, func() { r.end(peer.ErrServerGone) })
	return r, nil
}

// join asks the server for messages and notes its address. Messages may come
// before the answer; those of somebody else are dropped.
func (r *Receiver) join(ctx context.Context, namespaces []string) (peer.Address, error) {
	body, err := json.Marshal(request{r.port, namespaces})
	if err != nil {
		return "", err
	}
	answer, err := fetch.Fetch(ctx, r.link, r.service, procedureJoin, body)
	if err != nil {
		return "", joinError(err)
	}
	var w welcome
	if err := json.Unmarshal(answer, &w); err != nil {
		return "", fmt.Errorf("broadcast: the answer of %s cannot be read: %w", r.service, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.server != "" && r.server != w.Address {
		r.queue, r.last, r.err = nil, 0, nil
	}
	r.server = w.Address
	return w.Address, nil
}

func joinError(err error) error {
	failure, ok := errors.AsType[*peer.ServerError](err)
	switch {
	case ok && failure.Code == codeNoSuchNamespace:
		return fmt.Errorf("%w: %s", ErrNoSuchNamespace, failure.Message)
	case ok && failure.Code == codeTooManyReceivers:
		return fmt.Errorf("%w: %s", ErrTooManyReceivers, failure.Message)
	}
	return err
}

// Next returns the next message, and waits for it. Once all messages are read
// it returns peer.ErrServerGone or ErrStopped if the server is gone, and
// peer.ErrClosed after Close.
func (r *Receiver) Next(ctx context.Context) (Message, error) {
	for {
		if m, ok, err := r.take(); ok || err != nil {
			return m, err
		}
		select {
		case <-r.some:
		case <-r.link.Done():
			r.end(peer.ErrClosed)
		case <-ctx.Done():
			return Message{}, ctx.Err()
		}
	}
}

func (r *Receiver) take() (m Message, ok bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		return Message{}, false, r.err
	}
	m = r.queue[0]
	r.queue[0] = Message{}
	r.queue = r.queue[1:]
	if len(r.queue) > 0 || r.err != nil {
		r.wake() // for another caller of Next
	}
	return m, true, nil
}

func (r *Receiver) wake() {
	select {
	case r.some <- struct{}{}:
	default:
	}
}

func (r *Receiver) end(why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = why
	}
	r.wake()
}

// Close leaves the server. What was not read is dropped. It is safe to call
// twice.
func (r *Receiver) Close() {
	r.mu.Lock()
	r.queue = nil
	r.mu.Unlock()
	r.end(peer.ErrClosed)
	r.unwatch()
	r.bound.Withdraw(0)
	// A server that hears nothing of this finds the port closed.
	if body, err := json.Marshal(request{Port: r.port}); err == nil {
		r.link.Signal(context.Background(), peer.Signal{Service: r.service, Procedure: procedureLeave, Body: body})
	}
}

// inbox is a Receiver as the network sees it.
type inbox struct {
	nothing
	r *Receiver
}

// Signal implements peer.Server.
func (i inbox) Signal(m *peer.Message) bool {
	f, ok := parseFrame(m.Body)
	if !ok {
		return false
	}
	return i.r.put(m.Caller.Address, f.Number, Message{Namespace: f.Namespace, Data: f.Data})
}

// put queues a message. It refuses one that is not from the server: somebody else may
// have found the port.
func (r *Receiver) put(from peer.Address, number uint64, m Message) (taken bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.server == "": // the answer to join is still under way
		r.server = from
	case r.server != from:
		return false
	}
	if r.err != nil {
		return false
	}
	if m.Namespace == "" {
		r.err = ErrStopped
		r.wake()
		return true
	}
	if len(r.queue) >= r.max {
		return false
	}
	m.Missed = number - r.last - 1
	r.last = number
	r.queue = append(r.queue, m)
	r.wake()
	return true
}

// A frame is what is posted to a receiver. It is JSON, as all that a gateway
// forwards; the data, which may be anything, is in base 64. An empty namespace says
// that nothing follows.
//
//	{"number":1,"namespace":"weather","data":"cmFpbg=="}
type frame struct {
	Number    uint64 `json:"number"` // from 1, of this receiver's messages
	Namespace string `json:"namespace,omitempty"`
	Data      []byte `json:"data,omitempty"`
}

// frameContent returns the part of a frame that all receivers share.
func frameContent(namespace string, data []byte) []byte {
	content, _ := json.Marshal(frame{Namespace: namespace, Data: data}) // cannot fail
	return bytes.TrimPrefix(content, []byte(`{"number":0`))
}

func appendFrame(number uint64, content []byte) []byte {
	b := strconv.AppendUint([]byte(`{"number":`), number, 10)
	return append(b, content...)
}

func parseFrame(b []byte) (f frame, ok bool) {
	err := json.Unmarshal(b, &f)
	return f, err == nil && f.Number > 0
}
