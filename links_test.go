package seagate_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// Links between the documents lead to files and headings that exist.
func TestLinks(t *testing.T) {
	documents, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	documents = append(documents, "README.md", "CHANGELOG.md")
	links := 0
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
			if anchor != "" && !anchors(readDocument(t, path))[anchor] {
				t.Errorf("%s links to %s: %s has no such heading", document, target, path)
			}
		}
	}
	if links < 100 {
		t.Errorf("found only %d links in %q", links, documents)
	}
}

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
