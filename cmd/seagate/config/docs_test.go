package config_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"seagate/cmd/seagate/config"
)

// Operators rely on the documentation. It has every key with its default and range,
// and no other keys.
func TestDocumentedSettings(t *testing.T) {
	const file = "../../../docs/configuration.md"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## Every setting\n")
	if !found {
		t.Fatalf("%s has no section of every setting", file)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	settings := referenceRows(t)
	for _, row := range settings {
		if n := strings.Count(section, "\n"+row+" "); n != 1 {
			t.Errorf("%s has this %d times, want once:\n%s", file, n, row)
		}
	}
	if rows := strings.Count(section, "\n| `"); rows != len(settings) {
		t.Errorf("%s has %d settings, there are %d", file, rows, len(settings))
	}
}

// The documentation lists the settings that are read again, and no others.
func TestDocumentedReload(t *testing.T) {
	const file = "../../../docs/configuration.md"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Reading the configuration again\n")
	section, _, _ = strings.Cut(section, "\n\nConnections that exceed")
	_, list, _ := strings.Cut(section, "apply at once:\n\n")
	list = strings.ReplaceAll(strings.ReplaceAll(list, "\n", " "), "`", "")
	var live []string
	table := ""
	again := false
	for line := range strings.Lines(config.Reference()) {
		line = strings.TrimSuffix(line, "\n")
		if m := referenceSection.FindStringSubmatch(line); m != nil {
			table = m[1] + "."
		} else if line == "# Read again on SIGHUP." {
			again = true
		} else if m := referenceSetting.FindStringSubmatch(line); m != nil {
			if again {
				live = append(live, table+m[1])
			}
			again = false
		}
	}
	if want := strings.Join(live, ", "); list != want || want == "" {
		t.Errorf("%s lists\n%s\nand these are read again:\n%s", file, list, want)
	}
}

var (
	referenceSection = regexp.MustCompile(`^(?:# )?\[(\w+)\]$`)
	referenceBounds  = regexp.MustCompile(`^# Value: (.*)\.$`)
	referenceSetting = regexp.MustCompile(`^(\w+) = (.*)$`)
	referenceHidden  = regexp.MustCompile(`^# (\w+): only from `)
)

// referenceRows returns, for each setting in the reference, the beginning of its row
// in the table: key, default, range.
func referenceRows(t *testing.T) (rows []string) {
	t.Helper()
	section, bounds := "", ""
	add := func(key, value string) {
		rows = append(rows, strings.ReplaceAll(fmt.Sprintf("| `%s%s` | %s | %s |", section, key, value, bounds), "|  |", "| |"))
		bounds = ""
	}
	for line := range strings.Lines(config.Reference()) {
		line = strings.TrimSuffix(line, "\n")
		if m := referenceSection.FindStringSubmatch(line); m != nil {
			section = m[1] + "."
		} else if m := referenceBounds.FindStringSubmatch(line); m != nil {
			bounds = m[1]
		} else if m := referenceSetting.FindStringSubmatch(line); m != nil {
			add(m[1], "`"+m[2]+"`")
		} else if m := referenceHidden.FindStringSubmatch(line); m != nil {
			add(m[1], "none")
		}
	}
	if want := len(config.Default().Entries()); len(rows) != want {
		t.Fatalf("the reference has %d settings, want %d", len(rows), want)
	}
	return rows
}
