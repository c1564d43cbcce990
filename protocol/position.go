package protocol

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/internal/rfc3339"
)

// A PositionKind says what a Position refers to.
type PositionKind uint8

const (
	PositionLatest   PositionKind = iota // after the newest message; the zero value
	PositionEarliest                     // the oldest message that the stream keeps
	PositionSeq                          // the message with the number Seq
	PositionTime                         // the first message accepted at Time or later
)

// A Position is where in a stream a reader begins. It is an extension. On the
// wire it is "latest", "earliest", a message number, or an RFC 3339 time.
type Position struct {
	Kind PositionKind
	Seq  uint64    // for PositionSeq: from 1 to MaxInteger
	Time time.Time // for PositionTime, in UTC
}

// MustBePosition says what a Position must be. In errors it follows the place
// of what is not a Position: "from: must be ...".
const MustBePosition = `must be "latest", "earliest", a message number from 1, or an RFC 3339 time`

const latest, earliest = "latest", "earliest"

// ParsePosition reads a position from a query or a command line: latest,
// earliest, the digits of a number, or a time. The error is an *Error
// (invalid_request) that names no place.
func ParsePosition(text string) (Position, error) {
	if seq, err := strconv.ParseUint(text, 10, 64); err == nil {
		return seqPosition(seq)
	}
	return textPosition(text)
}

// String returns the position as ParsePosition reads it.
func (p Position) String() string {
	switch p.Kind {
	case PositionEarliest:
		return earliest
	case PositionSeq:
		return strconv.FormatUint(p.Seq, 10)
	case PositionTime:
		return string(AppendTime(nil, p.Time))
	default:
		return latest
	}
}

// MarshalJSON returns the position as a number or a string.
func (p Position) MarshalJSON() ([]byte, error) {
	if p.Kind == PositionSeq {
		return strconv.AppendUint(nil, p.Seq, 10), nil
	}
	return appendString(nil, p.String()), nil
}

// UnmarshalJSON reads a position from one JSON value. A number in a string is
// not a position. The error is an *Error (invalid_request) that names no place.
func (p *Position) UnmarshalJSON(raw []byte) error {
	position, err := decodePosition(raw)
	if err != nil {
		return err
	}
	*p = position
	return nil
}

func decodePosition(raw jsontext.Value) (Position, error) {
	if raw.Kind() == '0' {
		seq, _ := parseSeq(raw)
		return seqPosition(seq)
	}
	text, _ := parseString(raw)
	return textPosition(text)
}

func seqPosition(seq uint64) (Position, error) {
	if seq < 1 || seq > MaxInteger {
		return Position{}, notAPosition()
	}
	return Position{Kind: PositionSeq, Seq: seq}, nil
}

func textPosition(text string) (Position, error) {
	switch text {
	case latest:
		return Position{}, nil
	case earliest:
		return Position{Kind: PositionEarliest}, nil
	}
	at, ok := rfc3339.Parse(text)
	if !ok {
		return Position{}, notAPosition()
	}
	return Position{Kind: PositionTime, Time: at}, nil
}

func notAPosition() *Error {
	return Errorf(CodeInvalidRequest, "A position %s.", MustBePosition)
}
