package config

import (
	"fmt"
	"strconv"
	"strings"
)

const referenceIntro = `Every setting of Seagate with its default. This is a valid configuration file. Your own file needs only the keys that differ.

A flag overrides an environment variable, a variable overrides the file, and the file overrides the default. The variable of a key is SEAGATE_, its section and its name: SEAGATE_LIMITS_MESSAGE_BYTES. In a variable, a list is written with commas.

Sizes are numbers of bytes or text with KiB, MiB or GiB. Durations are text with ms, s, m, h, d or w.`

// Reference returns a configuration file with every key, its documentation, its
// range and its default.
func Reference() string {
	var b strings.Builder
	comment(&b, referenceIntro)
	for _, section := range Default().sections() {
		if section.name != "" {
			b.WriteByte('\n')
			comment(&b, section.doc)
			fmt.Fprintf(&b, "%s[%s]\n", outcommented(section.settings[0]), section.name)
		}
		for _, s := range section.settings {
			b.WriteByte('\n')
			describeSetting(&b, s)
		}
	}
	return b.String()
}

func describeSetting(b *strings.Builder, s setting) {
	comment(b, s.doc)
	if bounds := s.bounds; bounds != "" {
		comment(b, "Value: "+bounds+".")
	}
	if s.flag != "" {
		comment(b, "Flag: --"+s.flag+".")
	}
	if s.isLive {
		comment(b, "Read again on SIGHUP.")
	}
	if s.decode != nil {
		fmt.Fprintf(b, "%s = %s\n", s.key, literal(s.plain()))
	} else {
		fmt.Fprintf(b, "# %s: only from %s\n", s.key, s.env())
	}
}

// outcommented returns the beginning of the line [section]: a comment for a
// section that a file cannot have.
func outcommented(first setting) string {
	if first.decode != nil {
		return ""
	}
	return "# "
}

// comment writes paragraphs as comment lines of at most 80 characters.
func comment(b *strings.Builder, text string) {
	const width = 80
	for line := range strings.SplitSeq(text, "\n") {
		column := 1
		b.WriteByte('#')
		for _, word := range strings.Fields(line) {
			if column+1+len(word) > width {
				b.WriteString("\n#")
				column = 1
			}
			b.WriteString(" " + word)
			column += 1 + len(word)
		}
		b.WriteByte('\n')
	}
}

// literal writes a plain value as a file has it.
func literal(plain any) string {
	switch v := plain.(type) {
	case nil:
		return "(not set)"
	case string:
		return strconv.Quote(v)
	case []string:
		quoted := make([]string, len(v))
		for i, text := range v {
			quoted[i] = strconv.Quote(text)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	}
	return fmt.Sprint(plain)
}
