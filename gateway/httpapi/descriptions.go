package httpapi

import (
	"bytes"
	_ "embed" // of the descriptions

	"github.com/go-json-experiment/json/jsontext"
)

// The descriptions of the API for programs. Tests hold them against the routes, the actions and the
// exchanges in testdata. The texts "VERSION" and "HOST" in them stand for those of the gateway.
var (
	//go:embed description/openapi.json
	openAPI []byte
	//go:embed description/asyncapi.json
	asyncAPI []byte
)

// getOpenAPI is GET /openapi.json: what the HTTP API is, as OpenAPI 3.1.
func (q *request) getOpenAPI() (any, error) { return q.describe(openAPI), nil }

// getAsyncAPI is GET /asyncapi.json: the WebSocket and the lines, as AsyncAPI 3.
func (q *request) getAsyncAPI() (any, error) { return q.describe(asyncAPI), nil }

// describe returns a description of this gateway.
func (q *request) describe(text []byte) []byte {
	version, _ := jsontext.AppendQuote(nil, q.opts.Version)
	text = bytes.ReplaceAll(text, []byte(`"VERSION"`), version)
	return bytes.ReplaceAll(text, []byte(`"HOST"`), []byte(`"`+q.host()+`"`))
}
