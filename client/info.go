package client

import "seagate/protocol"

// What the gateway shows, in the form of its JSON.
type (
	// StreamInfo is the state of a stream apart from its messages.
	StreamInfo = protocol.StreamInfo
	// GroupInfo is the state of a group at one moment.
	GroupInfo = protocol.GroupInfo
	// GroupMove is the result of moving a group, or of planning it.
	GroupMove = protocol.GroupMove
	// ClientInfo is what the gateway shows of a client.
	ClientInfo = protocol.ClientInfo
	// Rights are what a client may do; a nil *Rights is everything.
	Rights = protocol.Rights
	// JailInfo is what the gateway shows of a jail.
	JailInfo = protocol.JailInfo

	// Quotas are what a jail uses and may use.
	Quotas = protocol.Quotas
	// ServiceInfo describes a service with its servers.
	ServiceInfo = protocol.ServiceInfo
	// ServerInfo describes a server of a service, with its counts.
	ServerInfo = protocol.ServerInfo
	// Plan is what a definition would change.
	Plan = protocol.DefinitionPlan
	// StreamSettings is how a stream keeps its messages.
	StreamSettings = protocol.StreamSettings
	// Retention is how much a stream keeps.
	Retention = protocol.Retention
	// AppliedSettings is what is set for a stream, and what applies to it.
	AppliedSettings = protocol.AppliedSettings
)

// What a message survives once it is accepted.
const (
	DurabilityDisk   = protocol.DurabilityDisk   // the death of the gateway and of its machine
	DurabilityMemory = protocol.DurabilityMemory // nothing
)
