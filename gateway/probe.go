package gateway

import (
	"context"
	"errors"
	"fmt"

	"seagate/internal/panics"
	"seagate/storage"
	"seagate/streams"
)

// probeTopic is in a space that no jail has, since no jail's uid is empty.
var probeTopic = streams.ID{Name: "probe"}

// Probe publishes a message to a topic of its own and waits until it is
// delivered. If that fails, publishing fails for clients too.
func (g *Gateway) Probe(ctx context.Context) error {
	topic, err := g.Catalog.Network.Topic(probeTopic)
	if err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	arrived := make(probe, 1)
	in, _, err := topic.In(ctx, arrived, g.shards.Add(1), streams.Latest())
	if err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	defer in.Close()
	in.Start()
	if err := send(ctx, topic); errors.Is(err, storage.ErrNoSpace) {
		return nil // readers are still served, and taking the gateway out of service would not help them
	} else if err != nil {
		return fmt.Errorf("probe: publish: %w", err)
	}
	select {
	case <-arrived:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("probe: the message was accepted and not delivered: %w", ctx.Err())
	}
}

var errProbe = errors.New("internal error")

func send(ctx context.Context, topic *streams.Topic) error {
	sent := make(chan error, 2) // two: the callback may still panic after it has answered
	go func() {
		defer panics.Contain("probe", func() { sent <- errProbe })
		topic.Send([][]byte{[]byte("{}")}, func(_ streams.Sent, err error) { sent <- err })
	}()
	select {
	case err := <-sent:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// probe receives a signal when a message came.
type probe chan struct{}

func (p probe) Deliver(b *streams.Batch) int {
	select {
	case p <- struct{}{}:
	default:
	}
	return len(b.Messages)
}

func (probe) State(streams.State) bool { return true }
func (probe) Gap(_, _ uint64)          {}
func (probe) Resumed() bool            { return true }
func (probe) End(error)                {}
