package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"seagate/internal/problems"
)

// Limits of the rights of a client, and of the claims of a token.
const (
	MaxPatterns     = 100 // over all rights of a client, and of each claim of a token
	MaxPatternBytes = MaxID
)

// AllNames is the pattern that every name matches.
const AllNames = "*"

// Rights are what a client may do in its jail: for each right the patterns of the names that it
// is for. A right without patterns is not given. A nil *Rights is all rights, which a client has
// by default.
//
// A pattern is a name, or has one "*", which stands for any characters, also for none and for
// dots: "boiler.*" matches "boiler.temperature" and "boiler.a.b", but not "boiler".
//
// Publish, Subscribe, Define and Administer name streams; Serve and Fetch name services; Define
// is for the definitions of services, too. With Administer for AllNames a client manages the
// clients of its jail. It cannot give, or take over, more than it has itself: see Includes.
type Rights struct {
	Publish    []string `json:"publish,omitempty"`    // and provide
	Subscribe  []string `json:"subscribe,omitempty"`  // and read
	Define     []string `json:"define,omitempty"`     //
	Administer []string `json:"administer,omitempty"` // headers, settings, pauses, groups; to delete
	Serve      []string `json:"serve,omitempty"`      //
	Fetch      []string `json:"fetch,omitempty"`      // and signal
}

// A Right is one of the rights of Rights. Its text is its name.
type Right string

// The rights.
const (
	RightPublish    Right = "publish"
	RightSubscribe  Right = "subscribe"
	RightDefine     Right = "define"
	RightAdminister Right = "administer"
	RightServe      Right = "serve"
	RightFetch      Right = "fetch"
)

// AllRights lists the rights.
var AllRights = []Right{RightPublish, RightSubscribe, RightDefine, RightAdminister, RightServe, RightFetch}

// Of returns the patterns of one right.
func (r *Rights) Of(right Right) []string {
	if r == nil {
		return []string{AllNames}
	}
	return *r.of(right)
}

// Set sets the patterns of one right.
func (r *Rights) Set(right Right, patterns []string) { *r.of(right) = patterns }

func (r *Rights) of(right Right) *[]string {
	switch right {
	case RightPublish:
		return &r.Publish
	case RightSubscribe:
		return &r.Subscribe
	case RightDefine:
		return &r.Define
	case RightAdminister:
		return &r.Administer
	case RightServe:
		return &r.Serve
	case RightFetch:
		return &r.Fetch
	}
	return new([]string)
}

// allow reports whether the rights have the right for the name. The name AllNames asks for all.
func (r *Rights) allow(right Right, name string) bool { return r == nil || matches(r.Of(right), name) }

// Includes reports whether whoever has r may do everything that other allows.
func (r *Rights) Includes(other *Rights) bool {
	if r == nil {
		return true
	}
	for _, right := range AllRights {
		for _, pattern := range other.Of(right) {
			if !matches(r.Of(right), pattern) {
				return false
			}
		}
	}
	return true
}

// clone returns a copy that the caller of a method cannot change.
func (r *Rights) clone() *Rights {
	if r == nil {
		return nil
	}
	c := &Rights{}
	for _, right := range AllRights {
		*c.of(right) = slices.Clone(*r.of(right))
	}
	return c
}

// String returns the rights as one line, such as "publish boiler.*; subscribe *".
func (r *Rights) String() string {
	if r == nil {
		return "all"
	}
	var parts []string
	for _, right := range AllRights {
		if patterns := r.Of(right); len(patterns) > 0 {
			parts = append(parts, string(right)+" "+strings.Join(patterns, ", "))
		}
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, "; ")
}

// ErrInvalidRights reports rights that cannot be given. What wraps it says why.
var ErrInvalidRights = errors.New("auth: not usable as rights")

// checkRights returns an error that wraps ErrInvalidRights and names all problems.
func checkRights(r *Rights) error {
	if r == nil {
		return nil
	}
	var wrong problems.List
	total := 0
	for _, right := range AllRights {
		patterns := r.Of(right)
		total += len(patterns)
		for i, pattern := range patterns {
			if err := checkPattern(pattern); err != nil {
				wrong.Add(fmt.Sprintf("%s[%d]", right, i), err.Error())
			}
		}
	}
	if total > MaxPatterns {
		wrong.Addf("rights", "there are %d patterns and a client may have %d", total, MaxPatterns)
	}
	if wrong.Count() == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrInvalidRights, strings.Join(problems.Lines(wrong.Kept()), "; "))
}

func checkPattern(pattern string) error {
	switch {
	case pattern == "":
		return errors.New("the pattern is empty")
	case len(pattern) > MaxPatternBytes:
		return fmt.Errorf("the pattern is longer than %d bytes", MaxPatternBytes)
	case !utf8.ValidString(pattern) || strings.ContainsFunc(pattern, unicode.IsControl):
		return errors.New("the pattern is not UTF-8 without control characters")
	case strings.Count(pattern, "*") > 1:
		return fmt.Errorf("the pattern %q has more than one *", pattern)
	}
	return nil
}

// matches reports whether one of the patterns matches the name. If the name is a pattern itself,
// everything that it matches has to match.
func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matchesOne(p, name) })
}

// MatchesPattern reports whether a pattern matches a name: a * in it stands for any characters.
func MatchesPattern(pattern, name string) bool { return matchesOne(pattern, name) }

func matchesOne(pattern, name string) bool {
	before, after, any := strings.Cut(pattern, "*")
	if !any {
		return pattern == name
	}
	return len(name) >= len(before)+len(after) && strings.HasPrefix(name, before) && strings.HasSuffix(name, after)
}

// readPatterns reads a claim that is a list of patterns. It returns nil for a missing claim, and
// an empty list, which allows nothing, for an empty one.
func readPatterns(name string, raw []byte) ([]string, error) {
	if raw == nil {
		return nil, nil
	}
	patterns := []string{}
	if err := json.Unmarshal(raw, &patterns); err != nil || raw[0] != '[' {
		return nil, fmt.Errorf("%s is not a list of patterns", name)
	}
	if len(patterns) > MaxPatterns {
		return nil, fmt.Errorf("%s has more than %d patterns", name, MaxPatterns)
	}
	for i, pattern := range patterns {
		if err := checkPattern(pattern); err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", name, i, err)
		}
	}
	return patterns, nil
}
