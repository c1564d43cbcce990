package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/protocol"
	"seagate/streams"
	"seagate/streams/peer"
)

// A network is a connection as a peer.Link, which peer.Client and the packages fetch, signal,
// broadcast and discovery need.
type network struct {
	*Conn
	calls   link
	address peer.Address
}

// Link connects as Dial does, and returns the connection as a link to the streams and services
// of the gateway, on which the same programs run as on a link inside the gateway's process. The
// caller must close it, but not in a call that the link makes.
//
// The link ends with its connection. What it had open is gone then; it does not connect again.
// Consumers, members, providers and watchers are called by goroutines of their own, and servers
// by the reader of the connection. A signal has reached a server once the connection of that
// server has taken it. Messages that a consumer does not take wait here, up to
// Options.QueueBytes; beyond that they stay in the stream, and a gap is told if it does not keep
// them.
//
// A refusal is an *Error with its code. It is also the error of package peer or streams that a
// link without a gateway returns in that case, for errors.Is. With the setting
// streams.ungrouped = "client-group" of the gateway, the in topics of one client share messages.
func (c *Client) Link(ctx context.Context) (peer.Link, error) {
	conn, err := c.Dial(ctx)
	if err != nil {
		return nil, err
	}
	r := newCall(func(dst []byte) []byte { return append(appendMember(dst, "action", protocol.ActionAddress), '}') })
	if _, err := conn.roundTrip(ctx, r); err != nil {
		conn.Close()
		return nil, fmt.Errorf("client: join the network: %w", err)
	}
	return &network{conn, link{conn, true}, peer.Address(r.address)}, nil
}

// Address implements peer.Link.
func (n *network) Address() peer.Address { return n.address }

// orNull returns the body of a call or an answer, which is JSON.
func orNull(body []byte) []byte {
	if len(body) == 0 {
		return []byte("null")
	}
	return body
}

// isJSON reports whether the body is JSON to a gateway. A gateway ends a connection that
// sends anything else.
func isJSON(body []byte) bool { return jsontext.Value(body).IsValid() }

var errNotJSON = &linkError{error: &Error{Code: protocol.CodeMalformedJSON, Message: "the body is not JSON"}}

// Serve implements peer.Link.
func (n *network) Serve(ctx context.Context, o peer.Offer, to peer.Server) (peer.Registration, error) {
	o.Credit = cmp.Or(o.Credit, peer.DefaultCredit)
	r, err := n.calls.Serve(ctx, o, to)
	return r, n.refused(err)
}

// Fetch implements peer.Link.
func (n *network) Fetch(ctx context.Context, r peer.Request, to peer.Replies) (peer.Pending, error) {
	r.Body, r.Timeout = orNull(r.Body), cmp.Or(r.Timeout, peer.DefaultTimeout)
	switch {
	case r.Timeout < 0 || r.Timeout > peer.MaxTimeout:
		return nil, peer.ErrTimeoutRange
	case !isJSON(r.Body):
		return nil, errNotJSON
	}
	p, err := n.calls.Fetch(ctx, r, replies{to})
	return p, n.refused(err)
}

// replies gives a caller the errors that a peer.Link has.
type replies struct{ peer.Replies }

// Done implements peer.Replies. Conn.mu may be held.
func (r replies) Done(result []byte, err error) {
	e, refused := errors.AsType[*Error](err)
	switch {
	case err == nil:
	case !refused || e.Close != 0:
		err = &linkError{err, true}
	case isGateways(e.Code):
		err = &linkError{err, false}
	default:
		err = &peer.ServerError{Code: string(e.Code), Message: e.Message, Details: e.Details}
	}
	r.Replies.Done(result, err)
}

// isGateways reports whether the gateway itself ends calls with the code.
func isGateways(code protocol.Code) bool {
	switch code {
	case protocol.CodeServerGone, protocol.CodeCallTimeout, protocol.CodeServerError, protocol.CodeCallCancelled, protocol.CodeServerBusy:
		return true
	}
	return false
}

// Signal implements peer.Link.
func (n *network) Signal(ctx context.Context, s peer.Signal) (reached int, err error) {
	if s.Body = orNull(s.Body); !isJSON(s.Body) {
		return 0, errNotJSON
	}
	reached, err = n.calls.Signal(ctx, s)
	return reached, n.refused(err)
}

// refused returns an error as a peer.Link has it.
func (n *network) refused(err error) error {
	if err == nil {
		return nil
	}
	if _, own := errors.AsType[*peer.ServerError](err); own {
		return err
	}
	return &linkError{err, n.Err() != nil}
}

// A linkError is an error of a link: that of the connection, and that of the network.
type linkError struct {
	error
	ended bool // the connection had ended
}

// Unwrap returns the error of the connection.
func (e *linkError) Unwrap() error { return e.error }

// Is reports whether the network's error is the target.
func (e *linkError) Is(target error) bool {
	return slices.Contains(networkErrors[CodeOf(e.error)], target) || e.ended && target == peer.ErrClosed
}

