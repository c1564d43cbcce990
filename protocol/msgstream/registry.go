package msgstream

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/internal/jsonscan"
)

// The keys of typed objects. No map that a program encodes may have one of the first two.
const (
	keyClass    = ".class"
	keyFunction = ".function"
	keyVersion  = ".version"
	keyState    = ".state"
)

// A Registry maps classes and their versions to Go types, and back. It is the Codec of
// what messages contain. The zero value is an empty registry, which decodes plain values.
//
// # Decoding
//
// JSON becomes nil, bool, string, int64, float64, []any and map[string]any. A number
// without fraction and exponent is an int64. A number that neither type can hold stays a
// jsontext.Value.
//
// A typed object becomes a value of the type that is registered for its class. If the
// class has several, that is the one with the lowest version that is not older than the
// object. It stays Plain if the class is unknown, if all registered versions are older, or
// if it has not exactly the three members of a typed object. {".function":"name"} stays
// Plain as well. A state that does not fit its type is an error.
//
// # Encoding
//
// Values of registered types become typed objects, wherever they are in a value. So do the
// values that pointers point to. All else is encoded as by github.com/go-json-experiment/json,
// with the keys of maps in order. Floats keep a fraction or an exponent, so that they are
// floats again when they are decoded.
type Registry struct {
	mu     sync.RWMutex // guards what follows
	byName map[string][]*class
	byType map[reflect.Type]*class
}

// A class is one version of a class.
type class struct {
	name    string
	version Version
	goType  reflect.Type
	// decode reads a state into a new value of the type.
	decode func(state []byte, opts ...json.Options) (any, error)
}

// Register makes T the type of a version of a class. It returns an error if the type or
// the version of the class is registered already, or if T cannot have a state.
func Register[T any](r *Registry, className, version string) error {
	v, err := ParseVersion(version)
	if err != nil {
		return fmt.Errorf("register %s: %w", className, err)
	}
	c := &class{name: className, version: v, goType: reflect.TypeFor[T](), decode: decodeState[T]}
	if kind := c.goType.Kind(); kind != reflect.Struct && kind != reflect.Map {
		return fmt.Errorf("msgstream: register %s: %v is neither a struct nor a map, so it has no state", className, c.goType)
	}
	return r.add(c)
}

func decodeState[T any](state []byte, opts ...json.Options) (any, error) {
	var v T
	err := json.Unmarshal(state, &v, opts...)
	return v, err
}

func (r *Registry) add(c *class) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if other := r.byType[c.goType]; other != nil {
		return fmt.Errorf("msgstream: register %s: %v is the type of %s %v already", c.name, c.goType, other.name, other.version)
	}
	at, taken := slices.BinarySearchFunc(r.byName[c.name], c, func(a, b *class) int { return a.version.Compare(b.version) })
	switch {
	case c.name == "":
		return errors.New("msgstream: register: the class has no name")
	case taken:
		return fmt.Errorf("msgstream: register %s: version %v is registered already", c.name, c.version)
	}
	if r.byName == nil {
		r.byName, r.byType = map[string][]*class{}, map[reflect.Type]*class{}
	}
	r.byName[c.name] = slices.Insert(r.byName[c.name], at, c)
	r.byType[c.goType] = c
	return nil
}

// ofType returns the class that a type is registered for, or nil.
func (r *Registry) ofType(t reflect.Type) *class {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.byType[t]
}

// reader returns the class that reads an object of that class and version, or nil.
func (r *Registry) reader(name, version string) *class {
	v, err := ParseVersion(version)
	if err != nil {
		return nil
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, c := range r.byName[name] {
		if c.version.Compare(v) >= 0 {
			return c
		}
	}
	return nil
}

// Plain is an object that stays as it came: one whose class or version the registry does
// not know, or a function. It is data. Nothing in it is ever called or created.
type Plain struct{ raw jsontext.Value }

// NewPlain returns the object in raw as it is.
func NewPlain(raw jsontext.Value) (Plain, error) {
	if raw.Kind() != '{' || !raw.IsValid() {
		return Plain{}, errors.New("msgstream: it is not an object in strict JSON")
	}
	return Plain{raw.Clone()}, nil
}

// Raw returns the bytes of the object. They must not be changed.
func (p Plain) Raw() jsontext.Value { return p.raw }

// Map returns the members of the object, decoded without types: what is typed in it is
// Plain again.
func (p Plain) Map() map[string]any {
	m := map[string]any{}
	jsonscan.Object(p.raw, maxDepth, func(name, value jsontext.Value) {
		key, _ := jsonscan.Text(name)
		m[string(key)] = plainValue(value)
	})
	return m
}

// String returns the object as it came.
func (p Plain) String() string { return string(p.raw) }

// MarshalJSON returns the object as it came.
func (p Plain) MarshalJSON() ([]byte, error) { return p.raw, nil }

// UnmarshalJSON is NewPlain.
func (p *Plain) UnmarshalJSON(raw []byte) (err error) {
	*p, err = NewPlain(raw)
	return err
}
