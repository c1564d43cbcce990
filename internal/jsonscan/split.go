package jsonscan

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

var (
	// ErrNotObject reports a text that begins as another kind of JSON value.
	ErrNotObject = errors.New("it is not an object")
	// ErrNotArray reports a text that begins as another kind of JSON value.
	ErrNotArray = errors.New("it is not an array")

	errAfterObject = errors.New("something follows the object")
	errAfterArray  = errors.New("something follows the array")
)

// Object calls member for each member of the object in text, in order,
// repeated names included. The name is still quoted; see Text. Name and value
// are parts of text.
//
// It returns whether text nests deeper than depth levels, and ErrNotObject or
// what makes the text no JSON. Members before the error have been passed on.
// Beyond 10,000 levels every text counts as no JSON.
func Object(text []byte, depth int, member func(name, value jsontext.Value)) (deep bool, err error) {
	var members [plainMembers]plainMember
	if n, ok := plainObject(text, depth, &members); ok {
		for i := range n {
			member(members[i].of(text))
		}
		return false, nil
	}
	s, deep := newScanner(text, depth)
	defer s.release()
	if err := s.open('{', ErrNotObject); err != nil {
		return deep, err
	}
	for s.decoder.PeekKind() != '}' {
		name, err := s.value()
		if err != nil {
			return deep, err
		}
		value, err := s.value()
		if err != nil {
			return deep, err
		}
		member(name, value)
	}
	return deep, s.end(errAfterObject)
}

// Array calls item for each item of the array in text, in order, until item
// returns false. It does not look at what follows then. Otherwise it is as
// Object, with ErrNotArray for ErrNotObject.
func Array(text []byte, depth int, item func(value jsontext.Value) bool) (deep bool, err error) {
	s, deep := newScanner(text, depth)
	defer s.release()
	if err := s.open('[', ErrNotArray); err != nil {
		return deep, err
	}
	for s.decoder.PeekKind() != ']' {
		value, err := s.value()
		if err != nil {
			return deep, err
		}
		if !item(value) {
			return deep, nil
		}
	}
	return deep, s.end(errAfterArray)
}

// Text returns the characters of a quoted string. They are a part of quoted if
// it has no escapes. The error reports an unpaired surrogate, which is U+FFFD
// in the text.
func Text(quoted jsontext.Value) ([]byte, error) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1], nil
	}
	return jsontext.AppendUnquote(nil, quoted)
}

// A scanner walks the top level of one text.
type scanner struct {
	decoder jsontext.Decoder
	buffer  bytes.Buffer // over text; the decoder reads a bytes.Buffer in place
	text    []byte
	deep    bool
}

var scanners = sync.Pool{New: func() any { return new(scanner) }}

var lenient = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

func newScanner(text []byte, depth int) (s *scanner, deep bool) {
	s = scanners.Get().(*scanner)
	s.reset(text)
	s.deep = DeeperThan(text, depth)
	return s, s.deep
}

func (s *scanner) reset(text []byte) {
	s.text = text
	s.buffer = *bytes.NewBuffer(text)
	s.decoder.Reset(&s.buffer, lenient...)
}

// release drops the text, so that the pool does not keep it alive.
func (s *scanner) release() {
	s.reset(nil)
	scanners.Put(s)
}

// open reads the first bracket. It returns other if the text is another kind
// of value.
func (s *scanner) open(bracket jsontext.Kind, other error) error {
	kind := s.decoder.PeekKind()
	if _, err := s.decoder.ReadToken(); err != nil {
		return err
	}
	if kind != bracket {
		return other
	}
	return nil
}

// value returns the next name or value.
//
// In a deep text, it reads token by token, because ReadValue recurses: for
// 10,000 levels the stack grows to 4 MiB, which stay with the connection's
// goroutine until the next garbage collection.
func (s *scanner) value() (jsontext.Value, error) {
	if s.deep {
		start := s.decoder.InputOffset()
		if err := s.decoder.SkipValue(); err != nil {
			return nil, err
		}
		end := s.decoder.InputOffset()
		return bytes.TrimLeft(s.text[start:end:end], " \t\r\n:,"), nil
	}
	value, err := s.decoder.ReadValue()
	if err != nil {
		return nil, err
	}
	// What ReadValue returns is valid only until the next call.
	end := s.decoder.InputOffset()
	return s.text[end-int64(len(value)) : end : end], nil
}

// end reads the closing bracket. It returns trailing if a value follows.
func (s *scanner) end(trailing error) error {
	_, err := s.decoder.ReadToken()
	if err == nil {
		_, err = s.decoder.ReadToken()
	}
	switch err {
	case io.EOF:
		return nil
	case nil:
		return trailing
	default:
		return err
	}
}
