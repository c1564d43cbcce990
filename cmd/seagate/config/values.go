package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A value is one place in a Config: how it is read, bounded and shown. Its
// errors complete a sentence that begins with the key.
type value interface {
	// parse reads it from a variable or a flag, where everything is text. After
	// an error the place is as it was.
	parse(text string) error
	// check holds it against its bounds, once it is known which source won.
	check() error
	// bounds is what check allows, in words, or "".
	bounds() string
	// plain is the value as TOML and JSON know it: a bool, an int64, a string
	// or strings. A secret is nil or a secret.Text.
	plain() any
}

// A fileValue may also be set by the file; v is what TOML made of it.
type fileValue interface {
	value
	decode(v any) error
}

// environmentOnly hides decode.
type environmentOnly struct{ value }

// scale is a value between two bounds, both included.
type scale[T cmp.Ordered] struct {
	at       *T
	min, max T
	unit[T]
}

// unit is how the values of one scale are written.
type unit[T any] struct {
	wants   string // completes "must be"
	quoted  bool   // text in the file
	read    func(string) (T, error)
	fromInt func(int64) (T, error)
	show    func(T) string
	toPlain func(T) any
}

func count(at *int, min, max int) scale[int] {
	return scale[int]{at, min, max, counts}
}

func size(at *Size, min, max Size) scale[Size] {
	return scale[Size]{at, min, max, sizes}
}

func duration(at *time.Duration, min, max time.Duration) scale[time.Duration] {
	return scale[time.Duration]{at, min, max, durations}
}

var counts = unit[int]{
	wants:   "a whole number",
	read:    strconv.Atoi,
	fromInt: wholeNumber,
	show:    strconv.Itoa,
	toPlain: func(n int) any { return int64(n) },
}

var sizes = unit[Size]{
	wants:   `a size such as 65536, "64KiB" or "1MiB"`,
	quoted:  true,
	read:    ParseSize,
	fromInt: func(n int64) (Size, error) { return Size(n), nil },
	show:    Size.String,
	toPlain: func(s Size) any { return s.String() },
}

var durations = unit[time.Duration]{
	wants:   `a duration such as "500ms", "20s" or "1m30s"`,
	quoted:  true,
	read:    readDuration,
	fromInt: bareDuration,
	show:    showDuration,
	toPlain: func(d time.Duration) any { return showDuration(d) },
}

// wholeNumber is n where an int can hold it.
func wholeNumber(n int64) (int, error) {
	if int64(int(n)) != n {
		return 0, strconv.ErrRange
	}
	return int(n), nil
}

// readDuration is time.ParseDuration with a hint for the usual slip.
func readDuration(text string) (time.Duration, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return bareDuration(n)
	}
	return time.ParseDuration(text)
}

// bareDuration is a number without a unit, which only zero can do without.
func bareDuration(n int64) (time.Duration, error) {
	if n != 0 {
		return 0, unitless(n)
	}
	return 0, nil
}

// unitless is a problem with a better cure than hearing what is wanted.
type unitless int64

func (n unitless) Error() string {
	return fmt.Sprintf(`has no unit: write "%ds" if %d seconds are meant`, n, n)
}

// showDuration leaves out the zero parts that time.Duration prints: 1m, not 1m0s.
func showDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func (s scale[T]) parse(text string) error {
	v, err := s.read(text)
	return s.store(v, err, strconv.Quote(text))
}

func (s scale[T]) decode(v any) error {
	switch v := v.(type) {
	case string:
		if s.quoted {
			return s.parse(v)
		}
	case int64:
		n, err := s.fromInt(v)
		return s.store(n, err, describe(v))
	}
	return mismatch(s.wants, v)
}

// store keeps v, or says why what was found cannot be read.
func (s scale[T]) store(v T, err error, found string) error {
	var hint unitless
	switch {
	case errors.As(err, &hint):
		return hint
	case err != nil:
		return fmt.Errorf("must be %s, not %s", s.wants, found)
	}
	*s.at = v
	return nil
}

