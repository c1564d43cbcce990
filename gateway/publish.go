package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/auth"
	"seagate/catalog"
	"seagate/internal/monotonic"
	"seagate/internal/problems"
	"seagate/internal/quota"
	"seagate/internal/tracing"
	"seagate/protocol"
	"seagate/schema"
	"seagate/storage"
	"seagate/streams"
)

// A Publication is messages for a stream.
type Publication struct {
	Stream   string
	Payloads []jsontext.Value // they belong to the gateway afterwards

	// Batch: the problems of each payload are listed under its index.
	Batch bool

	// ID makes the publication idempotent: if the same client repeats it with
	// the same payloads, within streams.Options.RepeatWindow, the repeat succeeds
	// and adds nothing. "" is none.
	ID string

	// Header becomes the stream's header in one step with the messages: whoever
	// subscribes gets either the old header and then the messages, or this one
	// and not the messages. It is checked like a message, and needs the right to
	// set headers. nil leaves the header as it is.
	Header jsontext.Value

	// Trace is the span of the sender, which is traced here if it is sampled there.
	Trace tracing.Context

	// Sender, if it is not nil, ends when the sender has given up. If the
	// messages are still being checked then, the publication is refused.
	Sender context.Context
}

// Publish checks the payloads against the stream's schema and appends all of them
// in order, or none. done is called exactly once, perhaps before Publish returns
// and perhaps by another goroutine. It gets the position of the messages once they
// are as safe as the stream's durability says, or the reason why none was
// accepted. A repeat gets the position of the original messages. done must not
// block.
func (g *Gateway) Publish(p *auth.Principal, pub Publication, done func(protocol.Published, error)) {
	span := g.Tracer.Start(pub.Trace, "publish", pub.Stream)
	if span != nil {
		done = g.traced(span, p, pub, done)
	}
	g.publish(p, pub, span, done)
}

func (g *Gateway) publish(p *auth.Principal, pub Publication, span *tracing.Span, done func(protocol.Published, error)) {
	start := monotonic.Now()
	check := span.Child("check")
	a, err := g.admit(p, pub)
	check.End("")
	if err != nil {
		done(protocol.Published{}, err)
		return
	}
	begun, err := p.Begin() // the credential may have been revoked while the messages were checked
	if err != nil {
		done(protocol.Published{}, err)
		return
	}
	messages, bytes := a.messages, size(a.messages)
	commit := span.Child("append")
	answer := func(sent streams.Sent, err error) {
		begun.End()
		commit.End("")
		if a.refusal != nil && errors.Is(err, storage.ErrKeyReused) {
			err = a.refusal
		}
		if err != nil {
			done(protocol.Published{}, attempted("publish", err))
			return
		}
		g.Metrics.published(len(messages), bytes, monotonic.Now()-start)
		done(protocol.Published{
			Seq:     sent.First,
			LastSeq: sent.First + uint64(len(messages)) - 1,
			Time:    sent.Time,
			Epoch:   sent.Epoch,
		}, nil)
	}
	key := ""
	if pub.ID != "" {
		key = p.ClientUID + "/" + pub.ID // not by the client's id, which other jails may have too
		if p.Method == auth.MethodToken {
			// The bearers of the client's tokens share one set of ids, apart from the client's
			// own. The NUL keeps the two apart, because an id has no control characters.
			key = p.ClientUID + "/\x00" + pub.ID
		}
	}
	if a.refusal != nil {
		a.topic.SendRepeat(key, messages, a.header, a.refusal, answer)
		return
	}
	a.topic.SendTraced(span, key, messages, a.header, answer)
}

// admitted is a publication that may be appended.
type admitted struct {
	stream   *catalog.Stream // nil if nobody defined it
	topic    *streams.Topic  // nil before it is opened
	messages [][]byte
	header   []byte // nil if the header stays as it is
	refusal  error  // unless nil, it can only be a repeat: see asRepeat
}

// errNothingToPublish refuses a batch without messages. An empty batch is most
// often a mistake, and a client that got a success would believe that something
// was published.
var errNothingToPublish = protocol.Errorf(protocol.CodeInvalidRequest, "the batch is empty: send at least one message")

// admit does everything that comes before the messages are appended.
func (g *Gateway) admit(p *auth.Principal, pub Publication) (a admitted, err error) {
	a, err = g.checkPublication(p, pub)
	if err != nil && pub.ID != "" {
		err = g.asRepeat(p, pub, &a, err)
	}
	if err == nil {
		a.topic, err = g.open(streamID(p, pub.Stream), a.stream)
	}
	return a, err
}

