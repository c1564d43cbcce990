package protocol

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/internal/secret"
)

// What the members of a request must be, said the same way everywhere.
const (
	mustBeString  = "must be a non-empty string"
	mustBeObject  = "must be an object"
	mustBeThere   = "must be there"
	mustBeInteger = "must be an integer: the id of a subscribe request"
	mustBeUUID    = "must be a UUID in the 8-4-4-4-12 form, or null"
	mustBeBool    = "must be true or false"
	mustBeAck     = `must be "auto" or "explicit"`
)

// UnknownAction returns the refusal of a request whose action is none.
func UnknownAction(action string) *Error {
	return Errorf(CodeInvalidRequest, "There is no action %s; there are %s.", quote(action),
		strings.Join([]string{ActionAuthenticate, ActionSubscribe, ActionUnsubscribe, ActionPublish, ActionDefine, ActionDescribe, ActionAck, ActionNack}, ", "))
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
	var sent struct {
		Type         jsontext.Value `json:"type"`
		ClientID     jsontext.Value `json:"clientId"`
		JailID       jsontext.Value `json:"jailId"`
		ClientSecret jsontext.Value `json:"clientSecret"`
		JWT          jsontext.Value `json:"jwt"`
	}
	if err := r.readPayload(&sent); err != nil {
		return Credentials{}, err
	}
	var wrong problems
	credentials := Credentials{ClientID: wrong.name("payload.clientId", sent.ClientID, clientIDs)}
	if !absent(sent.JailID) {
		credentials.JailID = wrong.name("payload.jailId", sent.JailID, jailIDs)
	}
	credentials.Type, _ = parseString(sent.Type)
	switch credentials.Type {
	case BasicCredentials:
		credentials.Secret = wrong.secret("payload.clientSecret", sent.ClientSecret, MaxSecretBytes)
	case JWTCredentials:
		credentials.Secret = wrong.secret("payload.jwt", sent.JWT, limits.TokenBytes)
	default:
		wrong.add("payload.type", `must be "basic" or "jwt"`)
	}
	if err := wrong.err(); err != nil {
		return Credentials{}, err
	}
	return credentials, nil
}

// A Subscribe asks for the messages of a stream.
type Subscribe struct {
	Stream string
	// Group is the UUID of the group that the subscription joins, in lower
	// case, so that one group has one spelling; "" for none.
	Group string

	// What follows is an extension.

	From  Position
	Epoch string // of the stream, for which From was good; "" if the request does not say
	// Meta asks for deliveries that say what there is to know of a message.
	Meta bool
	// Explicit means that messages are acknowledged with ack requests. It
	// implies Meta. Whether there is a Group for it nobody has looked at.
	Explicit bool
	// Credit is how many messages a member of a group may hold unacknowledged,
	// from 1 to MaxCredit; 0 if the request does not say. Whether there is a
	// Group for it nobody has looked at.
	Credit int
}

// Subscribe reads a subscribe request. All but the payload may be absent or
// null; ack is "auto" then.
//
//	{"id":2,"action":"subscribe","payload":"boiler_data","groupId":"0a0e...",
//	 "from":17,"epoch":"8f14e45f","meta":true,"ack":"explicit","credit":10}
//
// The error is an *Error: invalid_request, or invalid_name.
func (r Request) Subscribe() (Subscribe, error) {
	if r.refusal != nil {
		return Subscribe{}, r.refusal
	}
	var wrong problems
	sub := Subscribe{Stream: wrong.text("payload", r.payload)}
	if !absent(r.groupID) {
		sub.Group = wrong.uuid("groupId", r.groupID)
	}
	if !absent(r.from) {
		sub.From = wrong.position("from", r.from)
	}
	if !absent(r.epoch) {
		sub.Epoch = wrong.epoch(r.epoch)
	}
	sub.Explicit = !absent(r.ack) && wrong.explicit(r.ack)
	sub.Meta = !absent(r.meta) && wrong.boolean("meta", r.meta) || sub.Explicit
	if !absent(r.credit) {
		sub.Credit = wrong.credit(r.credit)
	}
	if err := wrong.orBadStream(sub.Stream); err != nil {
		return Subscribe{}, err
	}
	return sub, nil
}

// Unsubscribe reads an unsubscribe request (an extension) and returns the id
// of the subscription to end, which is that of the request that began it.
//
//	{"id":5,"action":"unsubscribe","payload":2}
//
// The error is an *Error: invalid_request.
func (r Request) Unsubscribe() (int64, error) {
	if r.refusal != nil {
		return 0, r.refusal
	}
	var wrong problems
	id, ok := parseInteger(r.payload)
	if !ok {
		wrong.add("payload", mustBeInteger)
	}
	return id, wrong.err()
}

// A Publish is a message for a stream. Payload is raw JSON of any kind,
// aliases the request, and may repeat keys or have unpaired surrogates, which
// must be refused before it is forwarded.
type Publish struct {
	Stream  string
	Payload []byte
	// MessageID makes sure that a message that is published again is accepted
	// once; "" if the request has none.
	MessageID string
}

