package msgstream

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/internal/jsonscan"
)

// Encode implements Codec. The error says where in the value something cannot be encoded.
func (r *Registry) Encode(dst []byte, v any) ([]byte, error) {
	e := &encoder{registry: r, stateAt: -1}
	var out bytes.Buffer
	enc := jsontext.NewEncoder(&out, jsontext.PreserveRawStrings(true))
	if err := json.MarshalEncode(enc, v, json.Deterministic(true), json.WithMarshalers(json.MarshalToFunc(e.marshal))); err != nil {
		return dst, fmt.Errorf("msgstream: the value cannot be encoded: %w", err)
	}
	encoded := e.restorePlain(bytes.TrimSuffix(out.Bytes(), []byte{'\n'}))
	switch {
	case jsonscan.DeeperThan(encoded, maxDepth):
		return dst, fmt.Errorf("msgstream: the value is nested more than %d levels deep", maxDepth)
	case bytes.IndexByte(encoded, '\n') >= 0:
		return dst, errors.New("msgstream: a Plain has line feeds in it, which no line may have")
	}
	return append(dst, encoded...), nil
}

// An encoder encodes one value.
type encoder struct {
	registry *Registry
	stateAt  int // the depth of the state that is about to be encoded by its type alone, or -1
	spaced   []spaced
}

// spaced is a Plain with white space, which the JSON encoder removes.
type spaced struct {
	start, end int // in the output, without the white space
	raw        jsontext.Value
}

// marshal encodes what this package encodes differently. The pointer in v is to any value
// that is encoded, at any depth.
func (e *encoder) marshal(enc *jsontext.Encoder, v any) error {
	value := reflect.ValueOf(v).Elem()
	if plain, is := value.Interface().(Plain); is {
		return e.marshalPlain(enc, plain)
	}
	switch kind := value.Kind(); kind {
	case reflect.Float32, reflect.Float64:
		return marshalFloat(enc, value)
	case reflect.Map, reflect.Struct:
		if key := reservedKey(value); key != "" {
			return fmt.Errorf("%v has the key %q, which is for typed objects: register a type for it", value.Type(), key)
		}
		if c := e.registry.ofType(value.Type()); c != nil && e.stateAt != enc.StackDepth() {
			return e.marshalTyped(enc, v, c)
		}
		e.stateAt = -1
	}
	return errors.ErrUnsupported
}

func (e *encoder) marshalTyped(enc *jsontext.Encoder, v any, c *class) error {
	for _, token := range []jsontext.Token{
		jsontext.BeginObject,
		jsontext.String(keyClass), jsontext.String(c.name),
		jsontext.String(keyVersion), jsontext.String(c.version.String()),
		jsontext.String(keyState),
	} {
		if err := enc.WriteToken(token); err != nil {
			return err
		}
	}
	e.stateAt = enc.StackDepth()
	if err := json.MarshalEncode(enc, v, enc.Options()); err != nil {
		return err
	}
	return enc.WriteToken(jsontext.EndObject)
}

func (e *encoder) marshalPlain(enc *jsontext.Encoder, p Plain) error {
	if p.raw == nil {
		return errors.New("an empty Plain: make one with NewPlain")
	}
	if err := enc.WriteValue(p.raw); err != nil {
		return err
	}
	compact := p.raw.Clone()
	if err := compact.Compact(jsontext.PreserveRawStrings(true)); err != nil {
		return err
	}
	if len(compact) != len(p.raw) {
		end := int(enc.OutputOffset())
		if enc.StackDepth() == 0 { // a line feed follows each top-level value
			end--
		}
		e.spaced = append(e.spaced, spaced{end - len(compact), end, p.raw})
	}
	return nil
}

// restorePlain puts the white space back.
func (e *encoder) restorePlain(encoded []byte) []byte {
	for _, s := range slices.Backward(e.spaced) {
		encoded = slices.Replace(encoded, s.start, s.end, s.raw...)
	}
	return encoded
}

// marshalFloat keeps a float recognizable: 91.0, not 91. It leaves NaN and infinities to
// the JSON encoder, whose error names the place.
func marshalFloat(enc *jsontext.Encoder, v reflect.Value) error {
	text := strconv.FormatFloat(v.Float(), 'g', -1, v.Type().Bits())
	if strings.ContainsAny(text, ".e") || strings.ContainsAny(text, "NI") {
		return errors.ErrUnsupported
	}
	return enc.WriteValue(jsontext.Value(text + ".0"))
}

// reservedKey returns the key that makes a map or struct look like a typed object, or "".
func reservedKey(v reflect.Value) string {
	for _, key := range []string{keyClass, keyFunction} {
		if v.Kind() == reflect.Struct && hasTag(v.Type(), key) {
			return key
		}
		if v.Kind() == reflect.Map && v.Type().Key().Kind() == reflect.String &&
			v.MapIndex(reflect.ValueOf(key).Convert(v.Type().Key())).IsValid() {
			return key
		}
	}
	return ""
}

func hasTag(t reflect.Type, key string) bool {
	for field := range t.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == key || name == "'"+key+"'" || field.Anonymous && field.Type.Kind() == reflect.Struct && hasTag(field.Type, key) {
			return true
		}
	}
	return false
}
