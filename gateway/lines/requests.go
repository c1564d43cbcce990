package lines

import (
	"bytes"
	"errors"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/auth"
	"seagate/gateway"
	"seagate/internal/tracing"
	"seagate/protocol"
	"seagate/protocol/msgstream"
)

// handle executes a line. An error ends the connection.
func (c *conn) handle(line []byte) error {
	r, err := c.server.opts.Wire.Requests.Decode(line)
	if err == nil && c.client.Load() != nil && r.Action == msgstream.ActionPut {
		if c.hasLine() {
			c.burst.Hold(c.out)
		}
		c.put(r)
		if !c.hasLine() {
			c.burst.Release()
		}
		return nil
	}
	c.burst.Release()
	c.answers.Settle() // the answers before this one go first
	switch {
	case err != nil:
		c.refuse(r, err)
		return nil
	case r.Action == msgstream.ActionClose:
		return errClosed
	case c.client.Load() == nil && r.Action != msgstream.ActionAuthenticate:
		c.refuse(r, errCredentialsFirst)
		return nil
	}
	switch r.Action {
	case msgstream.ActionAuthenticate:
		c.authenticate(r)
	case msgstream.ActionListen:
		c.listen(r)
	case msgstream.ActionHangup:
		c.hangUp(r, line)
	case msgstream.ActionHeader:
		c.answer(r, c.setHeader(r))
	case msgstream.ActionDelete:
		c.answer(r, c.delete(r))
	}
	return nil
}

var errCredentialsFirst = protocol.Errorf(protocol.CodeCredentialsRequired,
	`the first line must be {"action":"authenticate","payload":{"type":"basic","clientId":...,"clientSecret":...}}`)

var errAuthenticated = protocol.Errorf(protocol.CodeInvalidRequest, "the connection has a client already: send authenticate as the first line, and once")

// answer answers a line that has an id, and refuses it in any case.
func (c *conn) answer(r msgstream.Request, err error) {
	if frame := c.answerLine(r, err); frame != nil {
		c.out.Send(frame)
	}
}

// answerLine returns the answer to a line, or nil if there is none.
func (c *conn) answerLine(r msgstream.Request, err error) []byte {
	switch {
	case err != nil:
		return c.line(c.refusal(r, err))
	case r.ID == nil:
		return nil
	default:
		return c.line(msgstream.Event{Action: r.Action, ID: r.ID, Stream: r.Stream})
	}
}

func (c *conn) refuse(r msgstream.Request, err error) { c.send(c.refusal(r, err)) }

// refusal is the event that refuses a line. It counts it.
func (c *conn) refusal(r msgstream.Request, err error) msgstream.Event {
	e := c.server.gateway.Refusal(err)
	c.server.gateway.Refused(transport, c.client.Load(), e)
	c.lastRefusal.Store(&gateway.Refused{At: time.Now(), Refusal: e})
	return msgstream.Event{Action: msgstream.ActionError, ID: r.ID, Stream: r.Stream, Error: e}
}

// authenticate makes the connection one of a client. A refusal ends it.
func (c *conn) authenticate(r msgstream.Request) {
	if c.client.Load() != nil {
		c.refuse(r, errAuthenticated)
		return
	}
	credentials, err := protocol.DecodeCredentials(r.Payload, c.server.credentials)
	var p *auth.Principal
	if err == nil {
		p, err = c.server.gateway.Authenticate(credentials, c.address)
	}
	if err == nil {
		err = c.logIn(p)
	}
	if err != nil {
		c.end(c.refusal(r, err))
		return
	}
	c.send(msgstream.Event{Action: r.Action, ID: r.ID, JailID: p.JailID})
}

func (c *conn) put(r msgstream.Request) {
	if c.answers.Pending() >= c.server.opts.PublishesInFlight {
		c.burst.Release()
	}
	place := c.answers.Reserve(c.server.opts.PublishesInFlight)
	r.ID = r.ID.Clone() // the line is the reader's
	p := c.client.Load()
	if err := c.server.gateway.OpenJob(p, r.Stream); err != nil {
		c.answers.Fill(place, c.answerLine(r, err))
		return
	}
	publication := gateway.Publication{
		Stream:   r.Stream,
		Payloads: []jsontext.Value{bytes.Clone(r.Message)},
		Header:   bytes.Clone(r.Header),
		Trace:    tracing.Parse(r.Traceparent),
	}
	c.server.gateway.Publish(p, publication, func(_ protocol.Published, err error) {
		c.answers.Fill(place, c.answerLine(r, err))
	})
}

