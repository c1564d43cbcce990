package discovery

import (
	"context"
	"errors"
	"fmt"

	"seagate/streams/peer"
)

var (
	// ErrNoSuchName reports that nobody has the name.
	ErrNoSuchName = errors.New("discovery: nobody has this name")
	// ErrNotUnique reports that a service has several servers, or one that lets
	// others join, so its name stands for no address.
	ErrNotUnique = errors.New("discovery: the service has no sole server")
)

// pageSize is how many services Services asks for at a time.
const pageSize = 100

// Services describes all services of the link's space, in the byte order of
// their names.
func Services(ctx context.Context, l peer.Services) (all []peer.Service, err error) {
	for after, more := "", true; more; {
		var page []peer.Service
		if page, more, err = l.List(ctx, after, pageSize); err != nil {
			return nil, err
		}
		if len(page) == 0 {
			break
		}
		all = append(all, page...)
		after = page[len(page)-1].Name
	}
	return all, nil
}

// Await waits until a service has a server, or a name has an owner. It returns
// an error if ctx or the link ends first.
func Await(ctx context.Context, l peer.Services, service string) error {
	there := make(chan struct{}, 1)
	// Watch looks after it has subscribed, so no server is missed.
	defer l.Watch(service, func(servers int) {
		if servers > 0 {
			select {
			case there <- struct{}{}:
			default:
			}
		}
	})()
	select {
	case <-there:
		return nil
	case <-l.Done():
		return peer.ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("await %s: %w", service, ctx.Err())
	}
}

// A Name is a registered name.
type Name struct{ registration peer.Registration }

// procedureName is what a name offers instead of procedures.
const procedureName = "name"

// Register registers a name for the link's address, until Name.Remove or the end
// of the link. It returns peer.ErrServiceTaken if somebody has it.
func Register(ctx context.Context, l peer.Calls, name string) (*Name, error) {
	r, err := l.Serve(ctx, peer.Offer{Service: name, Procedures: []string{procedureName}, Sole: true}, owner{})
	if err != nil {
		return nil, err
	}
	return &Name{r}, nil
}

// Remove gives the name up. It is safe to call twice.
func (n *Name) Remove() { n.registration.Withdraw(0) }

// An owner is the server of a name, which takes nothing.
type owner struct{}

func (owner) Call(*peer.Call) bool            { return false }
func (owner) Signal(*peer.Message) bool       { return false }
func (owner) GivenUp(*peer.Call, peer.Reason) {}

// Resolve returns the address of whoever has a name at the moment. It returns
// ErrNoSuchName, or ErrNotUnique.
func Resolve(ctx context.Context, l peer.Services, name string) (peer.Address, error) {
	s, err := l.Service(ctx, name)
	switch {
	case errors.Is(err, peer.ErrNoSuchService):
		return "", fmt.Errorf("%w: %s", ErrNoSuchName, name)
	case err != nil:
		return "", err
	case len(s.Servers) != 1 || !s.Servers[0].Sole:
		return "", fmt.Errorf("%w: %s", ErrNotUnique, name)
	}
	return s.Servers[0].Address, nil
}

// AwaitName waits until somebody has a name and returns the address.
func AwaitName(ctx context.Context, l peer.Services, name string) (peer.Address, error) {
	for {
		if err := Await(ctx, l, name); err != nil {
			return "", err
		}
		a, err := Resolve(ctx, l, name)
		if !errors.Is(err, ErrNoSuchName) { // it may be gone again
			return a, err
		}
	}
}

// Watch calls changed with the address of whoever has a name, "" for nobody: at
// once and after each change of the owner. Changes that follow each other quickly
// may be left out, but not the last one. changed must not block, and no call
// begins after stop has returned.
func Watch(l peer.Services, name string, changed func(peer.Address)) (stop func()) {
	return l.Watch(name, func(int) {
		a, err := Resolve(context.Background(), l, name)
		if err != nil {
			a = ""
		}
		changed(a)
	})
}