// asRepeat admits messages with an id that were refused because of the definition: the first publication
// of the id may have been accepted under an earlier one. Then its repeat has to succeed, or else
// the client would believe that the messages are not there. It returns the refusal if they are
// no JSON, or were refused for another reason.
func (g *Gateway) asRepeat(p *auth.Principal, pub Publication, a *admitted, refusal error) error {
	if !isDefinitionRefusal(refusal) {
		return refusal
	}
	messages, header, err := g.checkContent(p, nil, pub)
	if err != nil {
		return refusal
	}
	a.messages, a.header, a.refusal = messages, header, refusal
	return nil
}

func isDefinitionRefusal(err error) bool {
	_, invalid := errors.AsType[*schema.ValidationError](err)
	e, listed := errors.AsType[*protocol.Error](err)
	return invalid || errors.Is(err, schema.ErrTooCostly) || listed && e.Code == protocol.CodeInvalidPayload
}

// checkPublication is the part of admit that changes nothing.
func (g *Gateway) checkPublication(p *auth.Principal, pub Publication) (a admitted, err error) {
	if err := g.authorize(p, auth.Publish, pub.Stream); err != nil {
		return a, err
	}
	if pub.Header != nil {
		if err := g.authorize(p, auth.AdministerStreams, pub.Stream); err != nil {
			return a, err
		}
	}
	if err := g.spend(p, len(pub.Payloads)); err != nil {
		return a, err
	}
	if err := checkWritable(pub.Stream); err != nil {
		return a, err
	}
	if a.stream, err = g.find(streamID(p, pub.Stream)); err != nil {
		return a, err
	}
	if len(pub.Payloads) == 0 {
		return a, errNothingToPublish
	}
	if err := g.checkSizes(p, pub); err != nil {
		return a, err
	}
	a.messages, a.header, err = g.checkContent(p, a.stream, pub)
	return a, err
}

// checkContent checks the messages and the header beside the definition of a stream. If that is nil, any
// JSON passes. Large messages take turns.
func (g *Gateway) checkContent(p *auth.Principal, s *catalog.Stream, pub Publication) (messages [][]byte, header []byte, err error) {
	err = inTurn(&g.large, "publish", pub.Sender, p, isLarge(pub.Payloads), func() (err error) {
		messages, err = g.check(p.JailUID, s.Schema(), pub)
		return err
	})
	if pub.Header != nil {
		var wrong error
		header, wrong = g.checkHeader(p.JailUID, s, pub.Header)
		err = g.withHeaderProblems(err, wrong)
	}
	return messages, header, err
}

// checkSizes refuses messages that are larger than the operator lets the jail send.
func (g *Gateway) checkSizes(p *auth.Principal, pub Publication) error {
	most := g.Catalog.Quotas.Limit(p.JailUID, quota.MessageBytes)
	if most == 0 {
		return nil
	}
	var found batchProblems
	for i, payload := range pub.Payloads {
		if int64(len(payload)) <= most {
			continue
		}
		tooLarge := protocol.Errorf(protocol.CodeMessageTooLarge,
			"the message has %d bytes; at most %d are allowed in this jail", len(payload), most)
		if !pub.Batch {
			return tooLarge
		}
		found.add(i, tooLarge, true)
	}
	return found.refusal()
}

// streamID names a stream of the principal's jail.
func streamID(p *auth.Principal, stream string) streams.ID {
	return streams.ID{Space: p.JailUID, Name: stream}
}

// find returns the stream if it is defined, or a job stream. If it is neither, find
// returns nil where the settings allow undefined streams, and an error where they do not.
func (g *Gateway) find(id streams.ID) (*catalog.Stream, error) {
	if s := g.Catalog.Lookup(id); s.Schema() != nil || s.IsTransient() {
		return s, nil
	}
	if err := protocol.CheckStreamName(id.Name); err != nil {
		return nil, err
	}
	if !g.settings.AcceptUndefined {
		return nil, protocol.Errorf(protocol.CodeStreamNotFound, "there is no stream %q: define it first", id.Name)
	}
	return nil, nil
}

// open returns the topic of a stream that find returned.
func (g *Gateway) open(id streams.ID, s *catalog.Stream) (topic *streams.Topic, err error) {
	if s == nil {
		s, err = g.Catalog.Open(id)
	}
	if err == nil {
		topic, err = s.Topic()
	}
	return topic, attempted("open the stream", err)
}

