package msgstream

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/internal/jsonscan"
)

// maxDepth is how many levels of objects and arrays a value may have. It bounds the time
// of decoding, which looks at each level of a nested value again.
const maxDepth = 128

// Decode implements Codec. The error says where in the value something is wrong.
func (r *Registry) Decode(data []byte) (any, error) {
	raw := jsontext.Value(data)
	if jsonscan.DeeperThan(data, maxDepth) {
		return nil, fmt.Errorf("msgstream: the value is nested more than %d levels deep", maxDepth)
	}
	// This one strict check also refuses repeated keys. The code below relies on it.
	if !raw.IsValid() {
		var v any
		err := json.Unmarshal(data, &v)
		return nil, fmt.Errorf("msgstream: the value cannot be read as JSON: %w", err)
	}
	return r.decode(bytes.Trim(raw.Clone(), " \t\r\n"), "")
}

// decode decodes a valid value. place is its JSON Pointer (RFC 6901).
func (r *Registry) decode(raw jsontext.Value, place string) (v any, err error) {
	switch raw.Kind() {
	case '{':
		return r.decodeObject(raw, place)
	case '[':
		list, i := []any{}, 0
		jsonscan.Array(raw, maxDepth, func(item jsontext.Value) bool {
			v, err = r.decode(item, place+"/"+strconv.Itoa(i))
			list = append(list, v)
			i++
			return err == nil
		})
		return list, err
	default:
		return plainValue(raw), nil
	}
}

func (r *Registry) decodeObject(raw jsontext.Value, place string) (any, error) {
	members, special := map[string]jsontext.Value{}, false
	jsonscan.Object(raw, maxDepth, func(name, value jsontext.Value) {
		key, _ := jsonscan.Text(name)
		members[string(key)] = value
		special = special || string(key) == keyClass || string(key) == keyFunction
	})
	if special {
		return r.decodeTyped(raw, members, place)
	}
	m := make(map[string]any, len(members))
	for key, value := range members {
		v, err := r.decode(value, place+"/"+pointerEscape.Replace(key))
		if err != nil {
			return nil, err
		}
		m[key] = v
	}
	return m, nil
}

var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

func (r *Registry) decodeTyped(raw jsontext.Value, members map[string]jsontext.Value, place string) (any, error) {
	name, _ := text(members[keyClass])
	version, _ := text(members[keyVersion])
	state := members[keyState]
	c := r.reader(name, version)
	if c == nil || state.Kind() != '{' || len(members) != 3 {
		return Plain{raw}, nil
	}
	v, err := c.decode(state, json.WithUnmarshalers(r.unmarshalers(place+"/"+keyState)))
	if err != nil {
		return nil, fmt.Errorf("msgstream: at %q: the state does not fit %s %v: %w", place, c.name, c.version, err)
	}
	return v, nil
}

// unmarshalers decode what is inside of a state: values of any type, and of registered
// types, which must be typed objects. The state itself is decoded by its type alone.
func (r *Registry) unmarshalers(place string) *json.Unmarshalers {
	return json.UnmarshalFromFunc(func(d *jsontext.Decoder, into any) error {
		target := reflect.ValueOf(into).Elem()
		isAny := target.Type() == reflect.TypeFor[any]()
		if !isAny && (d.StackDepth() == 0 || r.ofType(target.Type()) == nil) {
			return errors.ErrUnsupported
		}
		raw, err := d.ReadValue()
		if err != nil {
			return err
		}
		v, err := r.decode(raw.Clone(), place+string(d.StackPointer()))
		if err != nil {
			return err
		}
		decoded := reflect.ValueOf(v)
		if !isAny && (v == nil || decoded.Type() != target.Type()) {
			return fmt.Errorf("must be an object of the class %s", r.ofType(target.Type()).name)
		}
		if v == nil {
			target.SetZero()
		} else {
			target.Set(decoded)
		}
		return nil
	})
}

// plainValue decodes a valid value without types.
func plainValue(raw jsontext.Value) any {
	switch raw.Kind() {
	case 'n':
		return nil
	case 't', 'f':
		return raw.Kind() == 't'
	case '"':
		s, _ := text(raw)
		return s
	case '0':
		return number(raw)
	}
	v, _ := new(Registry).decode(raw, "")
	return v
}

// number returns an int64 or a float64, or the number as it is if neither can hold it.
func number(raw jsontext.Value) any {
	if strings.ContainsAny(string(raw), ".eE") {
		if f, err := strconv.ParseFloat(string(raw), 64); err == nil {
			return f
		}
		return raw
	}
	if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil && string(raw) != "-0" {
		return n
	}
	return raw
}
