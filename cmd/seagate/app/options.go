package app

import (
	"cmp"
	"net/http"
	"time"

	"seagate/auth"
	"seagate/auth/fdsl"
	"seagate/auth/jwks"
	"seagate/cmd/seagate/config"
	"seagate/gateway"
	"seagate/gateway/httpapi"
	"seagate/gateway/lines"
	"seagate/gateway/ws"
	"seagate/groups"
	"seagate/internal/forwarded"
	"seagate/internal/origin"
	"seagate/internal/processors"
	"seagate/internal/quota"
	"seagate/schema"
	"seagate/storage"
	"seagate/streams"
)

// This file turns the configuration into the options of each part.

func gatewaySettings(c *config.Config) gateway.Settings {
	definitions := schema.DefaultLimits()
	definitions.Fields = c.Limits.FieldsPerDefinition
	return gateway.Settings{
		UngroupedShare:             c.Streams.Ungrouped == config.ClientGroup,
		AcceptUndefined:            c.Streams.Undefined == config.AcceptUndefined,
		AwaitUndefined:             c.Streams.Undefined == config.AwaitUndefined,
		WaitingPerClient:           c.Limits.WaitingSubscriptions,
		WaitingPerJail:             c.Limits.WaitingPerJail,
		QueuedBytesPerJail:         int(c.Limits.QueuedBytesPerJail),
		QueuedBytesInAll:           int(c.Limits.QueuedBytesInAll),
		JSONDepth:                  c.Limits.JSONDepth,
		HeaderBytes:                int(c.Limits.HeaderBytes),
		SubscriptionsPerConnection: c.Limits.SubscriptionsPerConnection,
		StreamsPerMerge:            c.Limits.StreamsPerMerge,
		ProvidedPerConnection:      c.Limits.ProvidedPerConnection,
		ConnectionsPerClient:       c.Limits.ConnectionsPerClient,
		RefusalLines:               config.RefusalLines,
		StrangerBytes:              int(c.Limits.StrangerBytes),
		UnfinishedBytes:            int(c.Limits.UnfinishedBytes),
		PublishesPerSecond:         c.Limits.PublishesPerSecond,
		SkipGaps:                   c.Streams.Gaps == config.SkipGaps,
		DeadLetterSuffix:           c.Groups.DeadLetterSuffix,
		FilterSteps:                c.Limits.FilterSteps,
		ConnectionsPerJail:         c.Limits.ConnectionsPerJail,
		SubscriptionsPerJail:       c.Limits.SubscriptionsPerJail,
		MergedStreamsPerJail:       c.Limits.MergedStreamsPerJail,
		ProvidedPerJail:            c.Limits.ProvidedPerJail,
		ReadsPerSecond:             c.Limits.ReadsPerSecond,
		ChangesPerSecond:           c.Limits.ChangesPerSecond,
		ValidationSteps:            c.Limits.ValidationSteps,
		CompiledFieldsPerSecond:    config.CompiledFieldsPerSecond,
		Schema:                     definitions,
		Audit: gateway.AuditPolicy{
			Enabled:   !c.Audit.Disabled,
			Age:       c.Audit.RetentionAge,
			Bytes:     int64(c.Audit.RetentionBytes),
			PerMinute: c.Audit.EntriesPerMinute,
		},
		Services: gateway.ServiceLimits{
			ServicesPerJail:      c.Limits.ServicesPerJail,
			ServersPerService:    c.Limits.ServersPerService,
			ProceduresPerService: c.Limits.ProceduresPerService,
			CallsPerConnection:   c.Limits.CallsPerConnection,
			CallsPerClient:       c.Limits.CallsPerClient,
			BytesPerClient:       int(c.Limits.CallBytesPerClient),
			CallsPerJail:         c.Limits.CallsPerJail,
			BytesPerJail:         int(c.Limits.CallBytesPerJail),
			BodyBytes:            int(cmp.Or(c.Limits.CallBytes, c.Limits.MessageBytes)),
			QueuedBytes:          int(c.Limits.CallQueuedBytes),
		},
		Jobs: gateway.JobPolicy{
			Streams:     c.Lines.JobStreams,
			Bytes:       int64(c.Lines.JobStreamBytes),
			IdleTimeout: c.Lines.JobIdleTimeout,
		},
	}
}

// quotaDefaults are those of a jail for which nothing is set.
func quotaDefaults(c *config.Config) (l quota.Limits) {
	l[quota.Disk] = int64(c.Quotas.Disk)
	l[quota.Memory] = int64(c.Quotas.Memory)
	l[quota.Definitions] = int64(c.Quotas.Definitions)
	l[quota.Records] = int64(c.Quotas.Records)
	l[quota.Streams] = int64(c.Limits.StreamsPerJail)
	l[quota.Clients] = int64(c.Limits.ClientsPerJail)
	l[quota.Groups] = int64(c.Quotas.Groups)
	l[quota.MessageIDs] = int64(c.Quotas.MessageIDs)
	l[quota.RetentionAge] = int64(c.Quotas.MaxRetentionAge / time.Second)
	l[quota.RetentionBytes] = int64(c.Quotas.MaxRetentionBytes)
	l[quota.MessageBytes] = int64(c.Quotas.MaxMessageBytes)
	return l
}