// networkErrors are the errors that stand for a code in the network.
var networkErrors = map[protocol.Code][]error{
	protocol.CodeNoSuchService:   {peer.ErrNoSuchService},
	protocol.CodeNoSuchProcedure: {peer.ErrNoSuchProcedure},
	protocol.CodeServerBusy:      {peer.ErrBusy},
	protocol.CodeTooManyCalls:    {peer.ErrTooManyCalls},
	protocol.CodeTooManyServices: {peer.ErrTooManyServices},
	protocol.CodeServiceTaken:    {peer.ErrServiceTaken},
	protocol.CodeServerGone:      {peer.ErrServerGone},
	protocol.CodeCallTimeout:     {peer.ErrTimeout},
	protocol.CodeServerError:     {peer.ErrBadAnswer},
	protocol.CodeCallCancelled:   {peer.ErrFull},
	protocol.CodeCallNotFound:    {peer.ErrCallOver},
	protocol.CodeMessageTooLarge: {peer.ErrTooLarge},
	protocol.CodeStreamPaused:    {streams.ErrHeld},
	protocol.CodeStreamNotFound:  {streams.ErrDeleted},
	protocol.CodeStreamDeleted:   {streams.ErrDeleted},
	protocol.CodePositionLost:    {streams.ErrPosition},
	protocol.CodeTooManyStreams:  {streams.ErrTooManyTopics},
}

// whileOpen runs f in a goroutine that Close waits for. It returns false if the connection has
// ended.
func (c *Conn) whileOpen(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return false
	}
	c.work.Go(f)
	return true
}

// A watching is a watch on the connection. One goroutine calls changed, while there is
// something to tell.
type watching struct {
	conn    *Conn
	id      int64 // owned by the connection's writer
	changed func(servers int)

	mu      sync.Mutex // guards what follows
	servers int
	news    bool // changed was not called with servers yet
	running bool
	ended   bool
}

// Watch implements peer.Link. It waits until the request is sent.
//
//	{"id":7,"action":"watch","payload":"pricing"}
func (n *network) Watch(service string, changed func(servers int)) (stop func()) {
	w := &watching{conn: n.Conn, changed: changed}
	r := newCall(func(dst []byte) []byte {
		return append(appendMember(appendMember(dst, "action", protocol.ActionWatch), "payload", service), '}')
	})
	r.watch = w
	if n.start(context.Background(), r) != nil { // the link has ended
		return func() {}
	}
	return func() {
		if w.end() {
			n.startLater(unsubscribing(&w.id))
		}
	}
}

// told takes what the gateway says.
func (w *watching) told(servers int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.servers, w.news = servers, true
	if !w.running && !w.ended {
		w.running = w.conn.whileOpen(w.run)
	}
}

func (w *watching) run() {
	for {
		over := w.conn.Err() != nil
		w.mu.Lock()
		servers := w.servers
		if !w.news || w.ended || over {
			w.running = false
			w.mu.Unlock()
			return
		}
		w.news = false
		w.mu.Unlock()
		w.changed(servers)
	}
}

// end makes the watch tell nothing more. It returns false if it had ended.
func (w *watching) end() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	was := w.ended
	w.ended = true
	return !was
}

// Service implements peer.Link, over HTTP.
func (n *network) Service(ctx context.Context, name string) (peer.Service, error) {
	var info ServiceInfo
	r := request{doing: fmt.Sprintf("look at the service %q", name), method: http.MethodGet, path: []string{"services", name}}
	err := n.lookUp(ctx, name, r, &info)
	if err == nil && len(info.Servers) == 0 { // it is only defined
		err = &Error{Code: protocol.CodeNoSuchService, Message: fmt.Sprintf("no server of the service %q is connected", name)}
	}
	if err != nil {
		return peer.Service{}, n.refused(err)
	}
	return serviceOf(info), nil
}

// lookUp makes a call about a service, if its name is one.
func (n *network) lookUp(ctx context.Context, name string, r request, answer any) error {
	if n.Err() != nil {
		return n.Err()
	}
	if err := protocol.CheckServedName(name); err != nil {
		return named(err)
	}
	return n.client.do(ctx, r, answer)
}

// List implements peer.Link, over HTTP. It reads the list from its beginning, and leaves out
// services that are only defined.
func (n *network) List(ctx context.Context, after string, limit int) (all []peer.Service, more bool, err error) {
	if n.Err() != nil {
		return nil, false, n.refused(n.Err())
	}
	for info, err := range n.client.Services(ctx) {
		switch {
		case err != nil:
			return nil, false, n.refused(err)
		case info.Name <= after || len(info.Servers) == 0:
		case len(all) == limit:
			return all, true, nil
		default:
			all = append(all, serviceOf(info))
		}
	}
	return all, false, nil
}

func serviceOf(info ServiceInfo) peer.Service {
	s := peer.Service{Name: info.Name, Procedures: info.Procedures}
	for _, one := range info.Servers {
		s.Servers = append(s.Servers, peer.ServerInfo{
			ClientID:   one.ClientID,
			Address:    peer.Address(one.Address),
			Procedures: one.Procedures,
			Sole:       one.Sole,
			Since:      one.Since,
			Stats: peer.Stats{
				Calls:     one.Calls,
				Failed:    one.Failed,
				UnderWay:  one.UnderWay,
				Median:    seconds(one.MedianSeconds),
				Longest:   seconds(one.LongestSeconds),
				LastError: string(one.LastError),
			},
		})
	}
	return s
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
