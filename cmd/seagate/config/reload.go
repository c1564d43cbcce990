package config

import (
	"fmt"
	"maps"
	"reflect"
	"strings"
)

// A Change is a setting that has another value in a Config that was loaded later.
type Change struct {
	Key      string
	From, To string // as a file has them
	Live     bool   // it applies without a restart
}

// String returns a text for the log.
func (c Change) String() string { return c.Key + ": " + c.From + " → " + c.To }

// Reload compares the Config in force with one that was loaded later. It returns what is
// different, and the Config that is in force once the changes that are Live are applied.
func (c *Config) Reload(next *Config) (merged *Config, changes []Change) {
	m := *c
	m.origins = map[string]string{}
	maps.Copy(m.origins, c.origins)
	theirs := next.all()
	for i, s := range m.all() {
		from, to := s.plain(), theirs[i].plain()
		if reflect.DeepEqual(from, to) {
			continue
		}
		// Whether the listener speaks TLS, and where its certificate comes from, is decided when it is opened.
		fixed := s.section == "tls" && (c.TLS.Enabled() != next.TLS.Enabled() || c.TLS.ByACME() || next.TLS.ByACME())
		change := Change{s.path(), literal(from), literal(to), s.isLive && !fixed}
		changes = append(changes, change)
		if change.Live {
			if err := s.parse(variable(to)); err != nil {
				panic(fmt.Sprintf("config: %s: a value that was read cannot be read again: %v", s.path(), err))
			}
			m.origins[s.path()] = next.Origin(s.path())
		}
	}
	return &m, changes
}

// variable writes a plain value as a variable has it. Secrets cannot change.
func variable(plain any) string {
	if list, ok := plain.([]string); ok {
		return strings.Join(list, ",")
	}
	return fmt.Sprint(plain)
}