// Publish reads a publish request (an extension). A messageId of null counts
// as absent.
//
//	{"id":3,"action":"publish","streamName":"boiler_data","payload":{...}}
//	{"id":3,"action":"publish","streamName":"boiler_data","payload":{...},"messageId":"42"}
//
// The error is an *Error: invalid_request, or invalid_name.
func (r Request) Publish() (Publish, error) {
	if r.refusal != nil {
		return Publish{}, r.refusal
	}
	var wrong problems
	pub := Publish{Stream: wrong.text("streamName", r.streamName), Payload: r.payload}
	if r.payload == nil {
		wrong.add("payload", mustBeThere)
	}
	if !absent(r.messageID) {
		pub.MessageID = wrong.messageID(r.messageID)
	}
	if err := wrong.orBadStream(pub.Stream); err != nil {
		return Publish{}, err
	}
	return pub, nil
}

// A Define is a schema definition for a stream. Definition is a raw JSON
// object, aliases the request, and is as unchecked as Publish.Payload.
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
	if r.refusal != nil {
		return Define{}, r.refusal
	}
	var wrong problems
	def := Define{Stream: wrong.text("streamName", r.streamName), Definition: r.payload}
	if r.payload.Kind() != '{' {
		wrong.add("payload", mustBeObject)
	}
	if err := wrong.orBadStream(def.Stream); err != nil {
		return Define{}, err
	}
	return def, nil
}

// Describe reads a describe request (an extension) and returns the stream
// whose definition is asked for.
//
//	{"id":5,"action":"describe","payload":"boiler_data"}
//
// The error is an *Error: invalid_request, or invalid_name.
func (r Request) Describe() (stream string, err error) {
	if r.refusal != nil {
		return "", r.refusal
	}
	var wrong problems
	stream = wrong.text("payload", r.payload)
	if err := wrong.orBadStream(stream); err != nil {
		return "", err
	}
	return stream, nil
}

// readPayload reads a payload that must be an object, strictly. The error is
// that of the view.
func (r Request) readPayload(into any) error {
	if r.refusal != nil {
		return r.refusal
	}
	if r.payload.Kind() != '{' {
		var wrong problems
		wrong.add("payload", mustBeObject)
		return wrong.err()
	}
	if err := json.Unmarshal(r.payload, into); err != nil {
		return Errorf(CodeMalformedJSON, "The payload is not acceptable JSON: %s.", describe(err))
	}
	return nil
}

func absent(raw jsontext.Value) bool {
	return raw == nil || raw.Kind() == 'n'
}

// text returns the non-empty string at a place, or notes the problem.
func (p *problems) text(place string, raw jsontext.Value) string {
	text, _ := parseString(raw)
	if text == "" {
		p.add(place, mustBeString)
	}
	return text
}

func (p *problems) name(place string, raw jsontext.Value, rule nameRule) string {
	name := p.text(place, raw)
	if name == "" {
		return ""
	}
	if problem := rule.problem(name); problem != "" {
		p.add(place, problem)
	}
	return name
}

func (p *problems) secret(place string, raw jsontext.Value, most int) secret.Text {
	text := p.text(place, raw)
	if len(text) > most {
		p.add(place, fmt.Sprintf("must have at most %d bytes", most))
	}
	return secret.New(text)
}

func (p *problems) epoch(raw jsontext.Value) string {
	text := p.text("epoch", raw)
	if len(text) > MaxEpochBytes {
		p.add("epoch", fmt.Sprintf("must have at most %d bytes", MaxEpochBytes))
	}
	return text
}

func (p *problems) messageID(raw jsontext.Value) string {
	text, _ := parseString(raw)
	if problem := messageIDProblem(text); problem != "" {
		p.add("messageId", problem)
	}
	return text
}

func (p *problems) boolean(place string, raw jsontext.Value) bool {
	if kind := raw.Kind(); kind != 't' && kind != 'f' {
		p.add(place, mustBeBool)
	}
	return raw.Kind() == 't'
}

// explicit returns whether an ack member asks for explicit acknowledgement.
func (p *problems) explicit(raw jsontext.Value) bool {
	text, _ := parseString(raw)
	if text != "auto" && text != "explicit" {
		p.add("ack", mustBeAck)
	}
	return text == "explicit"
}

func (p *problems) credit(raw jsontext.Value) int {
	n, ok := parseInteger(raw)
	if !ok || n < 1 || n > MaxCredit {
		p.add("credit", fmt.Sprintf("must be an integer from 1 to %d", MaxCredit))
	}
	return int(n)
}

func (p *problems) uuid(place string, raw jsontext.Value) string {
	text, _ := parseString(raw)
	id, ok := parseUUID(text)
	if !ok {
		p.add(place, mustBeUUID)
	}
	return id
}

// orBadStream returns the problems as an error, and if there are none what is
// wrong with the stream's name.
func (p problems) orBadStream(name string) error {
	if err := p.err(); err != nil {
		return err
	}
	return CheckStreamName(name)
}
