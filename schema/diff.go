package schema

import (
	"fmt"
	"slices"
	"strings"
)

// A Difference is one way in which two definitions differ.
type Difference struct {
	Path    string // of the field, as in moves[].load
	Message string // as in: type was integer, now float
	Breaks  bool   // messages that match the old definition may not match the new one
}

// String returns the difference as one line.
func (d Difference) String() string { return d.Path + ": " + d.Message }

// Diff returns how two definitions differ: first in unknownFields, then in the
// fields of old in their order, then in the fields that only new has. It returns
// nothing if both have the same unknownFields and, on each level, the same set of
// fields, which have the same types, enum values and optional. It ignores the
// order of fields and the versions. What breaks depends on the rules.
func Diff(old, new *Definition, rules Rules) []Difference {
	d := differ{rules: rules, wasOpen: acceptsUnknown(old, rules), isOpen: acceptsUnknown(new, rules)}
	if old.UnknownFields != new.UnknownFields {
		d.add("unknownFields", d.wasOpen && !d.isOpen, "was %s, now %s", policyText(old.UnknownFields), policyText(new.UnknownFields))
	}
	d.fields("", old.Fields, new.Fields)
	return d.list
}

func policyText(p Policy) string {
	if p == "" {
		return "not given"
	}
	return string(p)
}

type differ struct {
	rules           Rules
	wasOpen, isOpen bool // the old and the new definition accept unknown fields
	list            []Difference
}

func (d *differ) add(path string, breaks bool, format string, args ...any) {
	d.list = append(d.list, Difference{Path: path, Message: fmt.Sprintf(format, args...), Breaks: breaks})
}

func (d *differ) fields(parent string, old, new []Field) {
	now := byName(new)
	for i := range old {
		f := &old[i]
		path := string(appendMember([]byte(parent), f.Name))
		if g, there := now[f.Name]; there {
			d.field(path, f, g)
		} else {
			d.add(path, !d.isOpen, "removed, was %s", kindOf(f))
		}
	}
	before := byName(old)
	for i := range new {
		if f := &new[i]; before[f.Name] == nil {
			// An open definition has accepted any value under the name.
			d.add(string(appendMember([]byte(parent), f.Name)), d.wasOpen || isRequired(f, d.rules), "added, %s", kindOf(f))
		}
	}
}

func byName(fields []Field) map[string]*Field {
	m := make(map[string]*Field, len(fields))
	for i := range fields {
		m[fields[i].Name] = &fields[i]
	}
	return m
}

func kindOf(f *Field) string {
	if f.Optional {
		return "optional " + string(f.Type)
	}
	return string(f.Type)
}

func (d *differ) field(path string, old, new *Field) {
	if old.Optional != new.Optional {
		d.add(path, isRequired(new, d.rules), "%s", optionalChange(new.Optional))
	}
	if old.Type != new.Type {
		d.add(path, !old.Type.widensTo(new.Type), "type was %s, now %s", old.Type, new.Type)
		return
	}
	if gone := without(old.Enum, new.Enum); len(gone) > 0 {
		d.add(path, true, "no longer takes %s", quotedList(gone))
	}
	if fresh := without(new.Enum, old.Enum); len(fresh) > 0 {
		d.add(path, false, "now also takes %s", quotedList(fresh))
	}
	if old.Type == ObjectArray {
		path += "[]"
	}
	d.fields(path, old.Fields, new.Fields)
}

// widensTo reports whether every value of a type is one of another type.
func (t Type) widensTo(other Type) bool {
	switch t {
	case Integer:
		return other == Float
	case IntegerArray:
		return other == FloatArray
	case Date, Enum:
		return other == String
	case DateArray:
		return other == StringArray
	}
	return false
}

func optionalChange(nowOptional bool) string {
	if nowOptional {
		return "was required, now optional"
	}
	return "was optional, now required"
}

// without returns the strings of a that are not in b.
func without(a, b []string) []string {
	there := make(map[string]bool, len(b))
	for _, s := range b {
		there[s] = true
	}
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return there[s] })
}

// quotedList returns the first ten values and how many more there are, as in
// "a", "b" and 4 more.
func quotedList(values []string) string {
	const shown = 10
	list := make([]string, 0, shown)
	for _, v := range values[:min(len(values), shown)] {
		list = append(list, quoted(v))
	}
	text := strings.Join(list, ", ")
	if more := len(values) - shown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
