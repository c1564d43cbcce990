package protocol

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/internal/jsonscan"
	"seagate/internal/problems"
)

// What the members of a request must be. Every view says it in these words.
const (
	mustBeString  = "must be a non-empty string"
	mustBeObject  = "must be an object"
	mustBeThere   = "must be there"
	mustBeInteger = "must be an integer: the id of a subscribe request"
	mustBeProvide = "must be an integer: the id of a provide request"
	mustBeUUID    = "must be a UUID in the 8-4-4-4-12 form, or null"
	mustBeBool    = "must be true or false"
	mustBeAck     = `must be "auto" or "explicit"`
)

// A checker reads the members of one request. Each method returns the value of
// a member, or a meaningless one after noting what is wrong with it; err
// returns the outcome. So a view can read on and report all problems at once.
type checker struct {
	problems.List
	refusal error // of the request as a whole; it is returned instead of the problems
}

// err returns what the views document, or nil if nothing is wrong.
func (c *checker) err() error {
	if c.refusal != nil {
		return c.refusal
	}
	return InvalidRequest("The request", &c.List)
}

// errOrBadStream returns what err returns, or, if that is nil, the error of the
// stream's name.
func (c *checker) errOrBadStream(name string) error {
	if err := c.err(); err != nil {
		return err
	}
	return CheckStreamName(name)
}

// orZero returns value if err is nil, and otherwise the zero value and err.
func orZero[T any](value T, err error) (T, error) {
	if err != nil {
		var zero T
		return zero, err
	}
	return value, nil
}

// payload decodes a payload that must be an object, strictly, and reports
// whether it could.
func (c *checker) payload(raw jsontext.Value, into any) bool {
	switch {
	case c.refusal != nil:
		return false
	case raw.Kind() != '{':
		c.Add("payload", mustBeObject)
		return false
	}
	if err := json.Unmarshal(raw, into); err != nil {
		c.refusal = Errorf(CodeMalformedJSON, "The payload is not acceptable JSON: %s.", DescribeJSON(err))
		return false
	}
	return true
}

// absent reports whether an optional member is missing or null.
func absent(raw jsontext.Value) bool {
	return raw == nil || raw.Kind() == 'n'
}

// parseString returns the value of a JSON string without unpaired surrogates.
func parseString(raw jsontext.Value) (string, bool) {
	if raw.Kind() != '"' {
		return "", false
	}
	text, err := jsonscan.Text(raw)
	if err != nil {
		return "", false
	}
	return string(text), true
}

func (c *checker) text(place string, raw jsontext.Value) string {
	text, _ := parseString(raw)
	if text == "" {
		c.Add(place, mustBeString)
	}
	return text
}

// atMost is text with a bound in bytes.
func (c *checker) atMost(place string, raw jsontext.Value, most int) string {
	text := c.text(place, raw)
	if len(text) > most {
		c.Addf(place, "must have at most %d bytes", most)
	}
	return text
}

func (c *checker) name(place string, raw jsontext.Value, rule nameRule) string {
	name := c.text(place, raw)
	if name == "" {
		return ""
	}
	if problem := rule.problem(name); problem != "" {
		c.Add(place, problem)
	}
	return name
}

func (c *checker) uuid(place string, raw jsontext.Value) string {
	text, _ := parseString(raw)
	id, ok := parseUUID(text)
	if !ok {
		c.Add(place, mustBeUUID)
	}
	return id
}

func (c *checker) messageID(raw jsontext.Value) string {
	text, _ := parseString(raw)
	if problem := messageIDProblem(text); problem != "" {
		c.Add("messageId", problem)
	}
	return text
}

func (c *checker) boolean(place string, raw jsontext.Value) bool {
	if kind := raw.Kind(); kind != 't' && kind != 'f' {
		c.Add(place, mustBeBool)
	}
	return raw.Kind() == 't'
}

// explicit returns whether an ack member asks for explicit acknowledgement.
func (c *checker) explicit(raw jsontext.Value) bool {
	text, _ := parseString(raw)
	if text != "auto" && text != "explicit" {
		c.Add("ack", mustBeAck)
	}
	return text == "explicit"
}

func (c *checker) credit(place string, raw jsontext.Value) int {
	n, ok := parseInteger(raw)
	if !ok || n < 1 || n > MaxCredit {
		c.Addf(place, "must be an integer from 1 to %d", MaxCredit)
	}
	return int(n)
}

func (c *checker) position(place string, raw jsontext.Value) Position {
	position, err := decodePosition(raw)
	if err != nil {
		c.Add(place, MustBePosition)
	}
	return position
}

// subscription returns the id of a subscription.
func (c *checker) subscription(place string, raw jsontext.Value) int64 {
	id, ok := parseInteger(raw)
	if !ok {
		c.Add(place, mustBeInteger)
	}
	return id
}

func (c *checker) seq(place string, raw jsontext.Value) uint64 {
	seq, ok := parseSeq(raw)
	if !ok {
		c.Add(place, "must be a message number from 1")
	}
	return seq
}

// seqs returns one or more message numbers.
func (c *checker) seqs(place string, raw jsontext.Value) []uint64 {
	if seq, ok := parseSeq(raw); ok {
		return []uint64{seq}
	}
	seqs, ok := parseSeqs(raw)
	if !ok {
		c.Addf(place, "must be a message number from 1, or a list of 1 to %d of them", MaxAckSeqs)
		return nil
	}
	return seqs
}

// parseSeqs reads a list of message numbers. It stops at the first that is one
// too many, so that no list costs more than the longest that is allowed.
func parseSeqs(raw jsontext.Value) (seqs []uint64, ok bool) {
	if raw.Kind() != '[' {
		return nil, false
	}
	seqs = make([]uint64, 0, min(1+bytes.Count(raw, []byte{','}), MaxAckSeqs))
	ok = true
	_, err := jsonscan.Array(raw, math.MaxInt, func(item jsontext.Value) bool {
		seq, isSeq := parseSeq(item)
		if ok = isSeq && len(seqs) < MaxAckSeqs; ok {
			seqs = append(seqs, seq)
		}
		return ok
	})
	return seqs, ok && err == nil && len(seqs) > 0
}

func (c *checker) reason(place string, raw jsontext.Value) string {
	if absent(raw) {
		return ""
	}
	reason, ok := parseString(raw)
	if !ok || len(reason) > MaxReasonBytes {
		c.Addf(place, "must be a string of at most %d bytes", MaxReasonBytes)
	}
	return reason
}

func (c *checker) delay(place string, raw jsontext.Value) time.Duration {
	if absent(raw) {
		return 0
	}
	delay, ok := parseSeconds(raw)
	if !ok || delay < 0 || delay > MaxNackDelay {
		c.Addf(place, "must be a number of seconds from 0 to %.0f", MaxNackDelay.Seconds())
	}
	return delay
}

// parseSeconds returns the duration of a JSON number of seconds, rounded to
// nanoseconds, and false if no Duration can hold it.
func parseSeconds(raw jsontext.Value) (time.Duration, bool) {
	if raw.Kind() != '0' {
		return 0, false
	}
	seconds, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || math.Abs(seconds) >= math.MaxInt64/1e9 {
		return 0, false
	}
	return time.Duration(math.Round(seconds * 1e9)), true
}

// DescribeJSON turns an error of the JSON decoder into words that complete "cannot be
// read as JSON: ". It shows a few bytes of the text at most, because there may be a
// secret in it.
func DescribeJSON(err error) string {
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