// topic returns the topic of a stream that is defined or need not be.
func (g *Gateway) topic(p *auth.Principal, stream string) (*streams.Topic, error) {
	if err := checkReadable(p, stream); err != nil {
		return nil, err
	}
	id := streamID(p, stream)
	s, err := g.find(id)
	if err != nil {
		return nil, err
	}
	return g.open(id, s)
}

// check validates each payload and returns their compact forms. All of them share a
// budget of work and of problems.
func (g *Gateway) check(jail string, v *schema.Schema, pub Publication) ([][]byte, error) {
	budget := g.budget(jail)
	messages := make([][]byte, len(pub.Payloads))
	var found batchProblems
	for i, payload := range pub.Payloads {
		if pub.isGone() {
			return nil, attempted("publish", context.Canceled)
		}
		hasRoom := !budget.IsFull()
		message, err := v.CheckWithin(&budget, payload, g.settings.JSONDepth)
		switch {
		case err != nil && (!pub.Batch || errors.Is(err, schema.ErrTooCostly)):
			return nil, attempted("publish", err)
		case err != nil:
			found.add(i, g.Refusal(attempted("publish", err)), hasRoom)
		}
		messages[i] = message
	}
	return messages, found.refusal()
}

// budget returns what one request of a jail may spend on checks.
func (g *Gateway) budget(jail string) schema.Budget {
	b := schema.NewBudget(g.settings.ValidationSteps)
	b.RationCompiling(jail, g.mayCompile)
	return b
}

// allowCompiling takes the fields of a definition from the jail's budget of
// Settings.CompiledFieldsPerSecond, and reports whether there was enough.
func (g *Gateway) allowCompiling(jail string, fields int) bool {
	may := g.compiled.allow(rateKey{jail: jail}, fields)
	if !may {
		g.Metrics.CompilingRationed.Inc()
	}
	return may
}

// isGone reports whether the sender has given up.
func (p *Publication) isGone() bool {
	// Context.Done would make a channel for each HTTP request.
	return p.Sender != nil && p.Sender.Err() != nil
}

// batchProblems is what is wrong with the messages of a batch.
type batchProblems struct {
	code  protocol.Code // of the first problem
	lines []string
	more  []byte // the indexes of messages whose problems are not listed, as ranges
	first int    // of the last range
	last  int
	open  bool // the last range is not in more yet
}

// add notes what is wrong with the i-th message. Its problems are listed if there is room.
func (b *batchProblems) add(i int, e *protocol.Error, hasRoom bool) {
	if b.code == "" {
		b.code = e.Code
	}
	if !hasRoom || len(b.lines) >= problems.DefaultMax {
		b.addIndex(i)
		return
	}
	lines := e.Errors
	if len(lines) == 0 {
		lines = []string{e.Message}
	}
	for _, line := range lines {
		b.lines = append(b.lines, fmt.Sprintf("[%d] %s", i, line))
	}
}

func (b *batchProblems) addIndex(i int) {
	if b.open && i == b.last+1 {
		b.last = i
		return
	}
	b.endRange()
	b.first, b.last, b.open = i, i, true
}

func (b *batchProblems) endRange() {
	switch {
	case !b.open:
	case b.first == b.last:
		b.more = fmt.Appendf(b.more, " [%d]", b.first)
	default:
		b.more = fmt.Appendf(b.more, " [%d]-[%d]", b.first, b.last)
	}
}

// refusal returns nil if nothing is wrong.
func (b *batchProblems) refusal() error {
	if b.code == "" {
		return nil
	}
	if b.endRange(); b.open {
		b.lines = append(b.lines, "and more in"+string(b.more))
	}
	return protocol.Listed(b.code, "no message of the batch was published", b.lines)
}

func size(messages [][]byte) (n int) {
	for _, m := range messages {
		n += len(m)
	}
	return n
}

// Field reports whether the stream is defined and, if so, whether its messages
// may have a field of that name. A transport needs it to distinguish a batch from
// a message that looks like one. It authorizes nothing.
func (g *Gateway) Field(p *auth.Principal, stream, name string) (defined, has bool) {
	current := g.Catalog.Lookup(streamID(p, stream)).Schema()
	if current == nil {
		return false, false
	}
	return true, slices.ContainsFunc(current.Definition.Fields, func(f schema.Field) bool { return f.Name == name })
}
