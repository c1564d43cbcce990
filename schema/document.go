package schema

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/internal/jsonscan"
)

// A Document is a decoded message. It never changes.
type Document struct {
	// Raw is the message as it was sent, byte for byte, without insignificant
	// white space. It may share the memory of the payload.
	Raw []byte
	// Value is the message as map[string]any, []any, string, float64, bool and
	// nil. Numbers are doubles, as in JavaScript, and never json.Number: with
	// that the judge panics on 1e1000001, and its time grows with the value of a
	// number.
	Value any
}

// A DecodeErrorKind says why a message was refused as JSON.
type DecodeErrorKind int

// The kinds of DecodeError.
const (
	Malformed    DecodeErrorKind = iota + 1 // not JSON, incomplete, or followed by something
	DuplicateKey                            // readers of JSON disagree on which one counts
	InvalidText                             // invalid UTF-8, or an unpaired surrogate
	TooDeep                                 // nested deeper than the caller allows
	NumberRange                             // no double can hold the number
)

// A DecodeError says why a message cannot be decoded.
type DecodeError struct {
	Kind    DecodeErrorKind
	Offset  int64  // in bytes, at or before the error
	Pointer string // JSON pointer to the error, shortened; empty at the top, and for TooDeep
	Message string // without the place
}

func (e *DecodeError) Error() string {
	if e.Pointer == "" {
		return fmt.Sprintf("%s, at byte %d", e.Message, e.Offset)
	}
	return fmt.Sprintf("%s, at byte %d (%s)", e.Message, e.Offset, e.Pointer)
}

// Decode reads one JSON value that nests at most depth levels deep. It accepts
// only what every reader understands alike, because subscribers receive the bytes
// while filters see the value. The error is a *DecodeError. The caller must not
// change payload afterwards.
func Decode(payload []byte, depth int) (Document, error) {
	spaces, deep := jsonscan.Measure(payload, depth)
	if deep >= 0 {
		return Document{}, &DecodeError{Kind: TooDeep, Offset: int64(deep),
			Message: fmt.Sprintf("nested deeper than %d levels", depth)}
	}
	var value any
	if err := json.Unmarshal(payload, &value); err != nil {
		return Document{}, decodeError(payload, err)
	}
	raw := payload
	if spaces > 0 {
		raw = jsonscan.Compact(payload, spaces)
	}
	return Document{Raw: raw, Value: value}, nil
}

func decodeError(payload []byte, err error) *DecodeError {
	var syntactic *jsontext.SyntacticError
	var semantic *json.SemanticError
	switch {
	case errors.As(err, &syntactic):
		return syntaxError(payload, syntactic)
	case errors.As(err, &semantic) && semantic.JSONKind == '0':
		return &DecodeError{
			Kind:    NumberRange,
			Offset:  semantic.ByteOffset,
			Pointer: shortenPointer(semantic.JSONPointer),
			Message: "number out of the range of a double: " + excerpt(semantic.JSONValue),
		}
	default:
		return &DecodeError{Kind: Malformed, Message: err.Error()}
	}
}

func syntaxError(payload []byte, err *jsontext.SyntacticError) *DecodeError {
	e := &DecodeError{Kind: Malformed, Offset: err.ByteOffset, Pointer: shortenPointer(err.JSONPointer)}
	rest := payload[min(err.ByteOffset, int64(len(payload))):]
	switch {
	case errors.Is(err.Err, jsontext.ErrDuplicateName):
		e.Kind, e.Message = DuplicateKey, "duplicate key "+quoted(err.JSONPointer.LastToken())
	case startsWithInvalidUTF8(rest):
		e.Kind, e.Message = InvalidText, "invalid UTF-8"
	case startsWithSurrogate(rest):
		e.Kind, e.Message = InvalidText, "a surrogate without its pair: "+string(rest[:len(`\ud800`)])
	case errors.Is(err.Err, io.ErrUnexpectedEOF):
		e.Message = "malformed JSON: it ends too early"
	default:
		e.Message = "malformed JSON: " + err.Err.Error()
	}
	return e
}

func startsWithInvalidUTF8(b []byte) bool {
	r, size := utf8.DecodeRune(b)
	return r == utf8.RuneError && size == 1
}

// startsWithSurrogate looks for \uD800 to \uDFFF, which the decoder refuses only
// without a pair.
func startsWithSurrogate(b []byte) bool {
	if !bytes.HasPrefix(b, []byte(`\u`)) || len(b) < len(`\ud800`) {
		return false
	}
	code, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	return err == nil && utf16.IsSurrogate(rune(code))
}

// shortenPointer keeps the two ends of a pointer, which can be as long as the
// message.
func shortenPointer(p jsontext.Pointer) string {
	const head, tail = 60, 60
	s := string(p)
	if len(s) <= head+tail {
		return s
	}
	return cutLeft(s[:head]) + "…" + cutRight(s[len(s)-tail:])
}

// cutLeft drops an incomplete character from the end of s, cutRight one from its
// start.
func cutLeft(s string) string {
	for len(s) > 0 {
		if r, size := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || size != 1 {
			break
		}
		s = s[:len(s)-1]
	}
	return s
}

func cutRight(s string) string {
	for len(s) > 0 && !utf8.RuneStart(s[0]) {
		s = s[1:]
	}
	return s
}
