package gateway

import (
	"cmp"
	"math"
	"sync"

	"seagate/auth"
	"seagate/internal/budget"
	"seagate/protocol"
)

// shares bounds what all clients of a jail hold together, over all connections, of what each
// connection may hold. What they hold takes memory for as long as they hold it.
type shares struct {
	subscriptions share // with watches
	merged        share // streams of merged subscriptions, each of which may have a queue
	provided      share
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
	}
}

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
