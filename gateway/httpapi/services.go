package httpapi

import (
	"bytes"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/gateway"
	"seagate/protocol"
	"seagate/schema"
	"seagate/streams/peer"
)

func (q *request) service() string   { return q.r.PathValue("service") }
func (q *request) procedure() string { return q.r.PathValue("procedure") }

func serviceView(s gateway.ServiceView) protocol.ServiceInfo {
	info := protocol.ServiceInfo{Name: s.Name, Procedures: s.Procedures, Servers: make([]protocol.ServerInfo, len(s.Servers))}
	for i, one := range s.Servers {
		info.Servers[i] = protocol.ServerInfo{
			ClientID:       one.ClientID,
			Address:        string(one.Address),
			Procedures:     one.Procedures,
			Sole:           one.Sole,
			Since:          one.Since.UTC(),
			Calls:          one.Calls,
			Failed:         one.Failed,
			UnderWay:       one.UnderWay,
			MedianSeconds:  one.Median.Seconds(),
			LongestSeconds: one.Longest.Seconds(),
			LastError:      protocol.Nullable(one.LastError),
		}
	}
	if current := s.History.Current(); current != nil {
		info.Version = current.Definition.Version.AppendJSON(nil)
	}
	return info
}

// listServices is GET /services?after=&limit=.
func (q *request) listServices() (any, error) {
	page, next, err := readPage(q, q.gateway.ListServices, func(s gateway.ServiceView) (protocol.ServiceInfo, string) {
		return serviceView(s), s.Name
	})
	return struct {
		Services []protocol.ServiceInfo `json:"services"`
		Next     protocol.Nullable      `json:"next"`
	}{page, next}, err
}

// getService is GET /services/{service}.
func (q *request) getService() (any, error) {
	s, err := q.gateway.Service(q.principal, q.service())
	if err != nil {
		return nil, err
	}
	info := serviceView(s)
	for _, def := range s.History.Versions() {
		info.Versions = append(info.Versions, def.Version.AppendJSON(nil))
	}
	if current := s.History.Current(); current != nil {
		info.Definition = schema.AppendService(nil, current.Definition)
	}
	return info, nil
}

// defineService is PUT /services/{service}, with ?dryRun=true as define.
func (q *request) defineService() (any, error) {
	definition, dryRun, err := q.definition()
	if err != nil {
		return nil, err
	}
	if dryRun {
		outcome, err := q.gateway.PlanDefineService(q.r.Context(), q.principal, q.service(), definition)
		return planView(outcome, schema.AppendService), err
	}
	outcome, err := q.gateway.DefineService(q.r.Context(), q.principal, q.service(), definition)
	if err != nil {
		return nil, err
	}
	return schema.AppendService(nil, outcome.Definition), nil
}

// deleteServiceDefinition is DELETE /services/{service}.
func (q *request) deleteServiceDefinition() (any, error) {
	return struct {
		Name string `json:"name"`
	}{q.service()}, q.gateway.DeleteServiceDefinition(q.r.Context(), q.principal, q.service())
}

// getServiceVersion is GET /services/{service}/schemas/{version}.
func (q *request) getServiceVersion() (any, error) {
	version := q.r.PathValue("version")
	if version == currentVersion {
		version = ""
	}
	def, err := q.gateway.ServiceVersion(q.principal, q.service(), version)
	if err != nil {
		return nil, err
	}
	return schema.AppendService(nil, def), nil
}

// call is POST /services/{service}/{procedure}: {"payload":...,"timeout":5}.
// Both members are optional.
func (q *request) call() (any, error) {
	r, err := q.callRequest()
	if err != nil {
		return nil, err
	}
	ctx, stop, err := q.attend()
	if err != nil {
		return nil, err
	}
	defer stop()
	// The server's write timeout is for answers that need no waiting.
	_ = http.NewResponseController(q.w).SetWriteDeadline(time.Now().Add(r.Timeout + writeGrace))
	services := q.gateway.JoinServices(q.principal)
	defer services.Close() // a client that is gone gives its call up
	c := &caller{gateway: q.gateway, services: services, room: q.gateway.Settings().Services.QueuedBytes, done: make(chan struct{})}
	q.written = c.release
	if _, err := services.Fetch(r, c); err != nil {
		return nil, err
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		if err := q.principal.InForce(); err != nil {
			return nil, err
		}
		return nil, protocol.Errorf(protocol.CodeCallCancelled, "the request ended before its call")
	}
	if c.err != nil {
		return nil, q.gateway.CallFailed(r.Service, c.err)
	}
	return c.outcome(), nil
}

