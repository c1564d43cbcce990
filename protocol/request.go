package protocol

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// The actions of requests, and the one that only answers have.
const (
	ActionAuthenticate = "authenticate"
	ActionSubscribe    = "subscribe"
	ActionUnsubscribe  = "unsubscribe" // an extension, as are those that follow
	ActionPublish      = "publish"
	ActionDefine       = "define"
	ActionDescribe     = "describe"
	ActionAck          = "ack"
	ActionNack         = "nack"

	// ActionSubscription answers subscribe and heads deliveries, unless the
	// server is set to repeat the request's action literally.
	ActionSubscription = "subscription"
)

// A Request is one message from a client, of which only the envelope has been
// looked at. The view of its action reads the rest. It aliases the bytes that
// it was decoded from, which must not change while it is in use.
type Request struct {
	ID     int64
	Action string // any string, also one that is no action

	members
	// refusal is set when the message as a whole is at fault but its id and
	// action could be read. Every view returns it.
	refusal error
}

// members are the top-level members that have a meaning; nil where absent.
type members struct {
	id, action, payload, streamName, groupID jsontext.Value

	from, epoch, meta, ack, credit jsontext.Value // of subscribe
	messageID                      jsontext.Value // of publish
}

// DecodeRequest reads one text message. The error is a *Violation: the
// message is larger than the limit, is not valid UTF-8, not a JSON object
// from beginning to end, repeats a member that has a meaning, or lacks an
// integer id or a string action. A message that is nested too deeply decodes
// all the same and is refused by the views, so that the connection goes on;
// but beyond 10,000 levels nobody looks for its id any more.
//
// Any JSON number with an integral value counts as an integer, 1.0 and 1e0
// included, up to 2^53 either way: JavaScript knows no other integers.
func DecodeRequest(data []byte, limits Limits) (Request, error) {
	if len(data) > limits.MessageBytes {
		return Request{}, &Violation{Refusal: Errorf(CodeMessageTooLarge,
			"The message has %d bytes and at most %d are allowed.", len(data), limits.MessageBytes)}
	}
	if !utf8.Valid(data) {
		return Request{}, &Violation{Refusal: Errorf(CodeInvalidUTF8, "The message is not valid UTF-8.")}
	}
	deep := deeperThan(data, limits.JSONDepth)
	var req Request
	problem := req.read(data, deep)
	var idOK, actionOK bool
	req.ID, idOK = parseInteger(req.id)
	req.Action, actionOK = parseAction(req.action)
	switch {
	case problem != "":
		return Request{}, req.violation("%s", problem)
	case !idOK:
		return Request{}, req.violation("The message must have an id that is an integer of at most 2^53.")
	case !actionOK:
		return Request{}, req.violation("The message must have an action that is a string.")
	}
	if deep {
		req.refusal = Errorf(CodeNestingTooDeep, "The message is nested more than %d levels deep.", limits.JSONDepth)
	}
	return req, nil
}

func (r Request) violation(format string, args ...any) error {
	return &Violation{ID: r.ID, Action: r.Action, Refusal: Errorf(CodeProtocolViolation, format, args...)}
}

// read fills in the members and returns what is wrong with the message, ""
// if nothing is. It reads on after a repeated member, so that the id and
// action of the message come to light wherever they stand.
func (m *members) read(data []byte, deep bool) (problem string) {
	r := readers.Get().(*reader)
	defer r.release()
	r.reset(data)

	kind := r.decoder.PeekKind()
	if _, err := r.decoder.ReadToken(); err != nil {
		return notJSON(err)
	}
	if kind != '{' {
		return "The message must be a JSON object."
	}
	for r.decoder.PeekKind() != '}' {
		name, err := r.decoder.ReadValue()
		if err != nil {
			return notJSON(err)
		}
		member := m.named(name)
		if member != nil && *member != nil {
			problem = fmt.Sprintf("The message has the member %s twice.", name)
			member = nil
		}
		value, err := r.value(data, deep)
		if err != nil {
			return notJSON(err)
		}
		if member != nil {
			*member = value
		}
	}
	if err := r.end(); err != nil {
		return notJSON(err)
	}
	return problem
}

// named returns where the member with the quoted name goes, nil if nowhere.
func (m *members) named(quoted jsontext.Value) *jsontext.Value {
	if bytes.IndexByte(quoted, '\\') >= 0 {
		quoted = unescape(quoted)
	}
	switch string(quoted) {
	case `"id"`:
		return &m.id
	case `"action"`:
		return &m.action
	case `"payload"`:
		return &m.payload
	case `"streamName"`:
		return &m.streamName
	case `"groupId"`:
		return &m.groupID
	case `"from"`:
		return &m.from
	case `"epoch"`:
		return &m.epoch
	case `"meta"`:
		return &m.meta
	case `"ack"`:
		return &m.ack
	case `"credit"`:
		return &m.credit
	case `"messageId"`:
		return &m.messageID
	}
	return nil
}

