package config

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// A Loader reads a configuration. The zero Loader reads that of "seagate serve"
// without flags. A Loader must not be used by several goroutines at once.
type Loader struct {
	// Defaults returns the configuration that the sources change, such as
	// Development. Nil is Default.
	Defaults func() *Config
	// Environ is the environment as os.Environ returns it. Nil is that of the
	// process.
	Environ []string
	// OtherVariables are names that begin with SEAGATE_ and are not for the
	// gateway. Load does not warn about them.
	OtherVariables []string

	file  string
	flags *pflag.FlagSet
}

// BindFlags adds the flag --config, and the flag of each setting that has one. Call
// Load once they are parsed.
func (l *Loader) BindFlags(flags *pflag.FlagSet) {
	l.flags = flags
	flags.StringVar(&l.file, "config", "", "read the configuration from `FILE` (TOML) ["+fileVariable+"]")
	for _, s := range l.defaults().all() {
		if s.flag != "" {
			flags.String(s.flag, s.plain().(string), fmt.Sprintf("%s [%s]", s.usage, s.env()))
		}
	}
}

// Load reads every source and checks the result. The warnings are for the
// operator, also if there is an error. The error joins all problems, one a line;
// the Config is nil then.
func (l *Loader) Load() (*Config, []string, error) {
	r := newReading(l.defaults())
	environ := l.environ()
	if file := cmp.Or(l.file, valueOf(environ, fileVariable)); file != "" {
		r.readFile(file)
	}
	r.readEnvironment(environ, append([]string{fileVariable}, l.OtherVariables...))
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

// A reading is the state of one Load. Later sources overwrite earlier ones.
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

// took records that a setting was read from origin, or why it could not be.
func (r *reading) took(s setting, origin string, err error) {
	if err != nil {
		r.problems = append(r.problems, problemAt(origin, s, err))
		return
	}
	r.config.origins[s.path()] = origin
}

const envPrefix = "SEAGATE_"

// fileVariable is the environment variable that names the file, if no flag does.
const fileVariable = envPrefix + "CONFIG"

// valueOf returns the value of a variable, or "". The last of several with its name
// counts, as for os.Getenv.
func valueOf(environ []string, name string) (value string) {
	for _, pair := range environ {
		if text, ok := strings.CutPrefix(pair, name+"="); ok {
			value = text
		}
	}
	return value
}

func (r *reading) readEnvironment(environ, others []string) {
	for _, variable := range slices.Sorted(slices.Values(environ)) {
		name, text, ok := strings.Cut(variable, "=")
		if !ok || !strings.HasPrefix(name, envPrefix) || slices.Contains(others, name) {
			continue
		}
		if s, known := r.byEnv[name]; known {
			r.took(s, "env "+name, s.parse(text))
		} else if !isKubernetes(name, text) {
			r.warnings = append(r.warnings, r.unknownVariable(name))
		}
	}
}

func (r *reading) readFlags(flags *pflag.FlagSet) {
	for _, section := range r.sections {
		for _, s := range section.settings {
			if s.flag != "" && flags.Changed(s.flag) {
				r.took(s, "flag --"+s.flag, s.parse(flags.Lookup(s.flag).Value.String()))
			}
		}
	}
}

// finish checks the result. It checks relations between values only if every
// value could be read: a value that could not be read has its default, and the
// relation would blame that.
func (r *reading) finish() error {
	if len(r.problems) == 0 {
		return errors.Join(r.config.Validate()...)
	}
	return errors.Join(append(r.problems, r.config.checkValues()...)...)
}
