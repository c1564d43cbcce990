package seagate_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// Links between the documents lead to files and headings that exist.
func TestLinks(t *testing.T) {
	documents, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	documents = append(documents, "README.md", "CHANGELOG.md", "CONTRIBUTING.md")
	links, headings := 0, map[string]map[string]bool{} // of each document
	for _, document := range documents {
		for _, target := range linkTargets(readDocument(t, document)) {
			links++
			file, anchor, _ := strings.Cut(target, "#")
			path := document
			if file != "" {
				path = filepath.Join(filepath.Dir(document), file)
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s links to %s: there is no such file", document, target)
				continue
			}
			if anchor != "" && headings[path] == nil {
				headings[path] = anchors(readDocument(t, path))
			}
			if anchor != "" && !headings[path][anchor] {
				t.Errorf("%s links to %s: %s has no such heading", document, target, path)
			}
		}
	}
	if links < 100 {
		t.Errorf("found only %d links in %q", links, documents)
	}
}

// No line of the documents is longer than maxLine characters, so that they can
// be read and compared as text. Rows of tables may be, and lines that are
// nothing but a link.
func TestDocumentLines(t *testing.T) {
	documents, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	bareLink := regexp.MustCompile(`^\s*([-*] )?<?https?://\S+$`)
	for _, document := range append(documents, "README.md", "CHANGELOG.md", "CONTRIBUTING.md") {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			n := utf8.RuneCountInString(line)
			if n > maxLine && !strings.HasPrefix(line, "|") && !bareLink.MatchString(line) {
				t.Errorf("%s:%d: %d characters, at most %d are allowed", document, i+1, n, maxLine)
			}
		}
	}
}

const maxLine = 120

// readDocument returns the text of a file without its blocks of code.
func readDocument(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fencedBlock.ReplaceAllString(string(text), "")
}

var (
	fencedBlock = regexp.MustCompile("(?ms)^```.*?^```$")
	inlineLink  = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading     = regexp.MustCompile(`(?m)^#+ (.+)$`)
)

// linkTargets returns the targets of all links that stay in the repository.
func linkTargets(text string) (targets []string) {
	for _, link := range inlineLink.FindAllStringSubmatch(text, -1) {
		if !strings.Contains(link[1], "://") {
			targets = append(targets, link[1])
		}
	}
	return targets
}

// anchors returns the names under which the headings of a document can be
// linked to: in lower case, without punctuation, with hyphens for spaces.
func anchors(text string) map[string]bool {
	found := map[string]bool{}
	for _, h := range heading.FindAllStringSubmatch(text, -1) {
		found[strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_':
				return unicode.ToLower(r)
			default:
				return -1
			}
		}, h[1])] = true
	}
	return found
}

// The lines that the documentation says are logged stand in the sources.
func TestDocumentedLogLines(t *testing.T) {
	const document = "docs/configuration.md"
	_, section, found := strings.Cut(readDocument(t, document), "\n## Logs\n")
	if !found {
		t.Fatalf("%s has no section about logs", document)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	_, section, _ = strings.Cut(section, "|---|---|---|")
	sources := readSources(t)
	lines := 0
	for row := range strings.Lines(section) {
		columns := strings.Split(row, "|")
		if len(columns) != 5 {
			continue
		}
		for _, line := range codeSpan.FindAllStringSubmatch(columns[2], -1) {
			for part := range strings.SplitSeq(line[1], "…") { // what differs each time
				lines++
				if part = strings.TrimSpace(part); !strings.Contains(sources, part) {
					t.Errorf("%s has the log line %q, and nothing logs %q", document, line[1], part)
				}
			}
		}
	}
	if lines < 40 {
		t.Errorf("found only %d log lines in %s", lines, document)
	}
}

var codeSpan = regexp.MustCompile("`([^`]+)`")

// readSources returns the text of all Go files that are not tests.
func readSources(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(".", func(path string, entry os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != "." && strings.HasPrefix(entry.Name(), "."):
			return filepath.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		all.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}
