package gateway

import (
	"seagate/auth"
	"seagate/protocol"
	"seagate/streams"
)

// A ProvideSink is a transport's end of a provision. Requested is called by one
// goroutine at a time, without locks. End may come from any goroutine, also while
// Requested is under way. Neither may block.
type ProvideSink interface {
	// Requested tells that Interest.Requested has changed: see streams.Provider.
	Requested(i streams.Interest)

	// End tells why the provision ends. Nothing follows.
	End(reason *protocol.Error)
}

// A Provision is one client's provision of a stream: while it is open, the stream
// is registered.
type Provision struct {
	gateway   *Gateway
	principal *auth.Principal
	stream    string
	sink      ProvideSink
	out       *streams.OutTopic
	release   func() // the place in the share of the jail
}

// provider is a Provision as its topic sees it.
type provider struct{ *Provision }

func (p provider) Requested(i streams.Interest) { p.sink.Requested(i) }

func (p provider) End(error) {
	p.sink.End(protocol.Errorf(protocol.CodeStreamDeleted, "the stream %s was deleted", p.stream))
}

// Provide provides a stream. sink is told of each change of the interest behind
// the one that Provide returns, but of none before Start. It counts as one
// message against the rate of the client, because all subscribers that asked
// for the state of the stream are told.
func (g *Gateway) Provide(p *auth.Principal, stream string, sink ProvideSink) (*Provision, streams.Interest, error) {
	if err := g.authorize(p, auth.Provide, stream); err != nil {
		return nil, streams.Interest{}, err
	}
	if err := checkWritable(stream); err != nil {
		return nil, streams.Interest{}, err
	}
	if err := g.spend(p, 1); err != nil {
		return nil, streams.Interest{}, err
	}
	topic, err := g.topic(p, stream)
	if err != nil {
		return nil, streams.Interest{}, err
	}
	made := &Provision{gateway: g, principal: p, stream: stream, sink: sink}
	if made.release, err = g.shares.provided.take(p, 1); err != nil {
		return nil, streams.Interest{}, err
	}
	var now streams.Interest
	err = change(p, func() (err error) {
		made.out, now, err = topic.Out(provider{made})
		return err
	})
	if err != nil {
		made.release()
		return nil, streams.Interest{}, attempted("provide the stream", err)
	}
	g.Metrics.Provided.Inc()
	return made, now, nil
}

// Start lets the sink be told of changes of the interest.
func (p *Provision) Start() { p.out.Start() }

// Interest returns who wants the stream at this moment.
func (p *Provision) Interest() streams.Interest { return p.out.Interest() }

// Pause says that the provider pauses, or goes on. Subscribers are told in order
// with what was published before. It counts as one message, as Provide does.
func (p *Provision) Pause(paused bool) error {
	if err := p.principal.InForce(); err != nil {
		return err
	}
	if err := p.gateway.spend(p.principal, 1); err != nil {
		return err
	}
	return change(p.principal, func() error {
		p.out.SetPaused(paused)
		return nil
	})
}

// Stream returns the name of the stream.
func (p *Provision) Stream() string { return p.stream }

// IsPaused reports whether the provider says that it pauses.
func (p *Provision) IsPaused() bool { return p.out.IsPaused() }

// Close withdraws the provision. It must be called once.
func (p *Provision) Close() {
	p.out.Close()
	p.release()
	p.gateway.Metrics.Provided.Dec()
}

// spend takes n messages from what a client may publish.
func (g *Gateway) spend(p *auth.Principal, n int) error {
	if g.rates.allow(rateKeyOf(p), n) {
		return nil
	}
	return protocol.Errorf(protocol.CodeRateLimited,
		"this client may publish %d messages a second; slow down", g.rates.perSecond.Load())
}
