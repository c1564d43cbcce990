package httpapi

import (
	"bytes"
	"errors"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// A skimmer finds the parts of a JSON text without judging them: the messages
// in a body, which are then decoded one by one and strictly by whoever accepts
// them. Here they may repeat keys and have unpaired surrogates.
//
// It goes token by token. ReadValue would be shorter, but recurses: the stack
// that 10,000 brackets make it grow, 4 MiB, stays with the connection's
// goroutine until a garbage collection.
type skimmer struct {
	decoder jsontext.Decoder
	buffer  bytes.Buffer // over the text; the decoder reads it in place
	text    []byte
}

var skimmers = sync.Pool{New: func() any { return new(skimmer) }}

var lenient = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

func (s *skimmer) reset(text []byte) {
	s.text = text
	s.buffer = *bytes.NewBuffer(text)
	s.decoder.Reset(&s.buffer, lenient...)
}

// release lets go of the text before the skimmer waits for the next one.
func (s *skimmer) release() {
	s.reset(nil)
	skimmers.Put(s)
}

// envelope reads a text that is an object. It returns the value of its member
// "payload", nil if it has none, and how many members it has.
func (s *skimmer) envelope(text []byte) (payload jsontext.Value, members int, err error) {
	s.reset(text)
	if _, err := s.decoder.ReadToken(); err != nil {
		return nil, 0, err
	}
	for ; s.decoder.PeekKind() != '}'; members++ {
		name, err := s.decoder.ReadValue()
		if err != nil {
			return nil, 0, err
		}
		wanted := isPayload(name)
		value, err := s.value()
		if err != nil {
			return nil, 0, err
		}
		if wanted {
			payload = value
		}
	}
	return payload, members, s.end()
}

func isPayload(quoted jsontext.Value) bool {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted) == `"payload"`
	}
	name, _ := jsontext.AppendUnquote(nil, quoted)
	return string(name) == "payload"
}

// items reads a text that is an array, and stops at one more than most items.
func (s *skimmer) items(text []byte, most int) (items []jsontext.Value, err error) {
	s.reset(text)
	if _, err := s.decoder.ReadToken(); err != nil {
		return nil, err
	}
	for s.decoder.PeekKind() != ']' {
		item, err := s.value()
		if err != nil {
			return nil, err
		}
		if items = append(items, item); len(items) > most {
			return items, nil
		}
	}
	return items, s.end()
}

// value returns the next value, which is a part of the text.
func (s *skimmer) value() (jsontext.Value, error) {
	start := s.decoder.InputOffset()
	if err := s.decoder.SkipValue(); err != nil {
		return nil, err
	}
	end := s.decoder.InputOffset()
	return bytes.TrimLeft(s.text[start:end:end], " \t\r\n:,"), nil
}

var errTrailing = errors.New("something follows the value")

// end reads the closing bracket, after which nothing may follow.
func (s *skimmer) end() error {
	if _, err := s.decoder.ReadToken(); err != nil {
		return err
	}
	if len(bytes.TrimLeft(s.text[s.decoder.InputOffset():], " \t\r\n")) > 0 {
		return errTrailing
	}
	return nil
}
