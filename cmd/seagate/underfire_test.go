package main_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/client"
	"seagate/gateway/ws/wstest"
	"seagate/streams/streamstest"
)

// The header and the join under fire, over WebSocket: 50 listeners join and leave a stream
// while it gets 15,000 messages (with the race detector 3,000), of which each 50th brings a
// new header. They are sent at 5,000 a second, or as fast as the gateway takes them if that is
// slower: the log has the rate, and the CPU time of both processes.
func TestTheHeaderAndTheJoinOverWebSocket(t *testing.T) {
	g := start(t, "SEAGATE_STREAMS_UNDEFINED=accept")
	messages := 15_000
	if raceDetector {
		messages = 3_000
	}
	t.Run("sockets", func(t *testing.T) { // which decode only what they check: the gateway is measured
		var listeners []*listener
		for range 50 {
			listeners = append(listeners, newListener(t, g, "sockets"))
		}
		underFire(t, g, "sockets", messages, func(i, atLeast int) (int, error) { return listeners[i].visit(atLeast) })
	})
	t.Run("Go client", func(t *testing.T) {
		var conns []*client.Conn
		for range 10 {
			conns = append(conns, g.dialed(root))
		}
		underFire(t, g, "clients", messages/10, func(i, atLeast int) (int, error) {
			return followMarked(t.Context(), conns[i%len(conns)], "clients", atLeast)
		})
	})
}

// underFire sends so many marked messages to a stream, and more until the last of 50 listeners
// has left. They visit the stream again and again: a visit joins, sees at least so many
// messages, leaves, and returns how many it saw.
func underFire(t *testing.T, g *gateway, stream string, messages int, visit func(i, atLeast int) (int, error)) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	first, enough := make(chan struct{}), make(chan struct{})
	producer := g.dialed(root)
	var producing, listening sync.WaitGroup
	producing.Go(func() { sendMarked(ctx, t, producer, stream, messages/perTurn, first, enough) })
	<-first
	var joins, seen atomic.Int64
	before, used, begun := g.metrics(), cpuTime(), time.Now()
	for i := range 50 {
		listening.Go(func() {
			for over := false; !over && !t.Failed(); {
				n, err := visit(i, 1+i*i%200)
				if err != nil {
					t.Errorf("listener %d: %v", i, err)
				}
				joins.Add(1)
				seen.Add(int64(n))
				select {
				case <-enough:
					over = true
				default:
				}
			}
		})
	}
	<-enough
	took := time.Since(begun)
	listening.Wait()
	used = cpuTime() - used
	after := g.metrics()
	stop()
	producing.Wait()
	grown := func(name string) float64 { return after[name] - before[name] }
	t.Logf("%d messages in %v, %.0f a second; %d joins saw %d of %.0f deliveries; CPU: %.2f s of the gateway, %.2f s of the test",
		messages, took, float64(messages)/took.Seconds(), joins.Load(), seen.Load(), grown("seagate_messages_out_total"),
		grown("process_cpu_seconds_total"), used.Seconds())
	if n := g.lastSeq(root, stream); n < int64(messages) || joins.Load() < 50 {
		t.Errorf("%d messages, %d joins", n, joins.Load())
	}
}

// cpuTime returns the CPU time that this process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// perTurn is how many messages sendMarked sends in a turn.
const perTurn = 50

// sendMarked sends 50 messages for every 10 ms that pass, the first of them with a
// header, until ctx ends. It closes first when those of the first turn are accepted, and
// enough when those of so many turns are, or with an error.
func sendMarked(ctx context.Context, t *testing.T, conn *client.Conn, stream string, turns int, first, enough chan struct{}) {
	var marker streamstest.Marker
	begun := time.Now()
	for turn := 1; ; turn++ {
		err := sendTurn(ctx, conn, stream, &marker, turn == 1 || turn == turns)
		if err != nil && ctx.Err() == nil {
			t.Error(err)
		}
		if turn == 1 {
			close(first)
		}
		if turn == turns || err != nil && turn < turns {
			close(enough)
		}
		if err != nil {
			return
		}
		select {
		case <-time.After(time.Until(begun.Add(time.Duration(turn) * 10 * time.Millisecond))):
		case <-ctx.Done():
			return
		}
	}
}

// sendTurn sends a message with a header and the messages behind it, and waits for the
// answer to the last one if settle is set.
func sendTurn(ctx context.Context, conn *client.Conn, stream string, marker *streamstest.Marker, settle bool) error {
	payload, header := marker.NextWithHeader()
	receipt, err := conn.SendWithHeader(ctx, stream, jsontext.Value(payload), jsontext.Value(header))
	for range perTurn - 1 {
		if err == nil {
			receipt, err = conn.Send(ctx, stream, jsontext.Value(marker.Next()))
		}
	}
	if err == nil && settle {
		_, err = receipt.Wait(ctx)
	}
	return err
}

// followMarked subscribes, checks the header and some messages, and unsubscribes.
func followMarked(ctx context.Context, conn *client.Conn, stream string, messages int) (seen int, err error) {
	sub, err := conn.Subscribe(ctx, stream, client.SubscribeOptions{Meta: true})
	if err != nil {
		return 0, err
	}
	var c streamstest.JoinChecker
	for c.Seen() < messages && err == nil {
		var m client.Message
		if m, err = sub.Next(ctx); err != nil {
			break
		}
		if m.Header {
			err = c.Header(m.Payload)
		} else {
			err = c.Message(m.Payload)
		}
	}
	return c.Seen(), errors.Join(err, sub.Unsubscribe(ctx))
}

