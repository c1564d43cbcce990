package main_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Every answer and delivery that docs/protocol.md shows is one that an exchange
// has, so that the binary is known to send it.
func TestDocumentedAnswers(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	var proven []*regexp.Regexp
	for _, e := range expectations(t, exchangeFiles(t)) {
		if pattern := answerPattern(e.text); pattern != nil {
			proven = append(proven, pattern)
		}
	}
	answers := documentedAnswers(string(text))
	if len(answers) < 50 {
		t.Errorf("found only %d answers", len(answers))
	}
	for _, answer := range answers {
		if strings.Contains(answer, `"gap":{`) {
			continue // protocol has a test for it: an exchange cannot wait for retention
		}
		shown := withoutNumbers(answer)
		found := false
		for _, pattern := range proven {
			found = found || pattern.MatchString(shown)
		}
		if !found {
			t.Errorf("no exchange has the answer\n%s", answer)
		}
	}
}

var (
	shownAnswer  = regexp.MustCompile(`(?m)^ +< ([{\[].*(?:\n {6,}[^ <>].*)*)`)
	continuation = regexp.MustCompile(`\n *`)
	varying      = regexp.MustCompile(`^\{"id":\d+,|("success":true,"streamName":"[^"]*","payload":)\d+|("deliveries":)\d+`)
	placeholder  = regexp.MustCompile(`\\\$\\\{[^}]*\\\}`)
)

// documentedAnswers returns what the document shows after "<".
func documentedAnswers(document string) (answers []string) {
	for _, m := range shownAnswer.FindAllStringSubmatch(document, -1) {
		answers = append(answers, continuation.ReplaceAllString(m[1], ""))
	}
	return answers
}

// withoutNumbers makes answers to requests of the same kind equal: it hides the
// ids of requests, and how often a dead letter was delivered.
func withoutNumbers(answer string) string {
	return varying.ReplaceAllString(answer, "${1}${2}N")
}

// answerPattern returns what matches the answer that an exchange expects. In it
// placeholders stand for strings only; if one stands for more, the exchange
// proves too little and the result is nil.
func answerPattern(expected string) *regexp.Regexp {
	if !strings.HasPrefix(expected, "{") {
		return nil
	}
	pattern := placeholder.ReplaceAllString(regexp.QuoteMeta(withoutNumbers(expected)), "§")
	if strings.Count(pattern, "§") != strings.Count(pattern, `"§"`) {
		return nil
	}
	return regexp.MustCompile("^" + strings.ReplaceAll(pattern, "§", `[^"]*`) + "$")
}
