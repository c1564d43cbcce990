package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/auth"
	"seagate/groups"
	"seagate/internal/panics"
	"seagate/protocol"
	"seagate/schema"
	"seagate/storage"
	"seagate/streams"
)

// deadLetterDefinition is the schema of dead-letter streams. The payload is
// that of the message, whatever it is.
const deadLetterDefinition = `{"version":1,"unknownFields":"accept","fields":[
	{"name":"streamName","type":"string"},
	{"name":"seq","type":"integer"},
	{"name":"time","type":"string"},
	{"name":"clientId","type":"string"},
	{"name":"groupId","type":"string","optional":true},
	{"name":"deliveries","type":"integer"},
	{"name":"reason","type":"string"}
]}`

// deadLetter is a message of a dead-letter stream.
type deadLetter struct {
	Stream     string         `json:"streamName"`
	Seq        uint64         `json:"seq"`
	Time       string         `json:"time"`
	Client     string         `json:"clientId"`
	Group      string         `json:"groupId,omitzero"`
	Deliveries int            `json:"deliveries"`
	Reason     string         `json:"reason"`
	Payload    jsontext.Value `json:"payload"`
}

// DeadLetter publishes a message that a group gave up to the dead-letter stream of its
// stream, and defines that stream if need be. It is for groups.Options.DeadLetter. done
// is called once: with nil when the message is as safe there as the stream's durability
// says. A message that is itself in a dead-letter stream is not published again, because
// dead letters of dead letters would nest without end. It stays in its stream, where it
// can be read.
func (g *Gateway) DeadLetter(d groups.DeadLetter, done func(error)) {
	name := g.deadLetterStream(d.Key.Topic.Name)
	_, client := g.Directory.Names(d.Key.Topic.Space, d.Key.Client)
	answer := func(err error) {
		g.noteDeadLetter(d, client, name, err)
		done(err)
	}
	defer func() {
		if v := recover(); v != nil {
			panics.Report("dead letters", v)
			answer(errors.New("internal error"))
		}
	}()
	if g.isDeadLetterStream(d.Key.Topic.Name) {
		name = d.Key.Topic.Name
		answer(nil)
		return
	}
	topic, payload, err := g.prepareLetter(streams.ID{Space: d.Key.Topic.Space, Name: name}, letterOf(d, client))
	if err != nil {
		answer(err)
		return
	}
	topic.Send([][]byte{payload}, func(_ streams.Sent, err error) { answer(err) })
}

// isDeadLetterStream recognizes a dead-letter stream by its name.
func (g *Gateway) isDeadLetterStream(name string) bool {
	return strings.HasSuffix(name, g.settings.DeadLetterSuffix)
}

// prepareLetter returns the topic of a dead-letter stream, and what to send to it. A
// tenant may have defined the stream: then the letter must be a valid message of it.
func (g *Gateway) prepareLetter(to streams.ID, letter deadLetter) (*streams.Topic, []byte, error) {
	topic, err := g.deadLetters(to)
	if err != nil {
		return nil, nil, err
	}
	payload, err := json.Marshal(letter)
	if err != nil {
		return nil, nil, err
	}
	// The message is one level deeper than it was.
	if payload, err = g.Catalog.Lookup(to).Schema().Check(payload, g.settings.JSONDepth+1); err != nil {
		return nil, nil, fmt.Errorf("the definition of %q does not accept dead letters, so define a version that does, or delete the stream: %w", to.Name, err)
	}
	return topic, payload, nil
}

func letterOf(d groups.DeadLetter, client string) deadLetter {
	return deadLetter{
		Stream:     d.Key.Topic.Name,
		Seq:        d.Message.Seq,
		Time:       string(protocol.AppendTime(nil, d.Message.Time)),
		Client:     client,
		Group:      d.Key.Group,
		Deliveries: d.Deliveries,
		Reason:     d.Reason,
		Payload:    d.Message.Payload,
	}
}

func (g *Gateway) noteDeadLetter(d groups.DeadLetter, client, to string, err error) {
	attributes := []any{"stream", d.Key.Topic.Name, "seq", d.Message.Seq, "client", client,
		"group", d.Key.Group, "deliveries", d.Deliveries, "dead_letters", to}
	if err != nil {
		g.Metrics.DeadLettersFailed.Inc()
		g.Log.Error("a message cannot be put among the dead letters; it is tried again, and its group stays behind it", append(attributes, "error", err)...)
		return
	}
	g.Metrics.DeadLetters.Inc()
	g.Log.Warn("a group gave a message up", attributes...)
}