// A listener is a WebSocket that visits a stream of marked messages.
type listener struct {
	conn   *wstest.Conn
	r      *bufio.Reader
	stream string
	id     int // of its last request
}

func newListener(t *testing.T, g *gateway, stream string) *listener {
	conn := wstest.Dial(t, g.listen, "/api/v1/streams")
	conn.Send(fmt.Sprintf(`{"id":1,"action":"authenticate","payload":{"type":"basic","clientId":%q,"clientSecret":%q}}`, root.id, root.secret))
	conn.Want(`{"id":1,"action":"authenticate","success":true,"payload":{"jailId":"root"}}`)
	conn.Net.SetDeadline(time.Now().Add(patience))
	return &listener{conn: conn, r: bufio.NewReaderSize(conn.Net, 16<<10), stream: stream, id: 1}
}

// visit joins, reads at least so many messages, and leaves.
func (l *listener) visit(atLeast int) (seen int, err error) {
	if err := l.send("subscribe", strconv.Quote(l.stream)+`,"meta":true`); err != nil {
		return 0, err
	}
	v := view{begin: fmt.Appendf(nil, `{"id":%d,"action":"subscription",`, l.id)}
	v.delivery = fmt.Appendf(bytes.Clone(v.begin), `"streamName":%q,"payload":`, l.stream)
	var goodbye []byte // the answer to unsubscribe, once it is sent
	for {
		frame, err := l.read()
		if err != nil {
			return v.Seen(), err
		}
		if goodbye != nil && bytes.Equal(frame, goodbye) {
			return v.Seen(), nil
		}
		if err := v.take(frame); err != nil {
			return v.Seen(), fmt.Errorf("%s: %w", frame, err)
		}
		if goodbye != nil || v.Seen() < atLeast {
			continue
		}
		if err := l.send("unsubscribe", strconv.Itoa(l.id)); err != nil {
			return v.Seen(), err
		}
		goodbye = fmt.Appendf(nil, `{"id":%d,"action":"unsubscribe","success":true}`, l.id)
	}
}

// send sends a request. The text begins with its payload.
func (l *listener) send(action, text string) error {
	l.id++
	request := fmt.Appendf(nil, `{"id":%d,"action":%q,"payload":%s}`, l.id, action, text)
	_, err := l.conn.Net.Write(wstest.Frame(true, wstest.Text, request))
	return err
}

// read returns the next message, which is valid until the next read. It answers pings.
func (l *listener) read() ([]byte, error) {
	for {
		head, err := l.r.Peek(2)
		if err != nil {
			return nil, err
		}
		opcode, header, length := head[0], 2, int(head[1])
		if length == 126 {
			if head, err = l.r.Peek(4); err != nil {
				return nil, err
			}
			header, length = 4, int(binary.BigEndian.Uint16(head[2:]))
		}
		frame, err := l.r.Peek(header + length)
		if err != nil {
			return nil, err
		}
		l.r.Discard(len(frame))
		switch opcode {
		case 0x80 | wstest.Text:
			return frame[header:], nil
		case 0x80 | wstest.Ping:
			if _, err := l.conn.Net.Write(wstest.Frame(true, wstest.Pong, frame[header:])); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("the gateway sent the frame % x", frame)
		}
	}
}

// A view is what a listener sees of the stream in one visit.
type view struct {
	begin    []byte // of all messages
	delivery []byte // beginning of all deliveries
	next     int64  // number of the message that comes next; 0 before the answer to subscribe
	streamstest.JoinChecker
}

// take checks the next message. It compares bytes where it can, since this is done for each of
// hundreds of thousands in a second.
func (v *view) take(frame []byte) error {
	content, isDelivery := bytes.CutPrefix(frame, v.delivery)
	if v.next == 0 {
		return v.takeAnswer(frame)
	}
	end := bytes.IndexByte(content, '}') + 1
	payload, meta := content[:end], content[end:]
	var space [32]byte
	number := append(strconv.AppendInt(append(space[:0], `,"seq":`...), v.next, 10), ',')
	switch {
	case !isDelivery:
		return errors.New("it is neither a delivery nor the answer to unsubscribe")
	case bytes.HasPrefix(meta, []byte(`,"header":true,`)):
		return v.Header(payload)
	case !bytes.HasPrefix(meta, number):
		return fmt.Errorf("it is not message %d", v.next)
	}
	v.next++
	return v.Message(payload)
}

// takeAnswer takes the answer to subscribe, which says which message comes first and that a
// header comes before it.
func (v *view) takeAnswer(frame []byte) error {
	var answer struct {
		Success bool  `json:"success"`
		Header  bool  `json:"header"`
		NextSeq int64 `json:"nextSeq"`
	}
	if err := json.Unmarshal(frame, &answer); err != nil {
		return err
	}
	if !bytes.HasPrefix(frame, v.begin) || !answer.Success || !answer.Header || answer.NextSeq == 0 {
		return errors.New("it is not the answer to a subscribe that gets a header")
	}
	v.next = answer.NextSeq
	return nil
}
