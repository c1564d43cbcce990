package ws_test

import (
	"slices"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/gateway/ws/wstest"
)

// The tests of this file have stand-ins for clients that are deployed and cannot be
// changed.

// The JavaScript client emits the payload of every message under a subscription's
// id, and undefined if there is none. The Python client raises KeyError then, which
// ends all its subscriptions. Both begin anew when the connection has ended, and
// only then.
func TestTheEndOfAStreamEndsConnectionsOfDeployedClients(t *testing.T) {
	b := newBench(t, setup{})
	for _, group := range []string{"", `,"groupId":"0a0e1b5c-7e52-4b7a-9a57-0d8f2f6f1a10"`} {
		b.define("old")
		var emitted []string
		// follow subscribes, and emits payloads until the connection ends.
		follow := func() (ended *wstest.CloseError) {
			c := b.login()
			b.subscribe(c, 2, "old", group)
			b.publish("old", `{"n":1}`)
			for {
				message, closed := c.Next()
				if closed != nil {
					return closed
				}
				var m struct {
					Payload jsontext.Value `json:"payload"`
				}
				if err := json.Unmarshal([]byte(message), &m); err != nil || m.Payload == nil {
					t.Errorf("KeyError: 'payload' in %s", message)
				}
				emitted = append(emitted, string(m.Payload))
				if err := b.gateway.DeleteStream(t.Context(), b.root, "old"); err != nil {
					t.Fatal(err)
				}
			}
		}
		for range 2 { // the second time, the client has reconnected
			if closed := follow(); closed.Code != 4009 || closed.Reason != "stream_deleted: the stream old was deleted" {
				t.Errorf("ended with %v", closed)
			}
			b.define("old")
		}
		if !slices.Equal(emitted, []string{`{"n":1}`, `{"n":1}`}) {
			t.Errorf("emitted %s", emitted)
		}
	}
}