// deadLetterStream returns the name of a stream's dead-letter stream. A name that
// would be too long is shortened; each dead letter names its stream anyway.
func (g *Gateway) deadLetterStream(stream string) string {
	most := protocol.MaxNameBytes - len(g.settings.DeadLetterSuffix)
	for len(stream) > most {
		_, size := utf8.DecodeLastRuneInString(stream)
		stream = stream[:len(stream)-size]
	}
	return stream + g.settings.DeadLetterSuffix
}

// deadLetters returns the topic of a dead-letter stream, which it defines if need
// be.
func (g *Gateway) deadLetters(id streams.ID) (*streams.Topic, error) {
	if s := g.Catalog.Lookup(id); s.Schema() == nil {
		if err := g.defineDeadLetters(id); err != nil {
			return nil, err
		}
	}
	return g.open(id, nil)
}

func (g *Gateway) defineDeadLetters(id streams.ID) error {
	ctx, cancel := RequestContext()
	defer cancel()
	_, err := g.Catalog.Define(ctx, id, lettersOf(id.Name))
	return err
}

// lettersOf returns the definition of the dead-letter stream with the name.
func lettersOf(name string) *schema.Definition {
	def := *parsedLetters()
	def.Name = name
	return &def
}

var parsedLetters = sync.OnceValue(func() *schema.Definition {
	def, err := schema.ParseDefinition([]byte(deadLetterDefinition), "letters", schema.DefaultLimits())
	if err != nil {
		panic(err) // deadLetterDefinition is wrong
	}
	return def
})

// holdsDeadLetters recognizes a dead-letter stream by its name, or by its first
// version if it is from a time when another suffix was set.
func (g *Gateway) holdsDeadLetters(id streams.ID) bool {
	if g.isDeadLetterStream(id.Name) {
		return true
	}
	versions := g.Catalog.Lookup(id).History().Versions()
	letters := lettersOf(id.Name)
	return len(versions) > 0 && len(versions[0].Fields) == len(letters.Fields) &&
		bytes.Equal(versions[0].AppendJSON(nil), letters.AppendJSON(nil))
}

// readable returns the topic of a stream that the principal may read. A principal
// with a filter may not read dead letters: the filter cannot see the message
// inside the envelope.
func (g *Gateway) readable(p *auth.Principal, stream string) (*streams.Topic, error) {
	if err := g.checkLetters(p, stream); err != nil {
		return nil, err
	}
	return g.topic(p, stream)
}

// PublishAgain publishes the message of a dead letter to its stream again, as Publish does. The
// principal must be allowed to read the dead letter and to publish the message. seq is the number
// of the letter in the dead-letter stream, where it stays. published is the name of the stream of
// the message.
func (g *Gateway) PublishAgain(ctx context.Context, p *auth.Principal, letters string, seq uint64, id string, done func(protocol.Published, error)) (published string) {
	letter, err := g.letter(ctx, p, letters, seq)
	if err != nil {
		done(protocol.Published{}, err)
		return ""
	}
	g.Publish(p, Publication{Stream: letter.Stream, Payloads: []jsontext.Value{letter.Payload}, ID: id, Sender: ctx}, done)
	return letter.Stream
}

// letter reads a dead letter.
func (g *Gateway) letter(ctx context.Context, p *auth.Principal, letters string, seq uint64) (letter deadLetter, err error) {
	if err := g.authorize(p, auth.Subscribe, letters); err != nil {
		return letter, err
	}
	topic, err := g.readable(p, letters)
	if err != nil {
		return letter, err
	}
	run, err := topic.Read(ctx, seq, 1, 1)
	switch {
	case errors.Is(err, storage.ErrTrimmed), err == nil && (len(run) == 0 || run[0].Seq != seq):
		return letter, protocol.Errorf(protocol.CodePositionLost, "the stream %q has no message %d, or does not keep it any more", letters, seq)
	case err != nil:
		return letter, attempted("read the message", err)
	}
	if err := json.Unmarshal(run[0].Payload, &letter); err != nil || letter.Stream == "" || letter.Payload == nil {
		return letter, protocol.Errorf(protocol.CodeInvalidRequest, "message %d of %q is not a dead letter: it names no stream, or has no payload", seq, letters)
	}
	return letter, p.InForce()
}

func (g *Gateway) checkLetters(p *auth.Principal, stream string) error {
	if p.Filter != nil && g.holdsDeadLetters(streamID(p, stream)) {
		return protocol.Errorf(protocol.CodeForbidden, "the bearer of a token with a filter may not read dead letters")
	}
	return nil
}
