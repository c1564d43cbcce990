package main_test

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// basic is what HTTP Basic sends.
func basic(c credentials) string {
	return base64.StdEncoding.EncodeToString([]byte(c.id + ":" + c.secret))
}

// metrics are the series of /metrics with their values.
func (g *gateway) metrics() map[string]float64 {
	g.t.Helper()
	a, err := g.operator("/metrics")
	if err != nil {
		g.t.Fatal(err)
	}
	series := map[string]float64{}
	for line := range strings.Lines(a.body) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		if value, err := strconv.ParseFloat(text, 64); err == nil && name != "#" {
			series[name] = value
		}
	}
	return series
}

// metric is the value of one series.
func (g *gateway) metric(name string) float64 {
	g.t.Helper()
	value, there := g.metrics()[name]
	if !there {
		g.t.Fatalf("there is no series %s", name)
	}
	return value
}