func networkOptions(c *config.Config) streams.Options {
	return streams.Options{
		Workers:           processors.Count,
		RetentionInterval: config.RetentionInterval,
		TailMessages:      c.Streams.TailMessages,
		TailBytes:         int(c.Streams.TailBytes),
		MemoryBytes:       int64(c.Retention.MemoryBytes),
		RefuseMemory:      c.Streams.InMemory == config.Refuse,
		TopicsPerSpace:    c.Limits.StreamsPerJail + 1, // the audit stream, which is not counted
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
		Credit: groups.Credit{Messages: config.GroupCreditMessages, Bytes: int(config.GroupCreditBytes)},
		TagCredit: groups.TagCredit{
			First:  config.GroupFirstWindow,
			Most:   c.Groups.PongWindow,
			Target: min(config.GroupPongTarget, c.WebSocket.PingInterval/10),
		},
		PerClient:        c.Limits.GroupsPerClient,
		Window:           config.GroupWindow,
		SetAsideBytes:    int(config.GroupSetAsideBytes),
		Checkpoint:       config.GroupCheckpoint,
		IdleTimeout:      c.Groups.IdleTimeout,
		AbandonedTimeout: c.Groups.AbandonedTimeout,
		AckTimeout:       c.Groups.AckTimeout,
		MaxDeliveries:    c.Groups.MaxDeliveries,
		DeadLetterRetry:  config.DeadLetterRetry,
	}
}

func schemaRules(s config.Streams) schema.Rules {
	return schema.Rules{
		MissingFields: schema.Policy(s.MissingFields),
		UnknownFields: schema.Policy(s.UnknownFields),
		LenientDates:  s.Dates == config.LenientDates,
	}
}

func directoryOptions(c *config.Config, quotas *quota.Book) auth.Options {
	l := c.Limits
	return auth.Options{
		MaxJails:          config.MaxJails,
		MaxClientsPerJail: l.ClientsPerJail,
		AddressAttempts:   l.FailedAuthentications,
		ClientAttempts:    l.FailedAuthentications,
		RefusalTime:       config.RefusalTime,
		FilterLimits:      fdsl.Limits{Bytes: int(l.FilterBytes), Depth: l.FilterDepth, Nodes: config.FilterNodes},
		MaxRevokedTokens:  l.RevokedTokensPerClient,
		Quotas:            quotas,
		Tokens: auth.TokenRules{
			Audience:    c.Tokens.Audience,
			MaxLifetime: int64((c.Tokens.MaxLifetime + time.Second - 1) / time.Second),
		},
	}
}

// jwksOptions returns what of JWK sets may be fetched.
func jwksOptions(c *config.Config) (o jwks.Options, err error) {
	if o.Hosts, err = origin.Parse(c.JWKS.Hosts); err != nil {
		return o, err
	}
	networks, err := forwarded.Parse(c.JWKS.PrivateNetworks)
	o.PrivateNetworks, o.Dir = networks, c.JWKS.Dir
	o.Interval, o.Cooldown, o.Timeout = c.JWKS.Interval, min(config.JWKSCooldown, c.JWKS.Interval), config.JWKSTimeout
	return o, err
}

func socketOptions(c *config.Config, origins origin.Set) ws.Options {
	return ws.Options{
		Connections:           c.Limits.Connections,
		MessageBytes:          int(c.Limits.MessageBytes),
		QueuedBytes:           int(c.Limits.QueuedBytes),
		FramesPerSecond:       c.Limits.FramesPerSecond,
		PublishesInFlight:     config.PublishesInFlight,
		PingInterval:          c.WebSocket.PingInterval,
		AuthenticationTimeout: c.WebSocket.AuthenticationTimeout,
		MessageTimeout:        config.BodyTimeout,
		StallTimeout:          c.WebSocket.StallTimeout,
		LingerTimeout:         config.LingerTimeout,
		ShutdownLinger:        config.ShutdownLinger,
		LiteralActions:        c.WebSocket.LiteralActions,
		Origins:               origins,
	}
}

// lineOptions are without TLS, which is a matter of the listener.
func lineOptions(c *config.Config) lines.Options {
	return lines.Options{
		Connections:           c.Lines.Connections,
		ConnectionsPerJail:    c.Lines.PerJail,
		LineBytes:             int(c.Limits.MessageBytes),
		LineTimeout:           config.BodyTimeout,
		QueuedBytes:           int(c.Limits.QueuedBytes),
		PublishesInFlight:     config.PublishesInFlight,
		AuthenticationTimeout: c.WebSocket.AuthenticationTimeout,
		StallTimeout:          c.WebSocket.StallTimeout,
		LingerTimeout:         config.LingerTimeout,
		SweepInterval:         config.JobSweep,
		ClientID:              c.Lines.ClientID,
		JailID:                c.Lines.JailID,
	}
}

func apiOptions(c *config.Config, origins origin.Set, sockets http.Handler, version string) httpapi.Options {
	return httpapi.Options{
		WebSocket:         sockets,
		Origins:           origins,
		MessageBytes:      int(c.Limits.MessageBytes),
		DecompressedBytes: int(c.Limits.DecompressedBytes),
		BatchMessages:     c.Limits.BatchMessages,
		BodyTimeout:       config.BodyTimeout,
		BackupDir:         c.DataDir,
		BackupStall:       config.BackupStall,
		Version:           version,
	}
}
