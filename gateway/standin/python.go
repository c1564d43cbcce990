package standin

import (
	"context"
	"fmt"
	"sync"
	"time"

	"seagate/gateway/ws/wstest"
)

// Python is the Python client. Its receive loop puts payloads into a queue of 100
// slots. While the queue is full, the loop reads nothing, and so answers no ping. It
// answers a ping before the payloads in the queue are handled.
//
// It does not connect again by itself.
type Python struct {
	Login
	Streams []string

	// Handle is called with each payload, of one subscription by one goroutine.
	Handle func(stream, payload string)
	// PerMessage is how long it then takes.
	PerMessage time.Duration
}

// pythonSlots is the size of the queue of a subscription.
const pythonSlots = 100

// Run subscribes to the streams and handles their messages until the connection ends,
// which ctx does too. It handles what is in the queues before it returns. The
// error is a KeyError if a message had no payload: that ends all subscriptions.
func (p *Python) Run(ctx context.Context) error {
	conn := p.connect()
	if conn == nil {
		return fmt.Errorf("cannot connect")
	}
	defer conn.Net.Close()
	defer context.AfterFunc(ctx, func() { conn.Net.Close() })()
	queues := map[int]chan string{} // by subscription
	var handlers sync.WaitGroup
	defer handlers.Wait()
	for i, stream := range p.Streams {
		queue := make(chan string, pythonSlots)
		defer close(queue)
		queues[i+2] = queue
		handlers.Go(func() {
			for payload := range queue {
				time.Sleep(p.PerMessage)
				p.Handle(stream, payload)
			}
		})
	}
	return p.receiveAll(conn, queues)
}

// receiveAll subscribes, and is the receive loop.
func (p *Python) receiveAll(conn *wstest.Conn, queues map[int]chan string) error {
	for i, stream := range p.Streams {
		if err := send(conn, `{"id":%d,"action":"subscribe","payload":%q}`, i+2, stream); err != nil {
			return err
		}
	}
	answered := map[int]bool{}
	for {
		m, err := receive(conn)
		if err != nil {
			return err
		}
		switch queue := queues[m.ID]; {
		case queue == nil:
		case !answered[m.ID]:
			if m.Action != "subscription" {
				return fmt.Errorf("refused: %s", m.Error)
			}
			answered[m.ID] = true
		case m.Payload == nil:
			return KeyError{"payload"}
		default:
			queue <- string(m.Payload)
		}
	}
}

// KeyError is Python's exception for a key that is not there.
type KeyError struct{ Key string }

func (e KeyError) Error() string { return fmt.Sprintf("KeyError: '%s'", e.Key) }
