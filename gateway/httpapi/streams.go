package httpapi

import (
	"github.com/go-json-experiment/json/jsontext"

	"seagate/auth"
	"seagate/gateway"
	"seagate/protocol"
)

// emptyObject is the answer of calls that say nothing but that they succeeded.
var emptyObject any = []byte("{}")

// index is GET /api/v1, for people who explore the API.
func (q *request) index() (any, error) {
	type links struct {
		Streams  string `json:"streams"`
		Clients  string `json:"clients"`
		Jails    string `json:"jails"`
		Services string `json:"services"`
		Errors   string `json:"errors"`
		OpenAPI  string `json:"openapi"`
		AsyncAPI string `json:"asyncapi"`
	}
	return struct {
		Name    string `json:"name"`
		Version string `json:"version"`
		Links   links  `json:"links"`

		Modules []moduleLink `json:"modules"`
	}{"seagate", q.opts.Version, links{
		Streams: base + "/streams", Clients: base + "/clients", Jails: base + "/jails", Services: base + "/services",
		Errors: base + "/errors", OpenAPI: base + "/openapi.json", AsyncAPI: base + "/asyncapi.json",
	}, moduleLinks()}, nil
}

// whoami is GET /whoami.
func (q *request) whoami() (any, error) {
	return struct {
		JailID   string           `json:"jailId"`
		ClientID string           `json:"clientId"`
		Root     bool             `json:"root"`
		Rights   *protocol.Rights `json:"rights"`
	}{q.principal.JailID, q.principal.ClientID, q.principal.Root, (*protocol.Rights)(q.principal.Rights())}, nil
}

func streamView(s gateway.StreamInfo) protocol.StreamInfo {
	return protocol.StreamInfo{
		Name:        s.Name,
		Version:     versionOrNull(s.Version),
		Registered:  s.Topic.Registered,
		Paused:      s.Topic.Paused,
		Held:        s.Topic.Held,
		Requested:   s.Topic.Requested(),
		Providers:   s.Topic.Providers,
		Subscribers: s.Topic.Subscribers,
		Groups:      s.Topic.Groups,
		FirstSeq:    s.Topic.First,
		LastSeq:     max(s.Topic.Next, 1) - 1,
		Bytes:       s.Topic.Bytes,
		HasHeader:   s.Topic.HasHeader,
		Durability:  string(s.Topic.Policy.Durability),
		Epoch:       protocol.Nullable(s.Topic.Epoch),
	}
}

// listStreams is GET /streams?after=&limit=&contains=.
func (q *request) listStreams() (any, error) {
	list := func(p *auth.Principal, after string, limit int) ([]gateway.StreamInfo, bool, error) {
		return q.gateway.StreamsNamed(p, q.r.URL.Query().Get("contains"), after, limit)
	}
	page, next, err := readPage(q, list, func(s gateway.StreamInfo) (protocol.StreamInfo, string) {
		return streamView(s), s.Name
	}, "contains")
	return struct {
		Streams []protocol.StreamInfo `json:"streams"`
		Next    protocol.Nullable     `json:"next"`
	}{page, next}, err
}

// getStream is GET /streams/{stream}.
func (q *request) getStream() (any, error) {
	info, err := q.gateway.Stream(q.principal, q.stream())
	return streamView(info), err
}

// deleteStream is DELETE /streams/{stream}.
func (q *request) deleteStream() (any, error) {
	return struct {
		Name string `json:"name"`
	}{q.stream()}, q.gateway.DeleteStream(q.r.Context(), q.principal, q.stream())
}

// getHeader is GET /streams/{stream}/header: {"payload":...}, with the bytes of
// the header as they were set.
func (q *request) getHeader() (any, error) {
	header, err := q.gateway.Header(q.principal, q.stream())
	return append(append([]byte(`{"payload":`), header...), '}'), err
}

// setHeader is PUT /streams/{stream}/header.
func (q *request) setHeader() (any, error) {
	body, err := q.body()
	if err != nil {
		return nil, err
	}
	header, err := q.headerIn(body)
	if err != nil {
		return nil, err
	}
	return emptyObject, q.gateway.SetHeader(q.r.Context(), q.principal, q.stream(), header)
}

// headerIn returns the header that a body sets.
func (q *request) headerIn(body []byte) (jsontext.Value, error) {
	if jsontext.Value(body).Kind() != '{' {
		return nil, q.wrongKind(body, `must be {"payload": header}`)
	}
	e, err := q.payload(body)
	if err != nil {
		return nil, err
	}
	return detach([]jsontext.Value{e.payload}, body)[0], nil
}

// clearHeader is DELETE /streams/{stream}/header.
func (q *request) clearHeader() (any, error) {
	return emptyObject, q.gateway.ClearHeader(q.r.Context(), q.principal, q.stream())
}

// pause is POST /streams/{stream}/pause.
func (q *request) pause() (any, error) { return q.setPaused(true) }

// resume is POST /streams/{stream}/resume.
func (q *request) resume() (any, error) { return q.setPaused(false) }

func (q *request) setPaused(paused bool) (any, error) {
	return struct {
		Name   string `json:"name"`
		Paused bool   `json:"paused"`
	}{q.stream(), paused}, q.gateway.Hold(q.r.Context(), q.principal, q.stream(), paused)
}