// writeGrace is how long the answer to a call may take to be written.
const writeGrace = 30 * time.Second

func (q *request) callRequest() (peer.Request, error) {
	r := peer.Request{Service: q.service(), Procedure: q.procedure(), Timeout: peer.DefaultTimeout, Body: []byte("null")}
	body, err := q.body()
	if err != nil {
		return r, err
	}
	f, err := readForm(body, q.bodyDepth())
	if err != nil {
		return r, err
	}
	f.only("payload", "timeout")
	r.Timeout = f.timeout("timeout", r.Timeout)
	if err := f.err(); err != nil {
		return r, err
	}
	if _, given := f.members["payload"]; given {
		e, err := q.envelope(body)
		if err != nil {
			return r, err
		}
		r.Body = bytes.Clone(e.payload)
	}
	return r, nil
}

// timeout returns the member, a number of seconds, or the default if it is
// missing or null.
func (f *form) timeout(name string, byDefault time.Duration) time.Duration {
	value := f.members[name]
	if value == nil {
		return byDefault
	}
	seconds, ok := value.(float64)
	most := protocol.MaxCallTimeout.Seconds()
	if !ok || !(seconds > 0 && seconds <= most) {
		f.Addf(name, "must be a number of seconds above 0 and at most %.0f", most)
		return byDefault
	}
	return max(1, time.Duration(seconds*float64(time.Second)))
}

// A caller collects the answers to one call. It implements peer.Replies.
type caller struct {
	gateway  *gateway.Gateway
	services *gateway.Services
	done     chan struct{}

	mu     sync.Mutex // guards what follows until done is closed
	room   int        // bytes that the parts may still have
	held   int        // bytes that services count
	parts  []jsontext.Value
	result jsontext.Value
	err    error
}

// Accepted implements peer.Replies.
func (c *caller) Accepted() {}

// Part implements peer.Replies.
func (c *caller) Part(body []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	size := len(body) + partOverhead
	if size > c.room || !c.holdLocked(size) {
		c.gateway.Metrics.ResultsDropped.Inc()
		return false
	}
	c.room -= size
	c.parts = append(c.parts, body)
	return true
}

// partOverhead is about the memory that a part takes beside its text, in bytes.
const partOverhead = 32

// Done implements peer.Replies.
func (c *caller) Done(result []byte, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	size := len(result)
	if failure, own := errors.AsType[*peer.ServerError](err); own {
		size = len(failure.Message) + len(failure.Details)
	}
	if !c.holdLocked(size) {
		c.gateway.Metrics.ResultsDropped.Inc()
		result, err = nil, peer.ErrFull
	}
	c.result, c.err = result, err
	close(c.done)
}

// holdLocked returns false if the calls of the client hold too much already.
func (c *caller) holdLocked(size int) bool {
	if !c.services.Hold(size) {
		return false
	}
	c.held += size
	return true
}

// outcome returns a protocol.CallOutcome. It keeps the bytes of what the server sent, which
// an encoder would not.
func (c *caller) outcome() []byte {
	b := make([]byte, 0, c.held+len(`{"parts":[],"result":}`))
	b = append(b, '{')
	for i, part := range c.parts {
		if i == 0 {
			b = append(b, `"parts":[`...)
		} else {
			b = append(b, ',')
		}
		b = append(b, part...)
	}
	if len(c.parts) > 0 {
		b = append(b, "],"...)
	}
	return append(append(append(b, `"result":`...), c.result...), '}')
}

// release lets others have the room. The call must have ended.
func (c *caller) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.services.Release(c.held)
}
