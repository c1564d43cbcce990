package main_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"seagate/gateway/ws/wstest"
)

// A peer is a WebSocket client that reads by itself, as real ones do, and
// answers pings and close frames, unless it is mute.
type peer struct {
	*wstest.Conn
	t      testing.TB
	inbox  chan event // as few as a socket would hold: who reads nothing gets nothing
	closed chan struct{}
	pings  atomic.Int64  // received
	lines  *bufio.Reader // of a lines connection; nil for a WebSocket
}

// An event is a message, or the end of the connection.
type event struct {
	message string
	end     *wstest.CloseError // Code 0: without a close frame
}

func (e event) String() string {
	switch {
	case e.end == nil:
		return e.message
	case e.end.Code == 0:
		return "the end of the connection, without a close frame"
	default:
		return fmt.Sprintf("close %d %s", e.end.Code, e.end.Reason)
	}
}

// dial connects, with extra header lines in the handshake.
func (g *gateway) dial(header ...string) *peer {
	g.t.Helper()
	conn, response := wstest.Handshake(g.t, g.listen, "/api/v1/streams", header...)
	if response.StatusCode != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(response.Body)
		g.t.Fatalf("handshake: %s: %s", response.Status, body)
	}
	return newPeer(g.t, conn, false)
}

func newPeer(t testing.TB, conn *wstest.Conn, mute bool) *peer {
	p := &peer{Conn: conn, t: t}
	p.start(mute)
	return p
}

// newLinesPeer returns a peer whose messages are lines.
func newLinesPeer(t testing.TB, nc net.Conn) *peer {
	p := &peer{Conn: &wstest.Conn{Net: nc}, t: t, lines: bufio.NewReader(nc)}
	p.start(false)
	return p
}

// start reads until the test ends.
func (p *peer) start(mute bool) {
	p.inbox, p.closed = make(chan event, 16), make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() { p.read(mute) })
	p.t.Cleanup(func() {
		close(p.closed)
		p.Net.Close()
		reading.Wait()
	})
}

// read passes on what comes until the connection ends.
func (p *peer) read(mute bool) {
	for {
		e, ok := p.readOne(mute)
		if !ok {
			continue
		}
		select {
		case p.inbox <- e:
		case <-p.closed:
			return
		}
		if e.end != nil && e.end.Code == 0 {
			break
		}
	}
	if !mute {
		p.Net.Close()
	}
}

// readOne returns false for what is none of a client's business.
func (p *peer) readOne(mute bool) (event, bool) {
	if p.lines != nil {
		line, err := p.lines.ReadString('\n')
		if err != nil {
			return event{end: &wstest.CloseError{}}, true
		}
		return event{message: strings.TrimSuffix(line, "\n")}, true
	}
	opcode, payload, err := p.ReadFrame()
	switch {
	case isTimeout(err): // silence is no end
		return event{}, false
	case err != nil:
		return event{end: &wstest.CloseError{}}, true
	case opcode == wstest.Text:
		return event{message: string(payload)}, true
	case opcode == wstest.Close:
		end := &wstest.CloseError{Code: 1005}
		if len(payload) >= 2 {
			end.Code, end.Reason = int(binary.BigEndian.Uint16(payload)), string(payload[2:])
		}
		p.answer(mute, wstest.Close, payload)
		return event{end: end}, true
	case opcode == wstest.Ping:
		p.pings.Add(1)
		p.answer(mute, wstest.Pong, payload)
	}
	return event{}, false
}

func (p *peer) answer(mute bool, opcode byte, payload []byte) {
	if !mute {
		p.Write(wstest.Frame(true, opcode, payload)) // fails if the gateway has closed
	}
}

func isTimeout(err error) bool {
	timeout, ok := err.(interface{ Timeout() bool })
	return ok && timeout.Timeout()
}

// next returns the next event.
func (p *peer) next() event {
	p.t.Helper()
	select {
	case e := <-p.inbox:
		return e
	case <-time.After(patience):
		p.t.Fatal("nothing comes")
		return event{}
	}
}

// want fails unless the message is the next event.
func (p *peer) want(message string) {
	p.t.Helper()
	if got := p.next(); got.end != nil || got.message != message {
		p.t.Fatalf("got\n %.2000v\nwant\n %.2000s", got, message)
	}
}

// wantRefusal fails unless the next event is a message with the code of a
// refusal.
func (p *peer) wantRefusal(code string) {
	p.t.Helper()
	if got := p.next(); got.end != nil || !strings.Contains(got.message, `"success":false,"error":{"code":"`+code+`"`) {
		p.t.Fatalf("got\n %.2000v\nwant a refusal with %s", got, code)
	}
}

// wantClose fails unless the gateway closes next, with the code and a reason
// that begins as given.
func (p *peer) wantClose(code int, reason string) {
	p.t.Helper()
	got := p.next()
	if got.end == nil || got.end.Code != code || !strings.HasPrefix(got.end.Reason, reason) {
		p.t.Fatalf("got\n %.2000v\nwant\n close %d %s", got, code, reason)
	}
}

// wantEnd fails unless the gateway cuts the connection off.
func (p *peer) wantEnd() {
	p.t.Helper()
	if got := p.next(); got.end == nil || got.end.Code != 0 {
		p.t.Fatalf("got\n %.2000v\nwant the end of the connection", got)
	}
}

// login returns a connection that is authenticated; its next id is 2.
func (g *gateway) login(as credentials, jail string) *peer {
	g.t.Helper()
	p := g.dial()
	p.Send(fmt.Sprintf(`{"id":1,"action":"authenticate","payload":{"type":"basic","clientId":%q,"clientSecret":%q}}`, as.id, as.secret))
	p.want(fmt.Sprintf(`{"id":1,"action":"authenticate","success":true,"payload":{"jailId":%q}}`, jail))
	return p
}

// subscribe makes the request with the id for the stream; group is a UUID, or
// "" for none.
func (p *peer) subscribe(id int, stream, group string) {
	p.t.Helper()
	if group != "" {
		group = `,"groupId":"` + group + `"`
	}
	p.Send(fmt.Sprintf(`{"id":%d,"action":"subscribe","payload":%q%s}`, id, stream, group))
	p.want(fmt.Sprintf(`{"id":%d,"action":"subscription","success":true,"streamName":%q,"payload":%d}`, id, stream, id))
}

// delivery is a message as a subscription receives it.
func delivery(id int, stream, payload string) string {
	return fmt.Sprintf(`{"id":%d,"action":"subscription","streamName":%q,"payload":%s}`, id, stream, payload)
}
