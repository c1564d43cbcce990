package app

import (
	"net/http"
	"runtime"

	"seagate/auth"
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
		Workers:           runtime.GOMAXPROCS(0),
		RetentionInterval: config.RetentionInterval,
		TailMessages:      c.Streams.TailMessages,
		TailBytes:         int(c.Streams.TailBytes),
		TopicsPerSpace:    c.Limits.StreamsPerJail,
		RepeatWindow:      c.Streams.MessageIDWindow,
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
	return groups.Options{
		Credit:          groups.Credit{Messages: config.GroupCreditMessages, Bytes: int(config.GroupCreditBytes)},
		PerClient:       c.Limits.GroupsPerClient,
		Window:          config.GroupWindow,
		AsideBytes:      int(config.GroupSetAsideBytes),
		Checkpoint:      config.GroupCheckpoint,
		IdleTimeout:     c.Groups.IdleTimeout,
		AckTimeout:      c.Groups.AckTimeout,
		MaxDeliveries:   c.Groups.MaxDeliveries,
		DeadLetterRetry: config.DeadLetterRetry,
	}
}

func schemaRules(s config.Streams) schema.Rules {
	return schema.Rules{
		MissingFields: schema.Policy(s.MissingFields),
		UnknownFields: schema.Policy(s.UnknownFields),
		LenientDates:  s.Dates == config.LenientDates,
	}
}

// Limits that are no settings.
const (
	maxJails       = 10_000
	maxFilterNodes = 512 // a filter's share of the CPU per message
)

func directoryOptions(l config.Limits) auth.Options {
	return auth.Options{
		MaxJails:          maxJails,
		MaxClientsPerJail: l.ClientsPerJail,
		AddressAttempts:   l.FailedAuthentications,
		ClientAttempts:    l.FailedAuthentications,
		FilterLimits:      fdsl.Limits{Bytes: int(l.FilterBytes), Depth: l.FilterDepth, Nodes: maxFilterNodes},
	}
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
