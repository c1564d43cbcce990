package gateway

import (
	"cmp"
	"math"
	"sync"

	"seagate/auth"
	"seagate/internal/budget"
	"seagate/protocol"
)

// shares bounds what all clients of a jail hold together, over all connections. Each
// connection has bounds of its own besides. What is held takes memory until it is given
// back.
type shares struct {
	subscriptions share // with watches
	merged        share // streams of merged subscriptions, each of which may have a queue
	provided      share
	waiting       share          // subscriptions that wait for a definition
	queues        *budget.Shared // bytes queued for connections, by the uid of the jail
}

func newShares(s *Settings) shares {
	of := func(most int, code protocol.Code, what, setting string) share {
		return share{
			held: budget.New[string](int64(cmp.Or(most, math.MaxInt)), math.MaxInt64),
			refusal: protocol.Errorf(code, "the clients of this jail have %s, as many as they may have (%s); "+
				"end some, or ask the operator to raise it", what, setting),
		}
	}
	return shares{
		subscriptions: of(s.SubscriptionsPerJail, protocol.CodeTooManySubscriptions, "subscriptions and watches", "limits.subscriptions_per_jail"),
		merged:        of(s.MergedStreamsPerJail, protocol.CodeTooManySubscriptions, "merged subscriptions to streams", "limits.merged_streams_per_jail"),
		provided:      of(s.ProvidedPerJail, protocol.CodeTooManyProvided, "provided streams", "limits.provided_per_jail"),
		waiting:       of(s.WaitingPerJail, protocol.CodeTooManySubscriptions, "subscriptions that wait for a definition", "limits.waiting_per_jail"),
		queues:        budget.NewShared(int64(cmp.Or(s.QueuedBytesPerJail, math.MaxInt)), int64(cmp.Or(s.QueuedBytesInAll, math.MaxInt))),
	}
}

// QueueShare returns what the connections of the principal's jail may have queued together.
func (g *Gateway) QueueShare(p *auth.Principal) *budget.Part { return g.shares.queues.Part(p.JailUID) }

// A share is how many of something each jail may have.
type share struct {
	held    *budget.Budget[string] // by the uid of the jail
	refusal *protocol.Error
}

// take takes n for the principal's jail, until giveBack, which may be called more than once.
func (s *share) take(p *auth.Principal, n int) (giveBack func(), err error) {
	jail := p.JailUID
	if !s.held.Take(jail, n) {
		return nil, s.refusal
	}
	return sync.OnceFunc(func() { s.held.Give(jail, n) }), nil
}
