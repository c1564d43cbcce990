package protocol

import (
	"math"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/internal/jsonscan"
	"seagate/internal/secret"
)

// UnknownAction returns the refusal of a request whose action does not exist.
func UnknownAction(action string) *Error {
	return Errorf(CodeInvalidRequest, "There is no action %s; there are %s.", quote(action), strings.Join(actions, ", "))
}

// Authenticate reads an authenticate request:
//
//	{"id":1,"action":"authenticate","payload":{"type":"basic","clientId":s,"clientSecret":s}}
//	{"id":1,"action":"authenticate","payload":{"type":"jwt","clientId":s,"jwt":s}}
//
// The payload may also have a jailId (an extension). The error is an *Error:
// malformed_json for a repeated key or an unpaired surrogate, otherwise
// invalid_request with everything that is wrong.
func (r Request) Authenticate(limits Limits) (Credentials, error) {
	c := checker{refusal: r.refusal}
	return c.credentials(r.payload, limits)
}

// DecodeCredentials reads the payload of an authenticate message, with the errors of
// Request.Authenticate. It is for other dialogues that authenticate with the same payload.
func DecodeCredentials(payload jsontext.Value, limits Limits) (Credentials, error) {
	return new(checker).credentials(payload, limits)
}

func (c *checker) credentials(payload jsontext.Value, limits Limits) (Credentials, error) {
	var sent struct {
		Type         jsontext.Value `json:"type"`
		ClientID     jsontext.Value `json:"clientId"`
		JailID       jsontext.Value `json:"jailId"`
		ClientSecret jsontext.Value `json:"clientSecret"`
		JWT          jsontext.Value `json:"jwt"`
	}
	if !c.payload(payload, &sent) {
		return Credentials{}, c.err()
	}
	credentials := Credentials{ClientID: c.name("payload.clientId", sent.ClientID, clientIDs)}
	if !absent(sent.JailID) {
		credentials.JailID = c.name("payload.jailId", sent.JailID, jailIDs)
	}
	credentials.Type, _ = parseString(sent.Type)
	switch credentials.Type {
	case BasicCredentials:
		credentials.Secret = secret.New(c.atMost("payload.clientSecret", sent.ClientSecret, MaxSecretBytes))
	case JWTCredentials:
		credentials.Secret = secret.New(c.atMost("payload.jwt", sent.JWT, limits.TokenBytes))
	default:
		c.Add("payload.type", `must be "basic" or "jwt"`)
	}
	return orZero(credentials, c.err())
}

// A Subscribe asks for the messages of a stream. Only Stream and Group are in
// stream-sea; the rest are extensions.
type Subscribe struct {
	Stream string
	// Group is the UUID of the group that the subscription joins, or "". It is
	// in lower case, so that one group has one spelling.
	Group string

	From  Position
	Epoch string // the stream's epoch to which From belongs, or ""
	// Meta asks for deliveries with the number, time and epoch of each message.
	Meta bool
	// Explicit says that the client acknowledges messages with ack requests. It
	// implies Meta. The view does not check that there is a Group.
	Explicit bool
	// Credit is how many unacknowledged messages a member of a group may hold,
	// from 1 to MaxCredit, or 0 for the server's default. The view does not
	// check that there is a Group.
	Credit int
	// State asks for the state of the stream, and for each change of it.
	State bool
	// Filter is the tree of a filter, as it was sent, or nil. The view does not check it.
	Filter jsontext.Value
}

// Subscribe reads a subscribe request. Every member but the payload may be
// absent or null; an absent ack means "auto".
//
//	{"id":2,"action":"subscribe","payload":"boiler_data","groupId":"0a0e...",
//	 "from":17,"epoch":"8f14e45f","meta":true,"ack":"explicit","credit":10,"state":true,
//	 "filter":{"t":"path","e":"$.late"}}
//
// The error is an *Error: invalid_request, or invalid_name.
func (r Request) Subscribe() (Subscribe, error) {
	c := checker{refusal: r.refusal}
	sub := Subscribe{Stream: c.text("payload", r.payload)}
	if !absent(r.groupID) {
		sub.Group = c.uuid("groupId", r.groupID)
	}
	if !absent(r.from) {
		sub.From = c.position("from", r.from)
	}
	if !absent(r.epoch) {
		sub.Epoch = c.atMost("epoch", r.epoch, MaxEpochBytes)
	}
	sub.Explicit = !absent(r.ack) && c.explicit(r.ack)
	sub.Meta = !absent(r.meta) && c.boolean("meta", r.meta) || sub.Explicit
	if !absent(r.credit) {
		sub.Credit = c.credit("credit", r.credit)
	}
	sub.State = !absent(r.state) && c.boolean("state", r.state)
	if !absent(r.filter) {
		sub.Filter = r.filter
	}
	return orZero(sub, c.errOrBadStream(sub.Stream))
}

