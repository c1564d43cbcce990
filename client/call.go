package client

import (
	"context"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/protocol"
)

// A call is a request and its answer.
type call struct {
	sub      *Subscription           // of a subscribe request, whose id it gets
	serv     *serving                // of a serve request, the same
	out      *fetching               // of a fetch request, the same
	provider *Provider               // of a provide request, the same
	watch    *watching               // of a watch request, the same
	body     func(dst []byte) []byte // appends the message after its id; the writer calls it

	done      chan struct{} // closed once what follows is set
	answer    jsontext.Value
	published Published // of a publish
	reached   int       // of a signal request
	address   string    // of an address request
	draining  bool      // of an unsubscribe request: the subscription goes on
	err       error
}

func newCall(body func([]byte) []byte) *call {
	return &call{body: body, done: make(chan struct{})}
}

// message returns the request with its id.
func (r *call) message(id int64) []byte {
	return r.body(strconv.AppendInt([]byte(`{"id":`), id, 10))
}

// finish records the answer.
func (r *call) finish(m message) {
	if *m.Success {
		r.answer, r.reached, r.address, r.draining = m.Payload, m.Reached, m.Address, m.Draining
		r.published = Published{Seq: m.Seq, LastSeq: max(m.Seq, m.LastSeq), Time: m.Time, Epoch: m.Epoch}
		if r.sub != nil {
			r.sub.joined = Joined{Epoch: m.Epoch, First: m.FirstSeq, Next: m.NextSeq, Waiting: m.Waiting}
			r.sub.state = State{Registered: m.Registered, Paused: m.Paused}
			r.sub.header = m.Header
			r.sub.positions = m.Positions
		}
		if r.watch != nil {
			r.watch.told(m.Servers)
		}
		if r.provider != nil {
			r.provider.told(m.interest())
		}
	} else {
		r.err = m.refusal()
	}
	close(r.done)
}

// answered reports whether the answer has arrived.
func (r *call) answered() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// start gives a request to the writer. After an error the request is not sent.
func (c *Conn) start(ctx context.Context, r *call) error {
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return contextError(ctx)
	case <-c.quit:
		return c.Err()
	}
	select {
	case c.requests <- r:
		return nil
	case <-ctx.Done():
		<-c.slots
		return contextError(ctx)
	case <-c.quit:
		return c.Err()
	}
}

// wait waits for the answer to a request that start has sent.
func (c *Conn) wait(ctx context.Context, r *call) (jsontext.Value, error) {
	select {
	case <-r.done:
		return r.answer, r.err
	case <-ctx.Done():
		return nil, contextError(ctx)
	case <-c.quit:
	}
	select {
	case <-r.done: // the answer came before the end
		return r.answer, r.err
	default:
		return nil, c.Err()
	}
}

func (c *Conn) roundTrip(ctx context.Context, r *call) (jsontext.Value, error) {
	if err := c.start(ctx, r); err != nil {
		return nil, err
	}
	return c.wait(ctx, r)
}

// authenticate sends the first request.
//
//	{"id":1,"action":"authenticate","payload":{"type":"basic","clientId":"abc","clientSecret":"def123"}}
func (c *Conn) authenticate(ctx context.Context, credentials Credentials) error {
	answer, err := c.roundTrip(ctx, newCall(func(dst []byte) []byte {
		return appendAuthenticate(dst, credentials)
	}))
	if err != nil {
		return err
	}
	var payload struct {
		JailID string `json:"jailId"`
	}
	if err := json.Unmarshal(answer, &payload); err != nil {
		return broken(err)
	}
	c.jail = payload.JailID
	return nil
}

func appendAuthenticate(dst []byte, credentials Credentials) []byte {
	dst = appendMember(dst, "action", protocol.ActionAuthenticate)
	dst = appendQuoted(append(dst, `,"payload":{"type":`...), credentials.Type)
	dst = appendMember(dst, "clientId", credentials.ClientID)
	if credentials.JailID != "" {
		dst = appendMember(dst, "jailId", credentials.JailID)
	}
	secret := "clientSecret"
	if credentials.Type == protocol.JWTCredentials {
		secret = "jwt"
	}
	return append(appendMember(dst, secret, credentials.Secret.Reveal()), '}', '}')
}

// appendMember appends a member of an object, after others. Its value is a string.
func appendMember(dst []byte, name, value string) []byte {
	dst = append(dst, ',', '"')
	dst = append(dst, name...)
	return appendQuoted(append(dst, '"', ':'), value)
}

// appendQuoted appends a string. Invalid UTF-8 becomes U+FFFD.
func appendQuoted(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}

// onStream returns a request about a stream with a payload. A messageID of "" is
// left out.
//
//	{"id":3,"action":"publish","streamName":"boiler_data","payload":{...},"messageId":"42"}
func onStream(action, stream string, payload jsontext.Value, messageID string) *call {
	return newCall(func(dst []byte) []byte {
		dst = appendMember(dst, "action", action)
		dst = appendMember(dst, "streamName", stream)
		dst = append(append(dst, `,"payload":`...), payload...)
		if messageID != "" {
			dst = appendMember(dst, "messageId", messageID)
		}
		return append(dst, '}')
	})
}
