package standin

import (
	"context"
	"time"

	"github.com/google/uuid"

	"seagate/gateway/ws/wstest"
)

// JavaScript is the client for Node and browsers. It notices nothing but the end of
// its connection: then it connects again after 3 s, with the same credentials, and
// subscribes anew. It publishes over HTTP only.
type JavaScript struct {
	Login
	Stream string

	// Fanout sends a fresh UUID as groupId with each subscription. Otherwise there
	// is no groupId. A client cannot name a group.
	Fanout bool

	// Emit is called with the payload of each message under the subscription's id,
	// whatever the message is, and with "undefined" if it has none.
	Emit func(payload string)

	// Subscribed is called after each answer to a subscription, with the answer's
	// success. It may be nil.
	Subscribed func(success bool)
}

// Run follows the stream until ctx is cancelled.
func (j *JavaScript) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if conn := j.connect(); conn != nil {
			stop := context.AfterFunc(ctx, func() { conn.Net.Close() })
			j.follow(conn)
			stop()
			conn.Net.Close()
		}
		select {
		case <-ctx.Done():
		case <-time.After(reconnectDelay):
		}
	}
}

// follow subscribes, and emits until the connection ends.
func (j *JavaScript) follow(conn *wstest.Conn) {
	group := ""
	if j.Fanout {
		group = `,"groupId":"` + uuid.NewString() + `"`
	}
	err := send(conn, `{"id":2,"action":"subscribe","payload":%q%s}`, j.Stream, group)
	for answered := false; err == nil; {
		var m message
		if m, err = receive(conn); err != nil || m.ID != 2 {
			continue
		}
		switch {
		case !answered:
			answered = true
			if j.Subscribed != nil {
				j.Subscribed(m.Success)
			}
		case m.Payload == nil:
			j.Emit("undefined")
		default:
			j.Emit(string(m.Payload))
		}
	}
}