// unescape spells a quoted string the shortest way. An unpaired surrogate
// becomes U+FFFD, which no name has that is looked for.
func unescape(quoted jsontext.Value) jsontext.Value {
	text, _ := jsontext.AppendUnquote(nil, quoted)
	shortest, _ := jsontext.AppendQuote(nil, text)
	return shortest
}

// parseAction returns the action, without allocating for those that exist.
func parseAction(raw jsontext.Value) (string, bool) {
	switch string(raw) {
	case `"authenticate"`:
		return ActionAuthenticate, true
	case `"subscribe"`:
		return ActionSubscribe, true
	case `"unsubscribe"`:
		return ActionUnsubscribe, true
	case `"publish"`:
		return ActionPublish, true
	case `"define"`:
		return ActionDefine, true
	case `"describe"`:
		return ActionDescribe, true
	case `"ack"`:
		return ActionAck, true
	case `"nack"`:
		return ActionNack, true
	}
	return parseString(raw)
}

// parseString returns the string that the raw value is; false if it is none,
// or one with an unpaired surrogate.
func parseString(raw jsontext.Value) (string, bool) {
	if raw.Kind() != '"' {
		return "", false
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), true
	}
	text, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		return "", false
	}
	return string(text), true
}

// deeperThan says whether objects and arrays lie more than limit levels
// within one another. On text that is not JSON it is right up to the first
// byte at fault, which is as far as anybody reads.
func deeperThan(data []byte, limit int) bool {
	// Nearly every message has fewer brackets than it may have levels, and
	// counting them is much faster than telling text from structure.
	if bytes.Count(data, []byte{'{'})+bytes.Count(data, []byte{'['}) <= limit {
		return false
	}
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
			if depth > limit {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// A reader walks the top level of one message.
type reader struct {
	decoder jsontext.Decoder
	buffer  bytes.Buffer // over the message; the decoder reads it in place
}

var readers = sync.Pool{New: func() any { return new(reader) }}

// lenient is for the envelope; see the package comment. Since the text is
// known to be UTF-8, AllowInvalidUTF8 is about unpaired surrogates only.
var lenient = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

func (r *reader) reset(data []byte) {
	r.buffer = *bytes.NewBuffer(data)
	r.decoder.Reset(&r.buffer, lenient...)
}

// release lets go of the message before the reader waits for the next one.
func (r *reader) release() {
	r.reset(nil)
	readers.Put(r)
}

// skipped stands for a value that was passed over. It is neither a string nor
// a number, so it can be neither an id nor an action.
var skipped = jsontext.Value("[]")

// value returns the next value as a part of data. In a message that is too
// deep, objects and arrays are passed over token by token: ReadValue recurses
// up to 10,000 levels, and the stack that it grows for them, 4 MiB, stays with
// the connection's goroutine until a garbage collection.
func (r *reader) value(data []byte, deep bool) (jsontext.Value, error) {
	if kind := r.decoder.PeekKind(); deep && (kind == '{' || kind == '[') {
		return skipped, r.decoder.SkipValue()
	}
	value, err := r.decoder.ReadValue()
	if err != nil {
		return nil, err
	}
	// What ReadValue returns is good only until the next call.
	end := r.decoder.InputOffset()
	return data[end-int64(len(value)) : end : end], nil
}

// end reads the closing brace, after which nothing may follow.
func (r *reader) end() error {
	_, err := r.decoder.ReadToken()
	if err == nil {
		_, err = r.decoder.ReadToken()
	}
	switch err {
	case io.EOF:
		return nil
	case nil:
		return errTrailing
	default:
		return err
	}
}

var errTrailing = errors.New("something follows the object")

// notJSON turns an error of the JSON decoder into a sentence. It shows a few
// bytes of the message at most: there may be a secret in it.
func notJSON(err error) string {
	return fmt.Sprintf("The message cannot be read as JSON: %s.", describe(err))
}

func describe(err error) string {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "it ends too early"
	}
	syntax, ok := errors.AsType[*jsontext.SyntacticError](err)
	switch {
	case !ok:
		return err.Error()
	case errors.Is(err, jsontext.ErrDuplicateName):
		return "the key " + quote(syntax.JSONPointer.LastToken()) + " appears twice in one object"
	default:
		return fmt.Sprintf("%v, at byte %d", syntax.Err, syntax.ByteOffset)
	}
}
