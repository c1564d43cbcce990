package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// A fileReading reads the settings from one file, in their order.
//
// The strict mode of the decoder is not enough: it gives lines for unknown keys
// only, stops at the first wrong type, and ignores the case of names. Therefore
// the document is decoded into a map, which decides whether it is valid TOML.
// Its syntax tree then gives the line of each key.
type fileReading struct {
	*reading
	name    string
	values  map[string]any
	lines   lineCounter
	table   []string        // the table of the pairs that follow
	skipped map[string]bool // tables that a problem was reported for
}

// maxFileBytes is much more than a file with every key needs. The decoder
// compares each key with all others of its table, so a large file that is no
// configuration would take minutes.
const maxFileBytes = 256 * KiB

func readLimited(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	document, err := io.ReadAll(io.LimitReader(file, int64(maxFileBytes)+1))
	if err == nil && len(document) > int(maxFileBytes) {
		err = fmt.Errorf("%s is larger than %s", name, maxFileBytes)
	}
	return document, err
}

// readFile reads the file called name.
func (r *reading) readFile(name string) {
	document, err := readLimited(name)
	if err != nil {
		r.problems = append(r.problems, fmt.Errorf("cannot read the configuration file: %w", err))
		return
	}
	document = bytes.TrimPrefix(document, []byte("\ufeff")) // some editors write this mark first; TOML lets it be ignored
	f := &fileReading{
		reading: r,
		name:    name,
		lines:   lineCounter{document: document, line: 1},
		skipped: map[string]bool{},
	}
	if err := toml.Unmarshal(document, &f.values); err != nil {
		r.problems = append(r.problems, syntaxProblem(name, err))
		return
	}
	f.walk(document)
}

// syntaxProblem leaves out the lines that the decoder would show, since they may
// contain secrets.
func syntaxProblem(name string, err error) error {
	var syntax *toml.DecodeError
	if !errors.As(err, &syntax) {
		return fmt.Errorf("%s: %w", name, err)
	}
	line, column := syntax.Position()
	return fmt.Errorf("%s:%d: column %d: %s", name, line, column, strings.TrimPrefix(syntax.Error(), "toml: "))
}

func (f *fileReading) walk(document []byte) {
	var parser unstable.Parser
	parser.Reset(document)
	for parser.NextExpression() {
		switch node := parser.Expression(); node.Kind {
		case unstable.Table, unstable.ArrayTable:
			f.header(node)
		case unstable.KeyValue:
			f.pair(f.table, node)
		}
	}
}

// header reads a line [table].
func (f *fileReading) header(node *unstable.Node) {
	path, origin := f.locate(nil, node)
	f.table = path
	name := dotted(path)
	s, isSetting := f.settingAt(path)
	switch {
	case f.skips(path):
	case isSetting:
		f.take(s, origin)
		f.skip(path)
	case !f.knows(name):
		f.unknownSection(path, origin)
	case node.Kind == unstable.ArrayTable:
		f.report(origin, "[[%s]] is one section: write [%s]", name, name)
		f.skip(path)
	}
}

// pair reads a line key = value of a table.
func (f *fileReading) pair(table []string, node *unstable.Node) {
	if f.skips(table) {
		return
	}
	path, origin := f.locate(table, node)
	s, isSetting := f.settingAt(path)
	switch {
	case isSetting:
		f.take(s, origin)
	case len(path) == 1:
		f.topPair(path, origin, node.Value())
	case !f.knows(dotted(path[:1])):
		f.unknownSection(path[:1], origin)
	default:
		section, key := path[0], dotted(path[1:])
		f.report(origin, "unknown key %q in [%s]%s", key, section, f.keyHint(section, key))
	}
}

// topPair reads a pair at the top of the file that is not a setting.
func (f *fileReading) topPair(path []string, origin string, value *unstable.Node) {
	name := dotted(path)
	inline := value.Kind == unstable.InlineTable
	switch {
	case inline && f.knows(name):
		f.inlineTable(path, value)
	case inline:
		f.unknownSection(path, origin)
	case f.knows(name):
		f.report(origin, "%s is a section: write its keys below a line [%s]", name, name)
	default:
		f.report(origin, "unknown key %q%s", name, f.keyHint("", name))
	}
}

func (f *fileReading) inlineTable(path []string, node *unstable.Node) {
	for pairs := node.Children(); pairs.Next(); {
		f.pair(path, pairs.Node())
	}
}

// take sets s to its value in the document.
func (f *fileReading) take(s setting, origin string) {
	if s.decode == nil {
		f.took(s, origin, fmt.Errorf("is not read from a file; set %s in the environment", s.env()))
		return
	}
	table := f.values
	if s.section != "" {
		table = table[s.section].(map[string]any)
	}
	f.took(s, origin, s.decode(table[s.key]))
}

// settingAt finds the setting that a path names, or that it treats as a table:
// limits.connections.x is about limits.connections.
func (f *fileReading) settingAt(path []string) (setting, bool) {
	s, ok := f.byPath[dotted(path[:1])]
	if !ok && len(path) > 1 {
		s, ok = f.byPath[dotted(path[:2])]
	}
	return s, ok
}

func (f *fileReading) knows(name string) bool {
	return name != "" && slices.ContainsFunc(f.sections, func(s section) bool { return s.name == name })
}

// unknownSection reports an unknown section once, however many keys it has.
func (f *fileReading) unknownSection(path []string, origin string) {
	if !f.skips(path) {
		name := dotted(path)
		f.report(origin, "unknown section [%s]%s", name, f.sectionHint(name))
		f.skip(path)
	}
}

// skip ignores everything below path, for which a problem was reported. No known
// path is longer than two parts.
func (f *fileReading) skip(path []string) { f.skipped[dotted(path[:min(2, len(path))])] = true }

func (f *fileReading) skips(path []string) bool {
	for depth := 1; depth <= min(2, len(path)); depth++ {
		if f.skipped[dotted(path[:depth])] {
			return true
		}
	}
	return false
}

func (f *fileReading) report(origin, format string, args ...any) {
	f.problems = append(f.problems, fmt.Errorf("%s: "+format, append([]any{origin}, args...)...))
}

// locate returns the path of a header or a pair, and its place as FILE:LINE.
func (f *fileReading) locate(table []string, node *unstable.Node) ([]string, string) {
	path := append([]string(nil), table...)
	line := 0
	for keys := node.Key(); keys.Next(); {
		key := keys.Node()
		if line == 0 {
			line = f.lines.at(int(key.Raw.Offset))
		}
		path = append(path, string(key.Data))
	}
	return path, fmt.Sprintf("%s:%d", f.name, line)
}

// dotted writes a path as TOML does. It quotes parts that are not bare keys, so
// that two paths never look the same.
func dotted(path []string) string {
	parts := make([]string, len(path))
	for i, part := range path {
		if parts[i] = part; strings.Trim(part, bare) != "" || part == "" {
			parts[i] = strconv.Quote(part)
		}
	}
	return strings.Join(parts, ".")
}

const bare = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

// A lineCounter turns ascending offsets into line numbers in one pass.
type lineCounter struct {
	document     []byte
	offset, line int
}

func (l *lineCounter) at(offset int) int {
	l.line += bytes.Count(l.document[l.offset:offset], []byte{'\n'})
	l.offset = offset
	return l.line
}