// setHeader replaces the header of a stream, or removes it if the message is null.
func (c *conn) setHeader(r msgstream.Request) error {
	ctx, cancel := gateway.RequestContext()
	defer cancel()
	g, p := c.server.gateway, c.client.Load()
	if r.Message.Kind() == 'n' {
		err := g.ClearHeader(ctx, p, r.Stream)
		if e := g.Refusal(err); e != nil && e.Code == protocol.CodeStreamNotFound {
			return nil // a header that does not exist is no error
		}
		return err
	}
	if err := g.OpenJob(p, r.Stream); err != nil {
		return err
	}
	return g.SetHeader(ctx, p, r.Stream, bytes.Clone(r.Message))
}

// delete ends a stream for all that listen to it.
func (c *conn) delete(r msgstream.Request) error {
	ctx, cancel := gateway.RequestContext()
	defer cancel()
	p := c.client.Load()
	deleted, next, err := c.server.gateway.EndStream(ctx, p, r.Stream)
	if err == nil && !deleted { // of a deleted stream, the topic network tells the listeners
		c.server.letGo(streamKey{p.JailUID, r.Stream}, next)
	}
	return err
}

// listen joins a stream. To listen twice is to listen once.
func (c *conn) listen(r msgstream.Request) {
	if l := c.listener(r.Stream); l != nil {
		if l.listenAgain(r) {
			return
		}
		c.forget(l) // it was closed a moment ago
	}
	l := &listening{conn: c, stream: r.Stream, meta: r.Meta}
	if err := c.join(l, r); err != nil {
		c.refuse(r, err)
		return
	}
	c.enlist(l, r)
	l.inner.Start()
}

// enlist answers the listen, sends the header, and lets others end the listening. They wait
// until both are sent, so that nothing of the stream follows the close line.
func (c *conn) enlist(l *listening, r msgstream.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.mu.Lock()
	c.listening[l.stream] = l
	c.mu.Unlock()
	c.server.addListening(l, c.client.Load().JailUID)
	c.server.gateway.Metrics.Subscriptions.WithLabelValues("own").Inc()
	if r.ID != nil {
		c.send(l.joined(r))
	}
	if header := l.inner.Header(); header != nil {
		c.send(l.event(header, 0, time.Time{}))
	}
}

// join subscribes, if the connection may have one more subscription. Only the reader adds
// listeners, so the room that was found is still there afterwards.
func (c *conn) join(l *listening, r msgstream.Request) error {
	g, p := c.server.gateway, c.client.Load()
	if most := g.Settings().SubscriptionsPerConnection; c.countListening() >= most {
		return protocol.Errorf(protocol.CodeTooManySubscriptions, "the connection listens to %d streams, as many as it may", most)
	}
	// Clients often listen to a job before it begins. A client that may only read makes no
	// streams.
	if err := g.OpenJob(p, r.Stream); err != nil && !errors.Is(err, auth.ErrForbidden) {
		return err
	}
	ctx, cancel := gateway.RequestContext()
	defer cancel()
	inner, err := g.Subscribe(ctx, p, gateway.Request{
		Stream:   r.Stream,
		From:     gateway.Position{Position: r.From, Epoch: r.Epoch},
		Alone:    true,
		TellGaps: r.Meta,
		Passed:   l.passed,
	}, l)
	if err != nil {
		return err
	}
	next, bounds := inner.Joined()
	l.inner, l.epoch, l.next = inner, bounds.Epoch, next
	return nil
}

// hangUp leaves a stream, or all, and echoes the line behind their last messages.
func (c *conn) hangUp(r msgstream.Request, line []byte) {
	if r.Stream == "" {
		c.hangUpAll()
	} else if l := c.listener(r.Stream); l != nil {
		c.forget(l)
	}
	c.out.Send(append(bytes.Clone(line), '\n'))
}
