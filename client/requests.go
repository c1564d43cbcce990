package client

import (
	"context"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/protocol"
)

// A Receipt is a message that was sent to the gateway.
type Receipt struct {
	conn   *Conn
	call   *call
	stream string
}

// Send sends a message to a stream. It does not wait for the answer: use the
// Receipt for that. Messages arrive in the order in which they are sent. A refused
// message does not hold back the next one. While 256 requests have no answer, Send
// waits. After an error nothing is sent.
func (c *Conn) Send(ctx context.Context, stream string, message any) (*Receipt, error) {
	return c.send(ctx, stream, message, "")
}

// SendOnce is Send with an id. The gateway accepts a message once under its id:
// see Client.PublishOnce.
func (c *Conn) SendOnce(ctx context.Context, stream, id string, message any) (*Receipt, error) {
	if err := protocol.CheckMessageID(id); err != nil {
		return nil, publishError(stream, named(err))
	}
	return c.send(ctx, stream, message, id)
}

// SendWithHeader is Send with the header that holds after the message. The gateway
// shows both in one step: whoever subscribes gets either the old header and then the
// message, or the new header and not the message.
//
//	{"id":3,"action":"publish","streamName":"boiler_data","payload":{...},"header":{...}}
func (c *Conn) SendWithHeader(ctx context.Context, stream string, message, header any) (*Receipt, error) {
	raw, err := marshal(message)
	if err != nil {
		return nil, publishError(stream, err)
	}
	rawHeader, err := marshal(header)
	if err != nil {
		return nil, publishError(stream, fmt.Errorf("the header: %w", err))
	}
	return c.sendRaw(ctx, stream, newCall(func(dst []byte) []byte {
		dst = appendMember(dst, "action", protocol.ActionPublish)
		dst = appendMember(dst, "streamName", stream)
		dst = append(append(dst, `,"payload":`...), raw...)
		dst = append(append(dst, `,"header":`...), rawHeader...)
		return append(dst, '}')
	}))
}

func (c *Conn) send(ctx context.Context, stream string, message any, id string) (*Receipt, error) {
	raw, err := marshal(message)
	if err != nil {
		return nil, publishError(stream, err)
	}
	return c.sendRaw(ctx, stream, onStream(protocol.ActionPublish, stream, raw, id))
}

func (c *Conn) sendRaw(ctx context.Context, stream string, r *call) (*Receipt, error) {
	if err := c.start(ctx, r); err != nil {
		return nil, publishError(stream, err)
	}
	return &Receipt{c, r, stream}, nil
}

// Wait waits for the answer. Without an error the gateway has accepted the
// message. If the context or the connection ends first, it is not known whether
// the gateway accepts it.
func (r *Receipt) Wait(ctx context.Context) (Published, error) {
	if _, err := r.conn.wait(ctx, r.call); err != nil {
		return Published{}, publishError(r.stream, err)
	}
	return r.call.published, nil
}

func publishError(stream string, err error) error {
	return fmt.Errorf("client: publish to %q: %w", stream, err)
}

// Publish is Client.Publish on this connection: Send and Wait.
func (c *Conn) Publish(ctx context.Context, stream string, message any) (Published, error) {
	receipt, err := c.Send(ctx, stream, message)
	if err != nil {
		return Published{}, err
	}
	return receipt.Wait(ctx)
}

// PublishOnce is Client.PublishOnce on this connection: SendOnce and Wait.
func (c *Conn) PublishOnce(ctx context.Context, stream, id string, message any) (Published, error) {
	receipt, err := c.SendOnce(ctx, stream, id, message)
	if err != nil {
		return Published{}, err
	}
	return receipt.Wait(ctx)
}

// Define is Client.Define on this connection.
func (c *Conn) Define(ctx context.Context, stream string, definition any) (jsontext.Value, error) {
	raw, err := marshal(definition)
	if err != nil {
		return nil, fmt.Errorf("client: define %q: %w", stream, err)
	}
	inForce, err := c.roundTrip(ctx, onStream(protocol.ActionDefine, stream, raw, ""))
	if err != nil {
		return nil, fmt.Errorf("client: define %q: %w", stream, err)
	}
	return inForce, nil
}

// Describe is Client.Schema on this connection.
//
//	{"id":5,"action":"describe","payload":"boiler_data"}
func (c *Conn) Describe(ctx context.Context, stream string) (jsontext.Value, error) {
	definition, err := c.roundTrip(ctx, newCall(func(dst []byte) []byte {
		dst = appendMember(dst, "action", protocol.ActionDescribe)
		return append(appendMember(dst, "payload", stream), '}')
	}))
	if err != nil {
		return nil, fmt.Errorf("client: describe %q: %w", stream, err)
	}
	return definition, nil
}
