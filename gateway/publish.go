package gateway

import (
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/auth"
	"seagate/protocol"
	"seagate/schema"
	"seagate/streams"
)

// A Publication is messages for a stream.
type Publication struct {
	Stream   string
	Payloads []jsontext.Value // they belong to the gateway afterwards

	// Batch lists the problems of a payload under its index.
	Batch bool

	// ID makes the publication happen once: a repeat by the same client, of
	// the same payloads, within the settings' window succeeds and adds
	// nothing. "" is none.
	ID string
}

// Publish checks the payloads against the stream's schema and appends them,
// all or none, in order. done is called exactly once, perhaps before Publish
// returns and perhaps by another goroutine: with nil once the messages are as
// safe as the stream's durability says, or with why none was accepted. It must
// not block.
func (g *Gateway) Publish(p *auth.Principal, pub Publication, done func(error)) {
	out, messages, err := g.admit(p, pub)
	if err != nil {
		done(err)
		return
	}
	if len(messages) == 0 {
		done(nil)
		return
	}
	bytes := size(messages)
	answer := func(_ uint64, err error) {
		if err == nil {
			g.Metrics.published(len(messages), bytes)
		}
		done(attempted("publish", err))
	}
	if pub.ID == "" {
		out.Send(messages, answer)
		return
	}
	// Clients of one id in several jails are several clients.
	out.SendOnce(p.ClientUID+"/"+pub.ID, messages, answer)
}

// admit does everything that comes before the messages are appended.
func (g *Gateway) admit(p *auth.Principal, pub Publication) (*streams.OutTopic, [][]byte, error) {
	if err := g.authorize(p, auth.Publish); err != nil {
		return nil, nil, err
	}
	if !g.rates.allow(p, len(pub.Payloads)) {
		return nil, nil, protocol.Errorf(protocol.CodeRateLimited,
			"this client may publish %d messages a second; slow down", g.settings.PublishesPerSecond)
	}
	validator, err := g.validator(p, pub.Stream)
	if err != nil {
		return nil, nil, err
	}
	messages, err := g.check(validator, pub.Payloads, pub.Batch)
	if err != nil {
		return nil, nil, err
	}
	out, err := g.provider(p, pub.Stream)
	return out, messages, err
}

// validator returns the check of the stream's newest schema, or nil if the
// stream is undefined and the settings let it be.
func (g *Gateway) validator(p *auth.Principal, stream string) (*schema.Schema, error) {
	current, ok := g.Schemas.Current(p.JailUID, stream)
	if ok {
		return current, nil
	}
	if err := g.mayBeUndefined(stream); err != nil {
		return nil, err
	}
	return nil, nil
}

// check validates each payload and returns their compact forms.
func (g *Gateway) check(v *schema.Schema, payloads []jsontext.Value, batch bool) ([][]byte, error) {
	messages := make([][]byte, len(payloads))
	var found *protocol.Error
	for i, payload := range payloads {
		document, err := schema.Decode(payload, g.settings.JSONDepth)
		if err == nil && v != nil {
			err = v.Validate(document)
		}
		if err != nil {
			err = attempted("publish", err)
			if !batch {
				return nil, err
			}
			found = appendProblems(found, i, g.Refusal(err))
		}
		messages[i] = document.Raw
	}
	if found != nil { // not as an error that is nil and has a type
		return nil, found
	}
	return messages, nil
}

// maxBatchErrors bounds the answer to a batch of which nothing is right. Beyond
// it each bad message is named with the first of its problems.
const maxBatchErrors = 1000

// appendProblems adds what is wrong with the i-th message of a batch.
func appendProblems(found *protocol.Error, i int, e *protocol.Error) *protocol.Error {
	if found == nil {
		found = &protocol.Error{Code: e.Code, Message: "no message of the batch was published: see errors"}
	}
	problems := e.Errors
	if len(problems) == 0 {
		problems = []string{e.Message}
	}
	for k, problem := range problems {
		if k > 0 && len(found.Errors) >= maxBatchErrors {
			found.Errors[len(found.Errors)-1] += fmt.Sprintf(" (and %d more)", len(problems)-k)
			return found
		}
		found.Errors = append(found.Errors, fmt.Sprintf("[%d] %s", i, problem))
	}
	return found
}

func size(messages [][]byte) (n int) {
	for _, m := range messages {
		n += len(m)
	}
	return n
}

// Field says whether the stream is defined and, if so, whether its messages
// may have a field of that name. A transport needs it to tell a batch from a
// message that looks like one; it authorizes nothing.
func (g *Gateway) Field(p *auth.Principal, stream, name string) (defined, has bool) {
	current, defined := g.Schemas.Current(p.JailUID, stream)
	if !defined {
		return false, false
	}
	return true, slices.ContainsFunc(current.Definition.Fields, func(f schema.Field) bool { return f.Name == name })
}

// provider returns the out topic through which the gateway provides a stream
// on behalf of its publishers.
func (g *Gateway) provider(p *auth.Principal, stream string) (*streams.OutTopic, error) {
	out, err := g.provide(streams.ID{Space: p.JailUID, Name: stream})
	return out, attempted("open the stream", err)
}

func (g *Gateway) provide(id streams.ID) (*streams.OutTopic, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.provideLocked(id)
}

func (g *Gateway) provideLocked(id streams.ID) (*streams.OutTopic, error) {
	if out, ok := g.providers[id]; ok {
		return out, nil
	}
	topic, err := g.Network.Topic(id)
	if err != nil {
		return nil, err
	}
	out, err := topic.Out()
	if errors.Is(err, streams.ErrDeleted) { // between the two calls: the next one is another topic
		return nil, fmt.Errorf("%w; try again", err)
	}
	if err == nil {
		g.providers[id] = out
	}
	return out, err
}

// topic returns the topic of a stream that is defined, or may be undefined.
func (g *Gateway) topic(p *auth.Principal, stream string) (*streams.Topic, error) {
	if _, ok := g.Schemas.Current(p.JailUID, stream); !ok {
		if err := g.mayBeUndefined(stream); err != nil {
			return nil, err
		}
	}
	out, err := g.provider(p, stream)
	if err != nil {
		return nil, err
	}
	return out.Topic(), nil
}

func (g *Gateway) mayBeUndefined(stream string) error {
	if err := protocol.CheckStreamName(stream); err != nil {
		return err
	}
	if g.settings.AcceptUndefined {
		return nil
	}
	return protocol.Errorf(protocol.CodeStreamNotFound,
		"there is no stream %q: define it first", stream)
}
