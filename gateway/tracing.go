package gateway

import (
	"cmp"

	"seagate/auth"
	"seagate/groups"
	"seagate/internal/tracing"
	"seagate/protocol"
	"seagate/streams"
)

// traced wraps done for a publish that is traced, so that it also ends the
// span.
func (g *Gateway) traced(span *tracing.Span, p *auth.Principal, pub Publication, done func(protocol.Published, error)) func(protocol.Published, error) {
	return func(at protocol.Published, err error) {
		failure := ""
		if refusal := g.Refusal(err); refusal != nil {
			failure, err = string(refusal.Code), refusal
		}
		attributes := append(messaging("send", "publish", pub.Stream, p),
			tracing.Attribute{Key: "messaging.batch.message_count", Value: int64(len(pub.Payloads))})
		if err == nil {
			attributes = append(attributes, tracing.Attribute{Key: "seagate.seq", Value: int64(at.Seq)})
		}
		span.End(failure, attributes...)
		done(at, err)
	}
}

// traceDeliveries adds a span for each message that a sink took and whose publish is traced: the
// first taken of the share, or of all if share is nil.
func (s *Subscription) traceDeliveries(b *streams.Batch, share []groups.Share, taken int) {
	for i := range taken {
		at := i
		if share != nil {
			at = share[i].Index
		}
		m := b.Messages[at]
		if m.Trace == nil {
			continue
		}
		attributes := append(messaging("process", "deliver", s.stream, s.principal),
			tracing.Attribute{Key: "seagate.seq", Value: int64(m.Seq)})
		if s.Shared() {
			attributes = append(attributes, tracing.Attribute{Key: "messaging.consumer.group.name", Value: cmp.Or(s.groupName().Group, protocol.Ungrouped)})
		}
		m.Trace.Delivered("deliver "+s.stream, m.Time, attributes...)
	}
}

// messaging returns what the spans of publishes and deliveries have in common, as OpenTelemetry names it.
func messaging(kind, operation, stream string, p *auth.Principal) []tracing.Attribute {
	return []tracing.Attribute{
		{Key: "messaging.system", Value: "seagate"},
		{Key: "messaging.operation.type", Value: kind},
		{Key: "messaging.operation.name", Value: operation},
		{Key: "messaging.destination.name", Value: stream},
		{Key: "messaging.client.id", Value: p.ClientID},
		{Key: "seagate.jail", Value: p.JailID},
	}
}
