package app

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"seagate/auth"
	"seagate/auth/fdsl"
	"seagate/cmd/seagate/config"
	"seagate/gateway"
	"seagate/gateway/httpapi"
	"seagate/gateway/ws"
	"seagate/groups"
	"seagate/schema"
)

// What the configuration means to each part.

func gatewaySettings(c *config.Config) gateway.Settings {
	s := gateway.DefaultSettings()
	s.UngroupedShare = c.Streams.Ungrouped == config.ClientGroup
	s.AcceptUndefined = c.Streams.Undefined == config.Accept
	s.JSONDepth = c.Limits.JSONDepth
	s.HeaderBytes = int(c.Limits.HeaderBytes)
	s.SubscriptionsPerConnection = c.Limits.SubscriptionsPerConnection
	s.ConnectionsPerClient = c.Limits.ConnectionsPerClient
	s.PublishesPerSecond = c.Limits.PublishesPerSecond
	s.Schema.Fields = c.Limits.FieldsPerDefinition
	s.Schema.Streams = c.Limits.StreamsPerJail
	return s
}

func schemaRules(s config.Streams) schema.Rules {
	return schema.Rules{
		MissingFields: schema.Policy(s.MissingFields),
		UnknownFields: schema.Policy(s.UnknownFields),
		LenientDates:  s.Dates == config.LenientDates,
	}
}

func filterLimits(l config.Limits) fdsl.Limits {
	limits := fdsl.DefaultLimits()
	limits.Bytes = int(l.FilterBytes)
	limits.Depth = l.FilterDepth
	return limits
}

func socketOptions(c *config.Config, origins gateway.Origins) ws.Options {
	o := ws.DefaultOptions()
	o.Connections = c.Limits.Connections
	o.MessageBytes = int(c.Limits.MessageBytes)
	o.QueuedBytes = int(c.Limits.QueuedBytes)
	o.FramesPerSecond = c.Limits.FramesPerSecond
	o.PingInterval = c.WebSocket.PingInterval
	o.AuthenticationTimeout = c.WebSocket.AuthenticationTimeout
	o.StallTimeout = c.WebSocket.StallTimeout
	o.LiteralActions = c.WebSocket.LiteralActions
	o.Origins = origins
	return o
}

func apiOptions(c *config.Config, origins gateway.Origins, sockets http.Handler, version string) httpapi.Options {
	o := httpapi.DefaultOptions()
	o.WebSocket = sockets
	o.Version = version
	o.MessageBytes = int(c.Limits.MessageBytes)
	o.DecompressedBytes = int(c.Limits.DecompressedBytes)
	o.BatchMessages = c.Limits.BatchMessages
	o.Origins = origins
	return o
}

// registerMetrics adds what the parts count themselves.
func registerMetrics(r *prometheus.Registry, d *auth.Directory, g *groups.Registry) {
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "seagate", Name: "authentications_limited_total",
		Help: "Attempts refused because too many had failed."}, func() float64 { return float64(d.Stats().Limited) }))
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "seagate", Name: "groups", Help: "Groups that have members."},
		func() float64 { return float64(g.Len()) }))
}
