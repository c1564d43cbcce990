package protocol_test

import (
	"slices"
	"testing"

	"seagate/protocol"
)

func TestProvideAndPause(t *testing.T) {
	stream, err := decode(t, `{"id":2,"action":"provide","payload":"boiler_data"}`).Provide()
	if err != nil || stream != "boiler_data" {
		t.Errorf("Provide: %q, %v", stream, err)
	}
	pause, err := decode(t, `{"id":3,"action":"pause","payload":{"paused":true,"provide":2.0,"more":{}}}`).Pause()
	if err != nil || pause != (protocol.Pause{Provide: 2, Paused: true}) {
		t.Errorf("Pause: %+v, %v", pause, err)
	}
	sub, err := decode(t, `{"id":2,"action":"subscribe","payload":"s","state":true}`).Subscribe()
	if err != nil || !sub.State || sub.Meta {
		t.Errorf("Subscribe: %+v, %v", sub, err)
	}
	pub, err := decode(t, `{"id":2,"action":"publish","streamName":"s","payload":1,"header":{"a": 1}}`).Publish()
	if err != nil || string(pub.Header) != `{"a": 1}` {
		t.Errorf("Publish: %+v, %v", pub, err)
	}
	pub, err = decode(t, `{"id":2,"action":"publish","streamName":"s","payload":1,"header":null}`).Publish()
	if err != nil || pub.Header != nil {
		t.Errorf("Publish with a header of null: %+v, %v", pub, err)
	}
}

func TestProvideAndPauseRefusals(t *testing.T) {
	const (
		id     = "payload.provide: must be an integer: the id of a provide request"
		paused = "payload.paused: must be true or false"
		stream = "payload: must be a non-empty string"
	)
	for _, test := range []struct {
		message string
		errors  []string
	}{
		{`{"id":2,"action":"provide"}`, []string{stream}},
		{`{"id":2,"action":"provide","payload":["a"]}`, []string{stream}},
		{`{"id":2,"action":"provide","payload":""}`, []string{stream}},
		{`{"id":2,"action":"pause"}`, []string{"payload: must be an object"}},
		{`{"id":2,"action":"pause","payload":true}`, []string{"payload: must be an object"}},
		{`{"id":2,"action":"pause","payload":{}}`, []string{id, paused}},
		{`{"id":2,"action":"pause","payload":{"provide":"2","paused":null}}`, []string{id, paused}},
		{`{"id":2,"action":"pause","payload":{"provide":1.5,"paused":false}}`, []string{id}},
		{`{"id":2,"action":"subscribe","payload":"s","state":"yes"}`, []string{"state: must be true or false"}},
	} {
		r := decode(t, test.message)
		var err error
		switch r.Action {
		case protocol.ActionProvide:
			_, err = r.Provide()
		case protocol.ActionPause:
			_, err = r.Pause()
		default:
			_, err = r.Subscribe()
		}
		if e := refusal(t, err); e.Code != protocol.CodeInvalidRequest || !slices.Equal(e.Errors, test.errors) {
			t.Errorf("%s: %s %q, want %q", test.message, e.Code, e.Errors, test.errors)
		}
	}
	if _, err := decode(t, `{"id":2,"action":"provide","payload":"a/b"}`).Provide(); refusal(t, err).Code != protocol.CodeInvalidName {
		t.Errorf("a bad name: %v", err)
	}
	if _, err := decode(t, `{"id":2,"action":"pause","payload":{"provide":2,"provide":3,"paused":true}}`).Pause(); refusal(t, err).Code != protocol.CodeMalformedJSON {
		t.Errorf("a key twice: %v", err)
	}
}
