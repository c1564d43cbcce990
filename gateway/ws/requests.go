package ws

import (
	"bytes"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/gateway"
	"seagate/protocol"
)

// handle does what one message asks for. An error ends the connection.
func (c *conn) handle(message []byte) error {
	r, err := protocol.DecodeRequest(message, c.server.limits)
	if err != nil {
		return err
	}
	if err := c.sequence.Next(r); err != nil {
		return err
	}
	if r.Action == protocol.ActionPublish {
		c.publish(r)
		return nil
	}
	c.answers.settle() // the answers before this one go first
	switch r.Action {
	case protocol.ActionAuthenticate:
		return c.authenticate(r)
	case protocol.ActionSubscribe:
		c.subscribe(r)
	case protocol.ActionUnsubscribe:
		c.unsubscribe(r)
	case protocol.ActionAck:
		c.ack(r)
	case protocol.ActionNack:
		c.nack(r)
	case protocol.ActionDefine:
		c.define(r)
	case protocol.ActionDescribe:
		c.describe(r)
	default:
		c.refuse(r.ID, r.Action, protocol.UnknownAction(r.Action))
	}
	return nil
}

// authenticate answers the first message. After a refusal the client should
// close; one that does not is closed after a while, in which nothing that it
// sends is looked at.
func (c *conn) authenticate(r protocol.Request) error {
	if e := c.enter(r); e != nil {
		c.refuse(r.ID, r.Action, e)
		c.refused = e
		c.setReadDeadline(refusalGrace)
		return nil
	}
	c.setReadDeadline(0)
	c.wire.send(appendText(nil, func(b []byte) []byte {
		return protocol.AppendAuthenticated(b, r.ID, c.principal.JailID)
	}))
	return nil
}

// refusalGrace is how long a client that was refused may take to close.
const refusalGrace = time.Second

func (c *conn) enter(r protocol.Request) *protocol.Error {
	credentials, err := r.Authenticate(c.server.limits)
	if err != nil {
		return gateway.AsError(err)
	}
	p, e := c.server.gateway.Authenticate(credentials, c.address)
	if e != nil {
		return e
	}
	c.who.Store(p)
	session, e := c.server.gateway.Enter(p, c)
	if e != nil {
		return e
	}
	c.principal, c.session = p, session
	return nil
}

func (c *conn) publish(r protocol.Request) {
	place := c.answers.reserve(c.server.opts.PublishesInFlight)
	request, err := r.Publish()
	if err != nil {
		c.answers.fill(place, c.refusal(r.ID, r.Action, gateway.AsError(err)))
		return
	}
	// The message is in a buffer that the next one will be read into.
	publication := gateway.Publication{
		Stream:   request.Stream,
		Payloads: []jsontext.Value{bytes.Clone(request.Payload)},
		ID:       request.MessageID,
	}
	c.server.gateway.Publish(c.principal, publication, func(e *protocol.Error) {
		if e != nil {
			c.answers.fill(place, c.refusal(r.ID, protocol.ActionPublish, e))
			return
		}
		c.answers.fill(place, success(r.ID, protocol.ActionPublish, nil))
	})
}

func (c *conn) define(r protocol.Request) {
	request, err := r.Define()
	if err != nil {
		c.refuse(r.ID, r.Action, gateway.AsError(err))
		return
	}
	ctx, cancel := c.requestContext()
	defer cancel()
	outcome, e := c.server.gateway.Define(ctx, c.principal, request.Stream, request.Definition)
	if e != nil {
		c.refuse(r.ID, r.Action, e)
		return
	}
	c.succeed(r.ID, r.Action, outcome.Definition.AppendJSON(nil))
}

func (c *conn) describe(r protocol.Request) {
	stream, err := r.Describe()
	if err != nil {
		c.refuse(r.ID, r.Action, gateway.AsError(err))
		return
	}
	definition, e := c.server.gateway.Describe(c.principal, stream)
	if e != nil {
		c.refuse(r.ID, r.Action, e)
		return
	}
	c.succeed(r.ID, r.Action, definition.AppendJSON(nil))
}
