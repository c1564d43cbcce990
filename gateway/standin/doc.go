// Package standin has stand-ins of the clients that are deployed. The clients
// cannot be changed, and cannot be had in tests. Each stand-in does what its client
// was seen to do, including what harms the client itself.
package standin

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/gateway/ws/wstest"
)

// Login is how a WebSocket client reaches a gateway. Dial returns nil if it cannot
// connect.
type Login struct {
	Dial             func() *wstest.Conn
	ClientID, Secret string
}

// connect connects and authenticates. It returns nil if that failed.
func (l Login) connect() *wstest.Conn {
	conn := l.Dial()
	if conn == nil {
		return nil
	}
	if send(conn, `{"id":1,"action":"authenticate","payload":{"type":"basic","clientId":%q,"clientSecret":%q}}`, l.ClientID, l.Secret) == nil {
		if m, err := receive(conn); err == nil && m.Success {
			return conn
		}
	}
	conn.Net.Close()
	return nil
}

// A message is what the clients read of the gateway's messages.
type message struct {
	ID      int            `json:"id"`
	Action  string         `json:"action"`
	Success bool           `json:"success"`
	Payload jsontext.Value `json:"payload"`
	Error   jsontext.Value `json:"error"`
}

func send(conn *wstest.Conn, format string, values ...any) error {
	return conn.Write(wstest.Frame(true, wstest.Text, fmt.Appendf(nil, format, values...)))
}

// receive returns the next message. It answers pings and close frames, as WebSocket
// libraries do.
func receive(conn *wstest.Conn) (m message, err error) {
	for {
		opcode, payload, err := conn.ReadFrame()
		if err != nil {
			return message{}, err
		}
		switch opcode {
		case wstest.Text:
			return m, json.Unmarshal(payload, &m)
		case wstest.Ping:
			err = conn.Write(wstest.Frame(true, wstest.Pong, payload))
		case wstest.Close:
			conn.Write(wstest.Frame(true, wstest.Close, payload))
			err = fmt.Errorf("closed: %q", payload)
		}
		if err != nil {
			return message{}, err
		}
	}
}

// reconnectDelay is how long JavaScript waits after its connection has ended.
const reconnectDelay = 3 * time.Second
