package config

import (
	"fmt"
	"strconv"
	"strings"
)

const referenceIntro = `Every setting of Seagate with its default. This is a valid configuration file; one that is in use needs only the keys that differ.

A flag wins over an environment variable, that over the file, that over the default. Each key's variable is SEAGATE_, its section and its name: SEAGATE_LIMITS_MESSAGE_BYTES. There, a list is written with commas.

Sizes are numbers of bytes or text with KiB, MiB or GiB. Durations are text with ms, s, m or h.`

// Reference is a configuration file that holds every key with its meaning,
// its bounds and its default.
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
	if bounds := s.value.bounds(); bounds != "" {
		comment(b, "Value: "+bounds+".")
	}
	if s.flag != "" {
		comment(b, "Flag: --"+s.flag+".")
	}
	if isFileValue(s) {
		fmt.Fprintf(b, "%s = %s\n", s.key, literal(s.value.plain()))
	} else {
		fmt.Fprintf(b, "# %s: only from %s\n", s.key, s.env())
	}
}

// outcommented begins the header of a section that a file cannot have.
func outcommented(first setting) string {
	if isFileValue(first) {
		return ""
	}
	return "# "
}

func isFileValue(s setting) bool {
	_, ok := s.value.(fileValue)
	return ok
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

// literal writes a plain value as it would stand in a file.
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
