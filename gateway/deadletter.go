package gateway

import (
	"context"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/auth"
	"seagate/groups"
	"seagate/protocol"
	"seagate/schema"
	"seagate/streams"
)

// deadLetterDefinition is the schema of dead-letter streams. The payload is
// whatever the message was.
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

// DeadLetter puts a message that a group has given up into the dead-letter
// stream of its stream, which is defined with the first one. It is for
// groups.Options.DeadLetter. done is called once, with nil when the message is
// safe there.
func (g *Gateway) DeadLetter(d groups.DeadLetter, done func(error)) {
	id := streams.ID{Space: d.Key.Topic.Space, Name: d.Key.Topic.Name + g.settings.DeadLetterSuffix}
	out, err := g.deadLetters(id)
	if err != nil {
		done(err)
		return
	}
	_, client := g.Directory.Names(id.Space, d.Key.Client)
	letter := deadLetter{
		Stream:     d.Key.Topic.Name,
		Seq:        d.Message.Seq,
		Time:       d.Message.Time.UTC().Format(time.RFC3339Nano),
		Client:     client,
		Group:      d.Key.Group,
		Deliveries: d.Deliveries,
		Reason:     d.Reason,
		Payload:    d.Message.Payload,
	}
	payload, err := json.Marshal(letter)
	if err != nil {
		done(err)
		return
	}
	out.Send([][]byte{payload}, func(_ uint64, err error) {
		if err == nil {
			g.Metrics.DeadLetters.Inc()
			g.Log.Warn("a group gave a message up", "stream", letter.Stream, "seq", letter.Seq, "client", letter.Client,
				"group", letter.Group, "deliveries", letter.Deliveries, "dead_letters", id.Name)
		}
		done(err)
	})
}

// deadLetters returns the way into a dead-letter stream.
func (g *Gateway) deadLetters(id streams.ID) (*streams.OutTopic, error) {
	if _, defined := g.Schemas.Current(id.Space, id.Name); !defined {
		if err := g.defineDeadLetters(id); err != nil {
			return nil, err
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if out, ok := g.providers[id]; ok {
		return out, nil
	}
	return g.provideLocked(id)
}

func (g *Gateway) defineDeadLetters(id streams.ID) error {
	if err := protocol.CheckStreamName(id.Name); err != nil { // too long with the suffix
		return err
	}
	def, err := schema.ParseDefinition([]byte(deadLetterDefinition), id.Name, g.settings.Schema)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), defineTimeout)
	defer cancel()
	_, err = g.Schemas.Define(ctx, id.Space, id.Name, def)
	return err
}

const defineTimeout = 30 * time.Second

// readable returns the topic of a stream for whoever wants to read it. A
// dead-letter stream holds messages in an envelope that a filter on them does
// not see through.
func (g *Gateway) readable(p *auth.Principal, stream string) (*streams.Topic, *protocol.Error) {
	if p.Filter != nil && strings.HasSuffix(stream, g.settings.DeadLetterSuffix) {
		return nil, protocol.Errorf(protocol.CodeForbidden, "the bearer of a token with a filter may not read dead letters")
	}
	return g.topic(p, stream)
}
