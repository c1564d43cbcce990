package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"seagate/auth"
	"seagate/internal/days"
	"seagate/internal/secret"
)

// This file has one constructor for each type of setting. Errors continue a
// sentence that begins with the key. Range checks are apart from reading, since
// only the value of the last source has to be in range.

// unit is how values of one type are written.
type unit[T any] struct {
	wants  string // what a value must be, in words
	quoted bool   // the file has it as text
	read   func(string) (T, error)
	show   func(T) string
}

var (
	counts    = unit[int]{"a whole number", false, strconv.Atoi, strconv.Itoa}
	sizes     = unit[Size]{`a size such as 65536, "64KiB" or "1MiB"`, true, ParseSize, Size.String}
	durations = unit[time.Duration]{`a duration such as "500ms", "20s" or "7d"`, true, readDuration, ShowDuration}
)

func count(key string, at *int, fallback, least, most int, doc string) setting {
	return inRange(counts, key, at, fallback, least, most, doc)
}

func size(key string, at *Size, fallback, least, most Size, doc string) setting {
	return inRange(sizes, key, at, fallback, least, most, doc)
}

func duration(key string, at *time.Duration, fallback, least, most time.Duration, doc string) setting {
	return inRange(durations, key, at, fallback, least, most, doc)
}

// inRange returns a setting whose values are from least to most.
func inRange[T cmp.Ordered](u unit[T], key string, at *T, fallback, least, most T, doc string) setting {
	read := func(text, found string) error {
		v, err := u.read(text)
		if _, hint := errors.AsType[unitless](err); hint {
			return err
		} else if err != nil {
			return fmt.Errorf("must be %s, not %s", u.wants, found)
		}
		*at = v
		return nil
	}
	return setting{
		key: key, doc: doc, bounds: u.show(least) + " to " + u.show(most),
		reset: func() { *at = fallback },
		parse: func(text string) error { return read(text, strconv.Quote(text)) },
		decode: func(v any) error {
			switch v := v.(type) {
			case string:
				if u.quoted {
					return read(v, strconv.Quote(v))
				}
			case int64:
				return read(strconv.FormatInt(v, 10), describe(v))
			}
			return mismatch(u.wants, v)
		},
		check: func() error {
			switch {
			case *at < least:
				return fmt.Errorf("must be at least %s, not %s", u.show(least), u.show(*at))
			case *at > most:
				return fmt.Errorf("must be at most %s, not %s", u.show(most), u.show(*at))
			}
			return nil
		},
		plain: func() any {
			if u.quoted {
				return u.show(*at)
			}
			return *at
		},
	}
}

// readDuration is days.Parse with a hint for a missing unit. Zero needs none.
func readDuration(text string) (time.Duration, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n != 0 {
		return 0, unitless(n)
	}
	return days.Parse(text)
}

// unitless reports a duration without a unit. It says how to correct it.
type unitless int64

func (n unitless) Error() string {
	return fmt.Sprintf(`has no unit: write "%ds" if %d seconds are meant`, n, n)
}

// ShowDuration writes a duration as the settings read it, without the zeros that
// time.Duration prints: 1m, not 1m0s.
func ShowDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// boolean returns a setting that is on or off. It is off by default.
func boolean(key string, at *bool, doc string) setting { return booleanOr(key, at, false, doc) }

// booleanOr is boolean for a setting that may be true by default.
func booleanOr(key string, at *bool, byDefault bool, doc string) setting {
	return setting{
		key: key, doc: doc, bounds: "true or false",
		reset: func() { *at = byDefault },
		parse: func(text string) (err error) {
			v, err := strconv.ParseBool(text)
			if err != nil {
				return fmt.Errorf("must be true or false, not %q", text)
			}
			*at = v
			return nil
		},
		decode: func(v any) error {
			on, ok := v.(bool)
			if !ok {
				return mismatch("true or false, without quotes", v)
			}
			*at = on
			return nil
		},
		check: func() error { return nil },
		plain: func() any { return *at },
	}
}

// choice returns a setting that is one of a few words.
func choice[T ~string](key string, at *T, fallback T, words []T, doc string) setting {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = strconv.Quote(string(word))
	}
	last := len(words) - 1
	bounds := strings.Join(quoted[:last], ", ") + " or " + quoted[last]
	check := func(word T) error {
		if !slices.Contains(words, word) {
			return fmt.Errorf("must be %s, not %q", bounds, string(word))
		}
		return nil
	}
	parse := func(text string) error {
		err := check(T(text))
		if err == nil {
			*at = T(text)
		}
		return err
	}
	return setting{
		key: key, doc: doc, bounds: bounds,
		reset: func() { *at = fallback },
		parse: parse,
		decode: func(v any) error {
			text, ok := v.(string)
			if !ok {
				return mismatch(bounds, v)
			}
			return parse(text)
		},
		check: func() error { return check(*at) },
		plain: func() any { return string(*at) },
	}
}

// text returns a setting that is a text. The rule may be nil.
func text(key string, at *string, fallback string, rule func(string) error, doc string) setting {
	return setting{
		key: key, doc: doc,
		reset: func() { *at = fallback },
		parse: func(text string) error {
			*at = text
			return nil
		},
		decode: func(v any) error {
			text, ok := v.(string)
			if !ok {
				return mismatch("text in quotes", v)
			}
			*at = text
			return nil
		},
		check: func() error {
			if rule == nil {
				return nil
			}
			return rule(*at)
		},
		plain: func() any { return *at },
	}
}

// list returns a setting that is a list of texts, each of which obeys the rule.
// A variable or flag has commas between them, and an empty text is an empty list.
func list(key string, at *[]string, fallback []string, rule func(string) error, doc string) setting {
	return setting{
		key: key, doc: doc,
		reset: func() { *at = slices.Clone(fallback) },
		parse: func(text string) error {
			*at = []string{}
			for part := range strings.SplitSeq(text, ",") {
				if part = strings.TrimSpace(part); part != "" {
					*at = append(*at, part)
				}
			}
			return nil
		},
		decode: func(v any) (err error) {
			texts, err := decodeTexts(v)
			if err == nil {
				*at = texts
			}
			return err
		},
		check: func() error {
			var problems []error
			for _, text := range *at {
				problems = append(problems, rule(text))
			}
			return errors.Join(problems...)
		},
		plain: func() any { return *at },
	}
}

func decodeTexts(v any) ([]string, error) {
	const wants = `a list of texts such as ["a", "b"]`
	elements, ok := v.([]any)
	if !ok {
		return nil, mismatch(wants, v)
	}
	texts := make([]string, len(elements))
	for i, element := range elements {
		if texts[i], ok = element.(string); !ok {
			return nil, fmt.Errorf("must be %s, and its element %d is %s", wants, i+1, describe(element))
		}
	}
	return texts, nil
}

// confidential returns a setting that holds a secret. It cannot come from a
// file, and its errors do not repeat it.
func confidential(key string, at *secret.Text, doc string) setting {
	bounds := fmt.Sprintf("at least %d characters", auth.MinSecret)
	return setting{
		key: key, doc: doc, bounds: bounds,
		reset: func() { *at = secret.Text{} },
		parse: func(text string) error {
			*at = secret.New(text)
			return nil
		},
		check: func() error {
			if at.IsSet() && utf8.RuneCountInString(at.Reveal()) < auth.MinSecret {
				return fmt.Errorf("must have %s", bounds)
			}
			return nil
		},
		plain: func() any {
			if !at.IsSet() {
				return nil
			}
			return *at
		},
	}
}

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
