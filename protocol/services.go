package protocol

import (
	"math"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/internal/jsonscan"
)

// What follows reads and writes what is said about services (an extension).

// A Serve makes the connection a server of a service.
type Serve struct {
	Service    string
	Procedures []string // distinct
	// Credit is how many calls the server may have under way, from 1 to
	// MaxCredit, or 0 for the default of 16.
	Credit int
	// Sole refuses other servers of the service.
	Sole bool
	// Addresses asks for the addresses of callers.
	Addresses bool
}

// Serve reads a serve request. credit, sole and addresses are optional.
//
//	{"id":4,"action":"serve","payload":{"service":"pricing","procedures":["quote","reload"],"credit":16,"sole":true}}
//
// The error is an *Error: malformed_json for a repeated key or an unpaired
// surrogate, invalid_name, otherwise invalid_request with everything that is
// wrong.
func (r Request) Serve() (Serve, error) {
	var sent struct {
		Service    jsontext.Value `json:"service"`
		Procedures jsontext.Value `json:"procedures"`
		Credit     jsontext.Value `json:"credit"`
		Sole       jsontext.Value `json:"sole"`
		Addresses  jsontext.Value `json:"addresses"`
	}
	c := checker{refusal: r.refusal}
	if !c.payload(r.payload, &sent) {
		return Serve{}, c.err()
	}
	s := Serve{
		Service:    c.text("payload.service", sent.Service),
		Procedures: c.procedures("payload.procedures", sent.Procedures),
		Sole:       !absent(sent.Sole) && c.boolean("payload.sole", sent.Sole),
		Addresses:  !absent(sent.Addresses) && c.boolean("payload.addresses", sent.Addresses),
	}
	if !absent(sent.Credit) {
		s.Credit = c.credit("payload.credit", sent.Credit)
	}
	return orZero(s, c.errOrBadService(s.Service, s.Procedures...))
}

// Watch reads a watch request. It returns the name of the service whose servers are
// to be counted.
//
//	{"id":7,"action":"watch","payload":"pricing"}
//
// The error is an *Error: invalid_request, or invalid_name.
func (r Request) Watch() (service string, err error) {
	c := checker{refusal: r.refusal}
	service = c.text("payload", r.payload)
	return orZero(service, c.errOrBadService(service))
}

// An Answer is what a server answers to a call: a result, a part of it, or an
// error.
type Answer struct {
	Serve  int64 // the id of the serve request
	Call   int64
	Result jsontext.Value // nil if there is an error
	More   bool           // Result is a part, and more follows
	Error  *CallError     // nil if there is a result
}

// A CallError is the error of a server of a service. It is the server's own.
type CallError struct {
	Code    string         `json:"code"`
	Message string         `json:"message"`
	Details jsontext.Value `json:"details,omitzero"` // nil for none
}

// MaxErrorCodeBytes bounds the code of a CallError.
const MaxErrorCodeBytes = 255

// Answer reads an answer request. It must have either result or error; more is
// optional, and only for a result. In an error, message and details are optional.
//
//	{"id":5,"action":"answer","payload":{"serve":4,"call":71,"result":{...},"more":true}}
//	{"id":5,"action":"answer","payload":{"serve":4,"call":71,"error":{"code":"...","message":"...","details":...}}}
//
// The error is an *Error: malformed_json for a repeated key or an unpaired
// surrogate, otherwise invalid_request with everything that is wrong.
func (r Request) Answer() (Answer, error) {
	var sent struct {
		Serve  jsontext.Value `json:"serve"`
		Call   jsontext.Value `json:"call"`
		Result jsontext.Value `json:"result"` // null is a result
		Error  jsontext.Value `json:"error"`
		More   jsontext.Value `json:"more"`
	}
	c := checker{refusal: r.refusal}
	if !c.payload(r.payload, &sent) {
		return Answer{}, c.err()
	}
	a := Answer{
		Serve:  c.integer("payload.serve", sent.Serve, "the id of a serve request"),
		Call:   c.integer("payload.call", sent.Call, "the number of a call"),
		Result: sent.Result,
		More:   !absent(sent.More) && c.boolean("payload.more", sent.More),
	}
	switch hasError := !absent(sent.Error); {
	case hasError == (sent.Result != nil):
		c.Add("payload", "must have either result or error")
	case hasError:
		a.Error = c.callError("payload.error", sent.Error)
		if a.More {
			c.Add("payload.more", "is for a result: an error is the end")
		}
	}
	return orZero(a, c.err())
}

// A Fetch is a call of a procedure.
type Fetch struct {
	Service   string
	Procedure string
	Body      jsontext.Value // null if the request has none
	Timeout   time.Duration  // up to MaxCallTimeout; 0 for the default of 30 s
}

