package config

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Loader reads a configuration. The zero Loader reads what `seagate serve` has
// without flags. A Loader is for one goroutine.
type Loader struct {
	// Defaults is what the sources change: Default if nil, or Development.
	Defaults func() *Config
	// Environ is the environment as os.Environ returns it, and that of the
	// process if nil.
	Environ []string
	// OtherVariables are names that begin with SEAGATE_ and belong to somebody
	// else, so that finding one set is no cause for a warning.
	OtherVariables []string

	file  string
	flags *pflag.FlagSet
}

// BindFlags adds the flags --config, --listen, --admin-listen and --data to
// flags. Load reads them, so it comes after parsing.
func (l *Loader) BindFlags(flags *pflag.FlagSet) {
	l.flags = flags
	flags.StringVar(&l.file, "config", "", "read the configuration from `FILE` (TOML)")
	for _, s := range l.defaults().all() {
		if s.flag != "" {
			flags.String(s.flag, s.value.plain().(string), fmt.Sprintf("%s [%s]", s.usage, s.env()))
		}
	}
}

// Load reads every source and checks the result. The warnings are for the
// operator, error or not. The error joins every problem that was found, one a
// line; with it there is no Config.
func (l *Loader) Load() (*Config, []string, error) {
	r := newReading(l.defaults())
	if l.file != "" {
		r.readFile(l.file)
	}
	r.readEnvironment(l.environ(), l.OtherVariables)
	if l.flags != nil {
		r.readFlags(l.flags)
	}
	if err := r.finish(); err != nil {
		return nil, r.warnings, err
	}
	return r.config, r.warnings, nil
}

func (l *Loader) defaults() *Config {
	if l.Defaults != nil {
		return l.Defaults()
	}
	return Default()
}

func (l *Loader) environ() []string {
	if l.Environ != nil {
		return l.Environ
	}
	return os.Environ()
}

// reading is one Load under way. Later sources overwrite earlier ones.
type reading struct {
	config   *Config
	sections []section
	byPath   map[string]setting
	byEnv    map[string]setting
	problems []error
	warnings []string
}

func newReading(c *Config) *reading {
	c.origins = map[string]string{}
	r := &reading{
		config:   c,
		sections: c.sections(),
		byPath:   map[string]setting{},
		byEnv:    map[string]setting{},
	}
	for _, s := range c.all() {
		r.byPath[s.path()] = s
		r.byEnv[s.env()] = s
	}
	return r
}

// took notes that a setting was read from origin, or why it could not be.
func (r *reading) took(s setting, origin string, err error) {
	if err != nil {
		r.problems = append(r.problems, problemAt(origin, s, err))
		return
	}
	r.config.origins[s.path()] = origin
}

const envPrefix = "SEAGATE_"

func (r *reading) readEnvironment(environ, others []string) {
	for _, variable := range slices.Sorted(slices.Values(environ)) {
		name, text, ok := strings.Cut(variable, "=")
		if !ok || !strings.HasPrefix(name, envPrefix) || slices.Contains(others, name) {
			continue
		}
		if s, known := r.byEnv[name]; known {
			r.took(s, "env "+name, s.value.parse(text))
		} else if !isKubernetes(name, text) {
			r.warnings = append(r.warnings, r.unknownVariable(name))
		}
	}
}

func (r *reading) readFlags(flags *pflag.FlagSet) {
	for _, section := range r.sections {
		for _, s := range section.settings {
			if s.flag != "" && flags.Changed(s.flag) {
				r.took(s, "flag --"+s.flag, s.value.parse(flags.Lookup(s.flag).Value.String()))
			}
		}
	}
}

// finish checks the outcome. Relations wait until every value could be read:
// one that could not still has its default, and would be blamed for it.
func (r *reading) finish() error {
	if len(r.problems) == 0 {
		return errors.Join(r.config.Validate()...)
	}
	return errors.Join(append(r.problems, r.config.checkValues()...)...)
}