// An Unsubscribe ends what a request has begun.
type Unsubscribe struct {
	ID int64 // of the subscribe or provide request, or another that goes on
	// Drain lets a member of a group leave only once it has settled what it was handed.
	Drain bool
}

// Unsubscribe reads an unsubscribe request (an extension). drain may be absent or null.
//
//	{"id":5,"action":"unsubscribe","payload":2,"drain":true}
//
// The error is an *Error: invalid_request.
func (r Request) Unsubscribe() (Unsubscribe, error) {
	c := checker{refusal: r.refusal}
	u := Unsubscribe{ID: c.subscription("payload", r.payload)}
	u.Drain = !absent(r.drain) && c.boolean("drain", r.drain)
	return orZero(u, c.err())
}

// A Publish is a message for a stream, or several. Payload is raw JSON of any
// kind. It is a part of the request, and may repeat keys or contain unpaired
// surrogates, which the caller must refuse before it forwards the message.
type Publish struct {
	Stream  string
	Payload []byte
	// Batch is several messages, which are accepted all or none, instead of Payload.
	// They are as unchecked as Payload. nil means that there is a Payload.
	Batch []jsontext.Value
	// MessageID lets a client publish a message again without it being accepted
	// twice. "" means that the request has none.
	MessageID string
	// Header is raw JSON that becomes the stream's header together with the
	// message, or nil. It is as unchecked as Payload.
	Header []byte
	// Traceparent is the span of the sender (W3C Trace Context), unchecked, or "".
	Traceparent string
}

// Publish reads a publish request (an extension). A messageId or header of null
// counts as absent.
//
//	{"id":3,"action":"publish","streamName":"boiler_data","payload":{...}}
//	{"id":3,"action":"publish","streamName":"boiler_data","payload":{...},"messageId":"42"}
//	{"id":3,"action":"publish","streamName":"boiler_data","payload":{...},"header":{...}}
//	{"id":3,"action":"publish","streamName":"boiler_data","batch":[{...},{...}]}
//
// The error is an *Error: invalid_request, or invalid_name.
func (r Request) Publish() (Publish, error) {
	c := checker{refusal: r.refusal}
	pub := Publish{Stream: c.text("streamName", r.streamName), Payload: r.payload}
	switch {
	case r.batch != nil && r.payload != nil:
		c.Add("batch", "must not be there beside payload")
	case r.batch != nil:
		pub.Batch = c.list("batch", r.batch)
	case r.payload == nil:
		c.Add("payload", mustBeThere)
	}
	if !absent(r.messageID) {
		pub.MessageID = c.messageID(r.messageID)
	}
	if !absent(r.header) {
		pub.Header = r.header
	}
	pub.Traceparent, _ = parseString(r.traceparent) // what is not valid is ignored, as in HTTP
	return orZero(pub, c.errOrBadStream(pub.Stream))
}

// list returns the items of an array, not nil.
func (c *checker) list(place string, raw jsontext.Value) []jsontext.Value {
	items := []jsontext.Value{}
	if raw.Kind() == '[' {
		_, err := jsonscan.Array(raw, math.MaxInt, func(item jsontext.Value) bool {
			items = append(items, item)
			return true
		})
		if err == nil {
			return items
		}
	}
	c.Add(place, "must be a list of messages")
	return nil
}

// A Define is a schema definition for a stream. Definition is a raw JSON
// object, and as unchecked as Publish.Payload.
type Define struct {
	Stream     string
	Definition []byte
}

// Define reads a define request (an extension).
//
//	{"id":4,"action":"define","streamName":"boiler_data","payload":{"version":1,"fields":[...]}}
//
// The error is an *Error: invalid_request, or invalid_name.
func (r Request) Define() (Define, error) {
	c := checker{refusal: r.refusal}
	def := Define{Stream: c.text("streamName", r.streamName), Definition: r.payload}
	if r.payload.Kind() != '{' {
		c.Add("payload", mustBeObject)
	}
	return orZero(def, c.errOrBadStream(def.Stream))
}

// Describe reads a describe request (an extension). It returns the name of the
// stream whose definition is asked for.
//
//	{"id":5,"action":"describe","payload":"boiler_data"}
//
// The error is an *Error: invalid_request, or invalid_name.
func (r Request) Describe() (stream string, err error) {
	c := checker{refusal: r.refusal}
	stream = c.text("payload", r.payload)
	return orZero(stream, c.errOrBadStream(stream))
}
