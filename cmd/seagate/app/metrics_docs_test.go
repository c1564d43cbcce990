package app

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"seagate/cmd/seagate/config"
)

// The documentation has every metric with its labels, and no others: operators
// build their alerts on it.
func TestDocumentedMetrics(t *testing.T) {
	const file = "../../../docs/configuration.md"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	documented := regexp.MustCompile("(?m)^\\| `(seagate_\\w+)` \\|([^|]*)\\|").FindAllStringSubmatch(string(text), -1)
	var rows []string
	for _, m := range documented {
		rows = append(rows, metricRow(m[1], strings.ReplaceAll(m[2], "`", "")))
	}
	registered := registeredMetrics(t)
	for _, row := range registered {
		if !slices.Contains(rows, row) {
			t.Errorf("%s lacks the metric with labels %s", file, row)
		}
	}
	for _, row := range rows {
		if !slices.Contains(registered, row) {
			t.Errorf("%s has %s, which is not registered", file, row)
		}
	}
}

// metricRow returns a metric in the form in which both sides are compared.
func metricRow(name, labels string) string {
	list := strings.FieldsFunc(labels, func(r rune) bool { return r == ',' || r == ' ' })
	return fmt.Sprintf("%s{%s}", name, strings.Join(list, ","))
}

// registeredMetrics returns the names of our metrics, each with its labels.
// It describes the metrics, since gathering them leaves out those that have
// counted nothing yet.
func registeredMetrics(t *testing.T) (rows []string) {
	t.Helper()
	c := config.Development()
	c.Listen, c.AdminListen, c.DataDir = "127.0.0.1:0", "", t.TempDir()
	a, err := New(context.Background(), c, slog.New(slog.DiscardHandler), "test")
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	described := make(chan *prometheus.Desc, 1000)
	a.metrics.Describe(described)
	close(described)
	for d := range described {
		m := regexp.MustCompile(`fqName: "(seagate_\w+)".*variableLabels: \{([^}]*)\}`).FindStringSubmatch(d.String())
		if m != nil {
			rows = append(rows, metricRow(m[1], m[2]))
		}
	}
	if len(rows) < 14 {
		t.Fatalf("found %d metrics only: %q", len(rows), rows)
	}
	return rows
}