// MaxCallTimeout is how long a call may take.
const MaxCallTimeout = 5 * time.Minute

// Fetch reads a fetch request. body and timeout, which is in seconds, are
// optional.
//
//	{"id":6,"action":"fetch","payload":{"service":"pricing","procedure":"quote","body":{...},"timeout":5}}
//
// The error is as in Serve.
func (r Request) Fetch() (Fetch, error) {
	var sent struct {
		Service   jsontext.Value `json:"service"`
		Procedure jsontext.Value `json:"procedure"`
		Body      jsontext.Value `json:"body"`
		Timeout   jsontext.Value `json:"timeout"`
	}
	c := checker{refusal: r.refusal}
	if !c.payload(r.payload, &sent) {
		return Fetch{}, c.err()
	}
	f := Fetch{
		Service:   c.text("payload.service", sent.Service),
		Procedure: c.text("payload.procedure", sent.Procedure),
		Body:      orNull(sent.Body),
	}
	if !absent(sent.Timeout) {
		f.Timeout = c.timeout("payload.timeout", sent.Timeout)
	}
	return orZero(f, c.errOrBadService(f.Service, f.Procedure))
}

// A Signal is a message to a server of a service, which is not answered.
type Signal struct {
	Service   string
	Procedure string
	Body      jsontext.Value // null if the request has none
	All       bool           // to each server of the service
}

// Signal reads a signal request. body and all are optional.
//
//	{"id":8,"action":"signal","payload":{"service":"pricing","procedure":"reload","body":{...},"all":true}}
//
// The error is as in Serve.
func (r Request) Signal() (Signal, error) {
	var sent struct {
		Service   jsontext.Value `json:"service"`
		Procedure jsontext.Value `json:"procedure"`
		Body      jsontext.Value `json:"body"`
		All       jsontext.Value `json:"all"`
	}
	c := checker{refusal: r.refusal}
	if !c.payload(r.payload, &sent) {
		return Signal{}, c.err()
	}
	s := Signal{
		Service:   c.text("payload.service", sent.Service),
		Procedure: c.text("payload.procedure", sent.Procedure),
		Body:      orNull(sent.Body),
		All:       !absent(sent.All) && c.boolean("payload.all", sent.All),
	}
	return orZero(s, c.errOrBadService(s.Service, s.Procedure))
}

func orNull(raw jsontext.Value) jsontext.Value {
	if raw == nil {
		return jsontext.Value("null")
	}
	return raw
}

// errOrBadService returns what err returns, or, if that is nil, the error of the first invalid name.
func (c *checker) errOrBadService(service string, procedures ...string) error {
	err := c.err()
	if err == nil {
		err = CheckServedName(service)
	}
	for _, p := range procedures {
		if err == nil {
			err = CheckProcedureName(p)
		}
	}
	return err
}

// maxProcedures bounds a list of procedures, whatever the settings of the server.
const maxProcedures = 10_000

func (c *checker) procedures(place string, raw jsontext.Value) (names []string) {
	ok := raw.Kind() == '['
	if ok {
		_, err := jsonscan.Array(raw, math.MaxInt, func(item jsontext.Value) bool {
			name, isText := parseString(item)
			ok = isText && name != "" && len(names) < maxProcedures
			names = append(names, name)
			return ok
		})
		ok = ok && err == nil && len(names) > 0
	}
	if !ok {
		c.Addf(place, "must be a list of 1 to %d names", maxProcedures)
		return nil
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (c *checker) timeout(place string, raw jsontext.Value) time.Duration {
	timeout, ok := parseSeconds(raw)
	if !ok || timeout <= 0 || timeout > MaxCallTimeout {
		c.Addf(place, "must be a number of seconds above 0 and at most %.0f", MaxCallTimeout.Seconds())
	}
	return timeout
}

func (c *checker) integer(place string, raw jsontext.Value, what string) int64 {
	n, ok := parseInteger(raw)
	if !ok {
		c.Addf(place, "must be an integer: %s", what)
	}
	return n
}

func (c *checker) callError(place string, raw jsontext.Value) *CallError {
	var sent struct {
		Code    jsontext.Value `json:"code"`
		Message jsontext.Value `json:"message"`
		Details jsontext.Value `json:"details"`
	}
	if raw.Kind() != '{' || json.Unmarshal(raw, &sent) != nil {
		c.Add(place, `must be an object with a "code" and a "message"`)
		return nil
	}
	e := &CallError{Code: c.atMost(place+".code", sent.Code, MaxErrorCodeBytes), Details: sent.Details}
	if !absent(sent.Message) {
		var ok bool
		if e.Message, ok = parseString(sent.Message); !ok {
			c.Add(place+".message", "must be a string")
		}
	}
	return e
}
