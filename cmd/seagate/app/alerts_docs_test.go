package app

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Every alert rule has an expression over metrics that exist, and is explained
// in the documentation.
func TestDocumentedAlerts(t *testing.T) {
	const file, explained = "../../../docs/alerts.yml", "../../../docs/production.md"
	known := alertMetrics(t)
	rules := readAlerts(t, file)
	for name, rule := range rules {
		expression := quoted.ReplaceAllString(rule["expr"], "")
		names := metricName.FindAllString(expression, -1)
		if len(names) == 0 {
			t.Errorf("%s: %s uses no metric: %q", file, name, rule["expr"])
		}
		for _, metric := range names {
			if !slices.Contains(known, metric) {
				t.Errorf("%s: %s uses %s, which does not exist", file, name, metric)
			}
		}
		wantNative(t, name, rule["expr"])
		for _, key := range []string{"severity", "summary", "description"} {
			if rule[key] == "" {
				t.Errorf("%s: %s has no %s", file, name, key)
			}
		}
	}

	text, err := os.ReadFile(explained)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(Seagate\\w+)` \\| (.*) \\|$").FindAllStringSubmatch(string(text), -1) {
		rows[m[1]] = m[2]
	}
	want := map[string]string{}
	for name, rule := range rules {
		want[name] = rule["description"]
	}
	if !maps.Equal(rows, want) {
		t.Errorf("%s explains\n%q, want\n%q", explained, rows, want)
	}
}

// wantNative fails if an expression asks for the series of a classic histogram alone: a Prometheus that takes native
// histograms has none of them, and the alert would never fire.
func wantNative(t *testing.T, name, expression string) {
	t.Helper()
	for _, series := range metricName.FindAllString(quoted.ReplaceAllString(expression, ""), -1) {
		native := base(series)
		if native != series && !regexp.MustCompile(`\b`+native+`[{\[]`).MatchString(expression) {
			t.Errorf("%s uses %s, and does not ask for the native histogram %s", name, series, native)
		}
	}
}

var (
	quoted     = regexp.MustCompile(`"[^"]*"`)
	metricName = regexp.MustCompile(`\b(?:up|(?:seagate|process|go)_\w+)\b`)
)

// alertMetrics returns the names of all metrics that Prometheus has of a gateway.
func alertMetrics(t *testing.T) []string {
	t.Helper()
	names := []string{"up"} // Prometheus makes it
	for _, row := range registeredMetrics(t) {
		name, _, _ := strings.Cut(row, "{")
		names = append(names, name)
		if strings.HasSuffix(name, "_seconds") { // histograms, or gauges that are seconds
			names = append(names, name+"_bucket", name+"_count", name+"_sum")
		}
	}
	process := prometheus.NewRegistry()
	process.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewGoCollector())
	families, err := process.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		names = append(names, family.GetName())
	}
	return names
}

// readAlerts returns the values of each rule by key. It understands the YAML
// that the file uses, and no more.
func readAlerts(t *testing.T, file string) map[string]map[string]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var (
		rules   = map[string]map[string]string{}
		setting = regexp.MustCompile(`^ +(?:- )?(?:labels: \{)?(alert|expr|for|severity|summary|description): (.*?)\}?$`)
		rule    map[string]string
		key     string
	)
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		m := setting.FindStringSubmatch(line)
		switch {
		case m != nil && m[1] == "alert":
			rule, key = map[string]string{}, ""
			rules[m[2]] = rule
		case m != nil && rule != nil:
			key = m[1]
			rule[key] = strings.TrimPrefix(m[2], ">-")
		case key == "expr" && strings.HasPrefix(line, strings.Repeat(" ", 10)): // a folded expression goes on
			rule[key] += line
		}
	}
	if len(rules) < 8 {
		t.Fatalf("%s has only %d alert rules", file, len(rules))
	}
	return rules
}
