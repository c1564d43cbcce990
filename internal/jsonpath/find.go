// Package jsonpath has paths that name one place in a JSON value: singular
// queries of RFC 9535.
package jsonpath

import (
	"math"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/internal/jsonscan"
)

// Find returns the value at the path in a JSON text, as a part of the text. ok
// is false if there is none. Of members with one name the last one counts. The
// text must be valid JSON; in any other text, what is found means nothing. Each
// step of the path reads the value before it once.
func (p Path) Find(text jsontext.Value) (value jsontext.Value, ok bool) {
	for i := range p.steps {
		if text, ok = p.steps[i].find(text); !ok {
			return nil, false
		}
	}
	return text, true
}

func (s *segment) find(text jsontext.Value) (found jsontext.Value, ok bool) {
	if s.byIndex {
		return s.findIndex(text)
	}
	_, err := jsonscan.Object(text, math.MaxInt, func(quoted, value jsontext.Value) {
		if name, err := jsonscan.Text(quoted); err == nil && string(name) == s.name {
			found, ok = value, true
		}
	})
	return found, ok && err == nil
}

func (s *segment) findIndex(text jsontext.Value) (found jsontext.Value, ok bool) {
	index := s.index
	if index < 0 {
		length := 0
		jsonscan.Array(text, math.MaxInt, func(jsontext.Value) bool { length++; return true })
		index += int64(length)
	}
	at := int64(0)
	_, err := jsonscan.Array(text, math.MaxInt, func(value jsontext.Value) bool {
		if ok = at == index; ok {
			found = value
		}
		at++
		return !ok
	})
	return found, ok && err == nil
}
