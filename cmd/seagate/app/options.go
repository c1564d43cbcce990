package app

import (
	"net/http"
	"time"

	"seagate/auth/fdsl"
	"seagate/cmd/seagate/config"
	"seagate/gateway"
	"seagate/gateway/httpapi"
	"seagate/gateway/ws"
	"seagate/groups"
	"seagate/internal/origin"
	"seagate/schema"
	"seagate/storage"
	"seagate/streams"
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
	s.SkipGaps = c.Streams.Gaps == config.SkipGaps
	s.DeadLetterSuffix = c.Groups.DeadLetterSuffix
	s.Schema.Fields = c.Limits.FieldsPerDefinition
	s.Schema.Streams = c.Limits.StreamsPerJail
	return s
}

func networkOptions(c *config.Config) streams.Options {
	return streams.Options{
		TailMessages:   c.Streams.TailMessages,
		TailBytes:      int(c.Streams.TailBytes),
		TopicsPerSpace: c.Limits.StreamsPerJail,
		RepeatWindow:   c.Streams.MessageIDWindow,
		Policy: streams.Policy{
			Durability: streams.Durability(c.Streams.Durability),
			Retention: storage.Retention{
				Age:      c.Retention.Age,
				Bytes:    int64(c.Retention.Bytes),
				Messages: uint64(c.Retention.Messages),
			},
		},
	}
}

func groupOptions(c *config.Config) groups.Options {
	o := groups.DefaultOptions()
	o.PerClient = c.Limits.GroupsPerClient
	o.Checkpoint = 250 * time.Millisecond // many groups share a sync; what a crash takes back is handed out again
	o.IdleTimeout = c.Groups.IdleTimeout
	o.AckTimeout = c.Groups.AckTimeout
	o.MaxDeliveries = c.Groups.MaxDeliveries
	return o
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

func socketOptions(c *config.Config, origins origin.Set) ws.Options {
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

func apiOptions(c *config.Config, origins origin.Set, sockets http.Handler, version string) httpapi.Options {
	o := httpapi.DefaultOptions()
	o.WebSocket = sockets
	o.BackupDir = c.DataDir
	o.Version = version
	o.MessageBytes = int(c.Limits.MessageBytes)
	o.DecompressedBytes = int(c.Limits.DecompressedBytes)
	o.BatchMessages = c.Limits.BatchMessages
	o.Origins = origins
	return o
}
