package app

import "github.com/prometheus/client_golang/prometheus"

// Metrics returns what the admin listener shows.
func (a *App) Metrics() prometheus.Gatherer { return a.metrics }
