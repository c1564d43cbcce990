package gateway

import (
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
		span.End(failure,
			tracing.Attribute{Key: "messaging.system", Value: "seagate"},
			tracing.Attribute{Key: "messaging.operation.type", Value: "send"},
			tracing.Attribute{Key: "messaging.destination.name", Value: pub.Stream},
			tracing.Attribute{Key: "messaging.batch.message_count", Value: int64(len(pub.Payloads))},
			tracing.Attribute{Key: "messaging.client.id", Value: p.ClientID},
			tracing.Attribute{Key: "seagate.jail", Value: p.JailID},
			tracing.Attribute{Key: "seagate.seq", Value: int64(at.Seq)},
		)
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
		kind := "own"
		if s.Shared() {
			kind = "group"
		}
		m.Trace.Delivered("deliver "+s.stream, m.Time,
			tracing.Attribute{Key: "messaging.system", Value: "seagate"},
			tracing.Attribute{Key: "messaging.operation.type", Value: "process"},
			tracing.Attribute{Key: "messaging.destination.name", Value: s.stream},
			tracing.Attribute{Key: "messaging.client.id", Value: s.principal.ClientID},
			tracing.Attribute{Key: "seagate.subscription", Value: kind},
			tracing.Attribute{Key: "seagate.seq", Value: int64(m.Seq)},
		)
	}
}
