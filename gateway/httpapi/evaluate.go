package httpapi

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/gateway"
	"seagate/internal/secret"
	"seagate/protocol"
)

// evaluateFilter is POST /filters/evaluate. The body has a filter, or a token with the client that
// signed it. It is not logged.
func (q *request) evaluateFilter() (any, error) {
	body, err := q.body()
	if err != nil {
		return nil, err
	}
	f, err := readForm(body, q.bodyDepth())
	if err != nil {
		return nil, err
	}
	question := gateway.FilterQuestion{Stream: f.optionalText("streamName")}
	_, hasFilter := f.members["filter"]
	_, hasPayload := f.members["payload"]
	switch {
	case hasFilter && f.members["token"] != nil:
		f.Add("token", "cannot be there with a filter; a token has its own")
	case hasFilter && !hasPayload:
		f.Add("payload", mustBeThere+": the message that the filter is asked about")
	case !hasFilter && f.members["token"] == nil && f.members["clientId"] == nil:
		f.Add("filter", mustBeThere+", or a token with the clientId of the client that signed it")
	case !hasFilter:
		question.ClientID, question.Token = f.text("clientId"), secret.New(f.text("token"))
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	var raw struct { // the filter must be what was sent, to the byte
		Filter  jsontext.Value `json:"filter"`
		Payload jsontext.Value `json:"payload"`
	}
	if err := json.Unmarshal(body, &raw); err != nil {
		return nil, protocol.Errorf(protocol.CodeMalformedJSON, "the body cannot be read")
	}
	question.Filter, question.Message = raw.Filter, raw.Payload
	return q.gateway.EvaluateFilter(q.r.Context(), q.principal, question)
}
