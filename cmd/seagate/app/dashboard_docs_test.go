package app

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// Every panel of the dashboard is explained, and asks for metrics that exist with labels that they have.
func TestDashboard(t *testing.T) {
	const file = "../../../docs/dashboard.json"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			ID                       int
			Type, Title, Description string
			Targets                  []struct {
				Expr, LegendFormat string
				Datasource         struct{ UID string }
			}
		}
	}
	if err := json.Unmarshal(text, &dashboard, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatal(err)
	}
	known, labels := alertMetrics(t), labelsOfMetrics(t)
	ids, used := map[int]bool{}, map[string]bool{}
	for _, panel := range dashboard.Panels {
		if ids[panel.ID] {
			t.Errorf("%s has the id of another panel", panel.Title)
		}
		ids[panel.ID] = true
		if panel.Type == "row" {
			continue
		}
		if panel.Description == "" || len(panel.Targets) == 0 {
			t.Errorf("%s has no description, or shows nothing", panel.Title)
		}
		for _, target := range panel.Targets {
			names := metricName.FindAllString(quoted.ReplaceAllString(target.Expr, ""), -1)
			if len(names) == 0 || target.Datasource.UID != "${datasource}" {
				t.Errorf("%s: %s uses no metric, or a data source of its own", panel.Title, target.Expr)
			}
			wantNative(t, panel.Title, target.Expr)
			for _, name := range names {
				used[name] = true
				if !slices.Contains(known, name) {
					t.Errorf("%s uses %s, which does not exist", panel.Title, name)
				}
			}
			for _, m := range regexp.MustCompile(`\{\{(\w+)\}\}`).FindAllStringSubmatch(target.LegendFormat, -1) {
				if !slices.ContainsFunc(names, func(name string) bool { return slices.Contains(labels[base(name)], m[1]) }) {
					t.Errorf("%s names the label %s, which none of %q has", panel.Title, m[1], names)
				}
			}
		}
	}
	if len(used) < 30 {
		t.Errorf("the dashboard uses %d metrics only", len(used))
	}
}

// base returns the name of the histogram of a series.
func base(name string) string {
	for _, suffix := range []string{"_bucket", "_count", "_sum"} {
		name = strings.TrimSuffix(name, suffix)
	}
	return name
}

func labelsOfMetrics(t *testing.T) map[string][]string {
	labels := map[string][]string{}
	for _, row := range registeredMetrics(t) {
		name, list, _ := strings.Cut(strings.TrimSuffix(row, "}"), "{")
		labels[name] = strings.Split(list, ",")
	}
	return labels
}
