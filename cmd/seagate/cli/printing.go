package cli

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/pflag"

	"seagate/client"
	"seagate/cmd/seagate/terminal"
)

// A printer prints messages as the flags ask for.
type printer struct {
	*Console
	meta    bool
	raw     bool
	format  string
	where   []string
	several bool // streams: each line with --meta names its own
	live    bool // messages come now: with --json each line says when, and in which stream

	count   int // of the messages to print; 0 is no end
	printed int
	stop    func() // called after the last message

	filter filter
	whole  jsontext.Value     // the filter as one, for the gateway; nil if it is to send all messages
	layout *template.Template // of --format; nil without it
}

func (p *printer) flags(flags *pflag.FlagSet) {
	flags.BoolVar(&p.meta, "meta", false, "print the number and time of each message")
	flags.BoolVar(&p.raw, "raw", false, "print each payload byte for byte as it is, a text without its quotes")
	flags.StringVar(&p.format, "format", "", "print each message with a `TEMPLATE` of Go's text/template")
	flags.StringArrayVar(&p.where, "where", nil, "print only the messages for which `FILTER` holds: PATH=VALUE, "+
		"PATH!=VALUE or a filter of tokens (JSON); all of several must hold")
}

// printingHelp explains the flags of a printer.
const printingHelp = `With --where it prints only the messages that a filter accepts. A message that lacks
the place is not printed.

With --format each message is printed with a template, in which there are .stream, .seq,
.time, .epoch, .redelivered, .header and .payload, and the function json. \t and \n are
a tab and a line break. A field that a message lacks is <no value>.`

// prepare checks the flags.
func (p *printer) prepare(flags *pflag.FlagSet) (err error) {
	switch {
	case flags.Changed("count") && p.count < 1:
		return usagef("--count must be at least 1")
	case p.raw && (p.meta || p.JSON || p.format != ""):
		return usagef("--raw prints payloads and nothing else: leave out --meta, --json and --format")
	case p.format != "" && (p.meta || p.JSON):
		return usagef("--format says what is printed: leave out --meta and --json")
	case flags.Changed("format") && p.format == "":
		return usagef("--format is empty: give a template such as '{{.seq}} {{json .payload}}'")
	}
	if p.layout, err = parseTemplate(p.format); err != nil {
		return err
	}
	p.filter, p.whole, err = parseWhere(p.where)
	return err
}

// parseTemplate parses the template of --format, or returns nil for "".
func parseTemplate(text string) (*template.Template, error) {
	if text == "" {
		return nil, nil
	}
	text = strings.NewReplacer(`\t`, "\t", `\n`, "\n", `\\`, `\`).Replace(text)
	t, err := template.New("").Funcs(template.FuncMap{"json": templateJSON}).Parse(text)
	if err != nil {
		return nil, usagef("--format: %s", templateProblem.ReplaceAllString(err.Error(), ""))
	}
	return t, nil
}

// templateProblem is what the library puts in front of a problem: the name of the template,
// which is empty, the line, and the column.
var templateProblem = regexp.MustCompile(`^template: :\d+(:\d+)?: `)

func templateJSON(v any) (string, error) {
	if n, ok := v.(number); ok {
		return n.String(), nil
	}
	text, err := json.Marshal(v, json.Deterministic(true))
	return string(text), err
}

// A number prints as JSON does, and compares as a number.
type number float64

// String returns the number without an exponent.
func (n number) String() string { return strconv.FormatFloat(float64(n), 'f', -1, 64) }

// MarshalJSON implements json.Marshaler.
func (n number) MarshalJSON() ([]byte, error) { return json.Marshal(float64(n)) }

// templateValue returns a value for a template, with each number as one that prints in full.
func templateValue(v any) any {
	switch v := v.(type) {
	case float64:
		return number(v)
	case map[string]any:
		for key, one := range v {
			v[key] = templateValue(one)
		}
	case []any:
		for i, one := range v {
			v[i] = templateValue(one)
		}
	}
	return v
}

// print prints a message that passes --where, and stops after the last one. It returns
// nil then, so that the last message is acknowledged.
func (p *printer) print(m client.Message) error {
	if pass, err := p.filter.accepts(m); err != nil || !pass {
		return err
	}
	if err := p.line(m); err != nil {
		return err
	}
	if p.printed++; p.enough() && p.stop != nil {
		p.stop()
	}
	return nil
}

// enough reports whether as many messages were printed as are wanted.
func (p *printer) enough() bool { return p.count > 0 && p.printed == p.count }

func (p *printer) line(m client.Message) error {
	switch {
	case p.raw:
		return p.rawLine(m.Payload)
	case p.layout != nil:
		return p.templateLine(m)
	}
	line := printed{Payload: m.Payload}
	if p.meta || p.JSON {
		line.tell(m)
	}
	if p.live && p.JSON || p.meta && p.several {
		line.Stream = m.Stream
	}
	if p.live && p.JSON {
		line.Received = time.Now().UTC()
	}
	return p.message(line, p.meta || p.JSON)
}

func (p *printer) rawLine(payload jsontext.Value) error {
	text := string(payload)
	if payload.Kind() == '"' {
		unquoted, err := jsontext.AppendUnquote(nil, payload)
		if err != nil {
			return err
		}
		text = string(unquoted)
	}
	return p.Console.line(p.shown(text))
}

func (p *printer) templateLine(m client.Message) error {
	var payload any
	if err := json.Unmarshal(m.Payload, &payload); err != nil {
		return err
	}
	var b strings.Builder
	err := p.layout.Execute(&b, map[string]any{
		"stream": m.Stream, "seq": m.Seq, "time": m.Time.Format(time.RFC3339Nano), "epoch": m.Epoch,
		"redelivered": m.Redelivered, "header": m.Header, "payload": templateValue(payload),
	})
	if err != nil {
		return usagef("--format does not fit message %d of %s%s", m.Seq, m.Stream, templatePlace(err))
	}
	return p.Console.line(p.shown(b.String()))
}

// templatePlace says where in the template the problem is. The rest of the error names types
// of Go.
func templatePlace(err error) string {
	if exec, ok := errors.AsType[template.ExecError](err); ok {
		if _, place, found := strings.Cut(exec.Error(), " at <"); found {
			if end := strings.LastIndex(place, ">"); end > 0 {
				return ": it has nothing for " + place[:end]
			}
		}
	}
	return ""
}

// shown returns a text for standard output. For a terminal it escapes all characters that
// the terminal would act on, except line feeds and tabs.
func (p *printer) shown(text string) string {
	if !p.terminal {
		return text
	}
	return terminal.Escape(text, func(r rune) string {
		if r == '\n' || r == '\t' {
			return string(r)
		}
		return terminal.Printable(string(r))
	})
}

// end returns the error of a command that was to print --count messages, and was ended by
// err. An interrupt is how it ends without --count.
func (p *printer) end(interrupted bool, refused, err error) error {
	switch {
	case p.enough():
		return nil
	case !interrupted || refused != nil:
		return cmp.Or(refused, err)
	case p.count > 0:
		return fmt.Errorf("interrupted after %d of %d messages", p.printed, p.count)
	}
	return nil
}
