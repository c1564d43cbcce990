package httpapi

import (
	"github.com/go-json-experiment/json/jsontext"

	"seagate/gateway"
	"seagate/protocol"
)

// index is GET /api/v1, for people who look what is there.
func (q *request) index() ([]byte, error) {
	type links struct {
		Streams string `json:"streams"`
		Clients string `json:"clients"`
		Jails   string `json:"jails"`
	}
	return q.encode(struct {
		Name    string `json:"name"`
		Version string `json:"version"`
		Links   links  `json:"links"`
	}{"seagate", q.opts.Version, links{base + "/streams", base + "/clients", base + "/jails"}})
}

func streamView(s gateway.StreamInfo) protocol.StreamInfo {
	return protocol.StreamInfo{
		Name:        s.Name,
		Version:     versionOrNull(s.Version),
		Registered:  s.Topic.Registered,
		Requested:   s.Topic.Readers > 0,
		Subscribers: s.Topic.Readers,
		Paused:      s.Topic.Paused,
		FirstSeq:    s.Topic.First,
		LastSeq:     max(s.Topic.Next, 1) - 1,
		Bytes:       s.Topic.Bytes,
		HasHeader:   s.Topic.HasHeader,
		Durability:  string(s.Topic.Policy.Durability),
		Epoch:       protocol.Nullable(s.Topic.Epoch),
	}
}

// listStreams is GET /streams?after=&limit=.
func (q *request) listStreams() ([]byte, error) {
	after, limit, err := q.page()
	if err != nil {
		return nil, err
	}
	list, more, err := q.gateway.Streams(q.principal, after, limit)
	if err != nil {
		return nil, err
	}
	states := make([]protocol.StreamInfo, len(list))
	last := ""
	for i, s := range list {
		states[i], last = streamView(s), s.Name
	}
	return q.encode(struct {
		Streams []protocol.StreamInfo `json:"streams"`
		Next    *string               `json:"next"`
	}{states, next(last, more)})
}

// stream is GET /streams/{stream}.
func (q *request) stream(stream string) ([]byte, error) {
	info, err := q.gateway.Stream(q.principal, stream)
	if err != nil {
		return nil, err
	}
	return q.encode(streamView(info))
}

// deleteStream is DELETE /streams/{stream}.
func (q *request) deleteStream(stream string) ([]byte, error) {
	if err := q.gateway.DeleteStream(q.r.Context(), q.principal, stream); err != nil {
		return nil, err
	}
	return q.encode(struct {
		Name string `json:"name"`
	}{stream})
}

// header is GET /streams/{stream}/header: {"payload":...}.
func (q *request) header(stream string) ([]byte, error) {
	header, err := q.gateway.Header(q.principal, stream)
	if err != nil {
		return nil, err
	}
	return append(append([]byte(`{"payload":`), header...), '}'), nil
}

// setHeader is PUT /streams/{stream}/header.
func (q *request) setHeader(stream string) ([]byte, error) {
	body, err := q.body()
	if err != nil {
		return nil, err
	}
	header, err := q.headerIn(body)
	if err != nil {
		return nil, err
	}
	if err := q.gateway.SetHeader(q.r.Context(), q.principal, stream, header); err != nil {
		return nil, err
	}
	return emptyObject, nil
}

// headerIn returns the header that a body sets.
func (q *request) headerIn(body []byte) (jsontext.Value, error) {
	if jsontext.Value(body).Kind() != '{' {
		if _, err := readJSON(body, q.depth); err != nil {
			return nil, err
		}
		return nil, invalidRequest("body", `must be {"payload": header}`)
	}
	header, err := q.payload(body)
	if err != nil {
		return nil, err
	}
	return tight([]jsontext.Value{header}, body)[0], nil
}

// clearHeader is DELETE /streams/{stream}/header.
func (q *request) clearHeader(stream string) ([]byte, error) {
	if err := q.gateway.ClearHeader(q.r.Context(), q.principal, stream); err != nil {
		return nil, err
	}
	return emptyObject, nil
}

// pause is POST /streams/{stream}/pause.
func (q *request) pause(stream string) ([]byte, error) {
	return q.setPaused(stream, true)
}

// resume is POST /streams/{stream}/resume.
func (q *request) resume(stream string) ([]byte, error) {
	return q.setPaused(stream, false)
}

func (q *request) setPaused(stream string, paused bool) ([]byte, error) {
	if err := q.gateway.SetPaused(q.r.Context(), q.principal, stream, paused); err != nil {
		return nil, err
	}
	return q.encode(struct {
		Name   string `json:"name"`
		Paused bool   `json:"paused"`
	}{stream, paused})
}