func (s scale[T]) check() error {
	switch {
	case *s.at < s.min:
		return fmt.Errorf("must be at least %s, not %s", s.show(s.min), s.show(*s.at))
	case *s.at > s.max:
		return fmt.Errorf("must be at most %s, not %s", s.show(s.max), s.show(*s.at))
	}
	return nil
}

func (s scale[T]) bounds() string { return s.show(s.min) + " to " + s.show(s.max) }
func (s scale[T]) plain() any     { return s.toPlain(*s.at) }

// boolean is on or off.
type boolean struct{ at *bool }

func (b boolean) parse(text string) error {
	v, err := strconv.ParseBool(text)
	if err != nil {
		return fmt.Errorf("must be true or false, not %q", text)
	}
	*b.at = v
	return nil
}

func (b boolean) decode(v any) error {
	on, ok := v.(bool)
	if !ok {
		return mismatch("true or false, without quotes", v)
	}
	*b.at = on
	return nil
}

func (boolean) check() error   { return nil }
func (boolean) bounds() string { return "true or false" }
func (b boolean) plain() any   { return *b.at }

// choice is one of a few words.
type choice[T ~string] struct {
	at      *T
	options []T
}

func (c choice[T]) parse(text string) error {
	if !slices.Contains(c.options, T(text)) {
		return c.refusal(text)
	}
	*c.at = T(text)
	return nil
}

func (c choice[T]) decode(v any) error {
	text, ok := v.(string)
	if !ok {
		return mismatch(c.bounds(), v)
	}
	return c.parse(text)
}

func (c choice[T]) check() error {
	if !slices.Contains(c.options, *c.at) {
		return c.refusal(string(*c.at))
	}
	return nil
}

func (c choice[T]) refusal(text string) error {
	return fmt.Errorf("must be %s, not %q", c.bounds(), text)
}

func (c choice[T]) bounds() string {
	words := make([]string, len(c.options))
	for i, option := range c.options {
		words[i] = strconv.Quote(string(option))
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

func (c choice[T]) plain() any { return string(*c.at) }

// line is a text that a rule, if there is one, may refuse.
type line struct {
	at   *string
	rule func(string) error
}

func text(at *string, rule func(string) error) line { return line{at, rule} }

func (l line) parse(text string) error {
	*l.at = text
	return nil
}

func (l line) decode(v any) error {
	text, ok := v.(string)
	if !ok {
		return mismatch("text in quotes", v)
	}
	return l.parse(text)
}

func (l line) check() error {
	if l.rule == nil {
		return nil
	}
	return l.rule(*l.at)
}

func (line) bounds() string { return "" }
func (l line) plain() any   { return *l.at }

// list is texts, each held against the rule.
type list struct {
	at   *[]string
	rule func(string) error
}

// parse takes the texts with commas between them; empty text is an empty list.
func (l list) parse(text string) error {
	texts := []string{}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			texts = append(texts, part)
		}
	}
	*l.at = texts
	return nil
}

func (l list) decode(v any) error {
	const wants = `a list of texts such as ["a", "b"]`
	elements, ok := v.([]any)
	if !ok {
		return mismatch(wants, v)
	}
	texts := make([]string, len(elements))
	for i, element := range elements {
		if texts[i], ok = element.(string); !ok {
			return fmt.Errorf("must be %s, and its element %d is %s", wants, i+1, describe(element))
		}
	}
	*l.at = texts
	return nil
}

func (l list) check() error {
	for _, text := range *l.at {
		if err := l.rule(text); err != nil {
			return err
		}
	}
	return nil
}

func (list) bounds() string { return "" }
func (l list) plain() any   { return *l.at }

func mismatch(wants string, found any) error {
	return fmt.Errorf("must be %s, not %s", wants, describe(found))
}

// describe names a TOML value in an error.
func describe(v any) string {
	switch v := v.(type) {
	case bool:
		return fmt.Sprintf("the boolean %t", v)
	case int64:
		return fmt.Sprintf("the integer %d", v)
	case float64:
		return fmt.Sprintf("the number %v", v)
	case string:
		return fmt.Sprintf("the text %q", v)
	case []any:
		return "a list"
	case map[string]any:
		return "a table"
	}
	return "a date or time"
}
