package main_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"seagate/gateway/ws/wstest"
)

// TestBadInput sends what no client should. Most of what can be said line by
// line is an exchange; this is what takes masses of bytes, or none for long.
// Whatever comes, somebody else receives every message meanwhile.
func TestBadInput(t *testing.T) {
	t.Parallel()
	g := start(t, "SEAGATE_WEBSOCKET_STALL_TIMEOUT=2s", "SEAGATE_LIMITS_QUEUED_BYTES=64KiB")
	g.define(root, "boiler")
	g.ok(root, "POST", "/streams/wide/define", `{"version":1,"fields":[{"name":"s","type":"string"}]}`)
	b := g.standBy()
	// All at once: as parallel tests they would wait for their turn while the bystander works.
	var all sync.WaitGroup
	for name, hostile := range map[string]func(*gateway){
		"gzip bomb":                  gzipBomb,
		"deep nesting":               deepNesting,
		"long numbers":               longNumbers,
		"endless body":               endlessBody,
		"broken off":                 brokenOff,
		"long paths and headers":     longPaths,
		"announced and stalled":      announcedAndStalled,
		"unfinished close handshake": unfinishedClose,
		"peer that stops reading":    stopsReading,
		"peer that only writes":      onlyWrites,
		"strangers that wait":        strangersThatWait,
		"broken frames":              brokenFrames,
		"impatient client":           impatient,
	} {
		all.Go(func() {
			t.Run(name, func(t *testing.T) { hostile(&gateway{g.process, t, g.folder}) })
		})
	}
	all.Wait()
	b.leave()
	if used := g.metric("process_resident_memory_bytes"); used > 2<<30 {
		t.Errorf("the gateway has grown to %.0f MiB", used/(1<<20))
	}
	g.stopped()
}

// A bystander publishes numbers and receives them all the while.
type bystander struct {
	t        testing.TB
	log      *logbook // of the gateway
	reader   *peer
	writer   *peer
	leaving  chan struct{}
	working  sync.WaitGroup
	received int
}

func (g *gateway) standBy() *bystander {
	g.define(root, "bystander")
	b := &bystander{t: g.t, log: g.log, reader: g.login(root, "root"), writer: g.login(root, "root"), leaving: make(chan struct{})}
	b.reader.subscribe(2, "bystander", "")
	b.working.Go(b.work)
	return b
}

func (b *bystander) work() {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for n := 2; ; n++ {
		select {
		case <-b.leaving:
			return
		case <-tick.C:
		}
		b.writer.Send(fmt.Sprintf(`{"id":%d,"action":"publish","streamName":"bystander","payload":{"n":%d}}`, n, n))
		for _, wait := range []struct {
			p    *peer
			want string
		}{
			{b.writer, fmt.Sprintf(`{"id":%d,"action":"publish","success":true,`, n)},
			{b.reader, delivery(2, "bystander", fmt.Sprintf(`{"n":%d}`, n))},
		} {
			select {
			case e := <-wait.p.inbox:
				if strings.HasPrefix(e.String(), wait.want) {
					continue
				}
				b.t.Errorf("the bystander got %v, want %s\n%s", e, wait.want, b.log.text())
			case <-timeout():
				b.t.Errorf("the bystander waits for %s\n%s", wait.want, b.log.text())
			}
			return
		}
		b.received++
	}
}

// leave ends it. It must have received something.
func (b *bystander) leave() {
	b.t.Helper()
	close(b.leaving)
	b.working.Wait()
	if b.received == 0 {
		b.t.Error("the bystander received nothing")
	}
}

// gzipBomb: a megabyte that would become a gigabyte.
func gzipBomb(g *gateway) {
	var member bytes.Buffer
	w, _ := gzip.NewWriterLevel(&member, gzip.BestCompression)
	w.Write(make([]byte, 1<<20))
	w.Close()
	bomb := strings.Repeat(member.String(), 900)
	for range 5 {
		g.refused(root, 413, "message_too_large", "POST", "/streams/boiler/publish", bomb, "Content-Encoding: gzip")
	}
	// What looks like gzip and is not, and what is cut short.
	g.refused(root, 400, "invalid_request", "POST", "/streams/boiler/publish", "\x1f\x8b\x08rubbish that is long enough", "Content-Encoding: gzip")
	g.refused(root, 400, "invalid_request", "POST", "/streams/boiler/publish", member.String()[:100], "Content-Encoding: gzip")
}

func deepNesting(g *gateway) {
	for _, open := range []string{"[", `{"a":`, `[{"a":`} {
		deep := strings.Repeat(open, 1_000_000/len(open))
		g.refused(root, 400, "nesting_too_deep", "POST", "/streams/boiler/publish", `{"payload":{"n":`+deep)
		g.refused(root, 400, "nesting_too_deep", "POST", "/streams/boiler/define", `{"version":1,"fields":`+deep)
		g.refused(root, 400, "nesting_too_deep", "POST", "/client", deep)
		p := g.login(root, "root")
		p.Send(`{"id":2,"action":"publish","streamName":"boiler","payload":` + deep)
		p.wantRefusal("protocol_violation") // it does not even end
		p.wantClose(1008, "protocol_violation")
	}
}

func longNumbers(g *gateway) {
	digits := strings.Repeat("7", 1_000_000)
	for _, number := range []string{digits, "-" + digits, "0." + digits, "1e" + digits, "1e1000001", "-1e-1000001", digits + "e-999999"} {
		a := g.call(root, "POST", "/streams/boiler/publish", `{"payload":{"n":`+number+`}}`)
		wantProblem(g.t, a, 400, "invalid_payload")
	}
	if a := g.call(root, "POST", "/streams/boiler/define", `{"version":`+digits+`,"fields":[]}`); a.status != http.StatusBadRequest {
		g.t.Errorf("a version of a million digits: %d %.1000s", a.status, a.body)
	}
	p := g.login(root, "root")
	p.Send(`{"id":` + digits + `,"action":"describe","payload":"boiler"}`)
	p.wantRefusal("protocol_violation")
	p.wantClose(1008, "protocol_violation")
}

// endlessBody: chunk after chunk.
func endlessBody(g *gateway) {
	c := g.connect()
	fmt.Fprintf(c, "POST /api/v1/streams/boiler/publish HTTP/1.1\r\nHost: %s\r\nAuthorization: Basic %s\r\nTransfer-Encoding: chunked\r\n\r\n", g.listen, basic(root))
	chunk := "10000\r\n" + strings.Repeat(" ", 0x10000) + "\r\n"
	go func() {
		for { // until the gateway has had enough
			if _, err := io.WriteString(c, chunk); err != nil {
				return
			}
		}
	}()
	wantProblem(g.t, readAnswer(g.t, c), 413, "message_too_large")
}

// brokenOff: connections that end in the middle of something.
func brokenOff(g *gateway) {
	for _, sent := range []string{
		"", "G", "GET /api/v1/streams HTTP/1.1\r\nHost:", "\x16\x03\x01\x02\x00\x01\x00", "\x00\xff\x00\xff\r\n\r\n",
		"POST /api/v1/streams/boiler/publish HTTP/1.1\r\nHost: x\r\nAuthorization: Basic " + basic(root) + "\r\nContent-Length: 100\r\n\r\n{",
		"POST /api/v1/streams/boiler/publish HTTP/1.1\r\nHost: x\r\nAuthorization: Basic " + basic(root) + "\r\nTransfer-Encoding: chunked\r\n\r\nxyz",
	} {
		c := g.connect()
		io.WriteString(c, sent)
		c.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, c)
	}
	p := g.login(root, "root")
	p.SendRaw([]byte{0x81, 0xFE, 0x10})
	p.Net.Close()
	p.wantEnd()
}

func longPaths(g *gateway) {
	g.refused(root, 404, "path_not_found", "GET", "/"+strings.Repeat("a/", 5_000), "")
	g.refused(root, 400, "invalid_name", "GET", "/streams/"+strings.Repeat("%2F", 5_000), "")
	g.refused(root, 400, "invalid_request", "GET", "/streams?limit="+strings.Repeat("9", 10_000), "")
	g.refused(credentials{strings.Repeat("a", 10_000), "x"}, 401, "invalid_credentials", "GET", "/streams", "")
	g.refused(credentials{"root", strings.Repeat("a", 10_000)}, 401, "invalid_credentials", "GET", "/streams", "")
	g.refused(root, 415, "unsupported_media_type", "POST", "/streams/boiler/publish", "{}", "Content-Type: "+strings.Repeat("a", 10_000))
	if a := g.call(root, "GET", "/streams", "", "X-Long: "+strings.Repeat("a", 100_000)); a.status != http.StatusRequestHeaderFieldsTooLarge {
		g.t.Errorf("a header of 100 kB: %d", a.status)
	}
}

// announcedAndStalled: a frame that announces 2^40 bytes and brings none.
func announcedAndStalled(g *gateway) {
	stall := []byte{0x81, 0xFF, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4}
	stranger, client := wstest.Dial(g.t, g.listen, "/api/v1/streams"), g.loginDeaf()
	for _, p := range []*wstest.Conn{stranger, client} {
		p.SendRaw(stall)
		p.WantClose(1009, "message_too_large")
	}
	g.cutOff(stranger.Net)
	g.cutOff(client.Net)
	// One that is small enough stalls for as long as it pleases, and holds
	// nobody up.
	p := g.login(root, "root")
	p.SendRaw([]byte{0x81, 0xFE, 0x10, 0, 1, 2, 3, 4, 5})
}

// unfinishedClose: the client never answers the close frame, and is in the
// middle of a frame of its own.
func unfinishedClose(g *gateway) {
	p := g.loginDeaf()
	p.Send(`[]`)
	p.SendRaw([]byte{0x81, 0xFE, 0x10, 0x00, 1, 2, 3, 4})
	if message, _ := p.Next(); !strings.Contains(message, "protocol_violation") {
		g.t.Errorf("got %s", message)
	}
	p.WantClose(1008, "protocol_violation")
	g.cutOff(p.Net)
}

// cutOff waits until the socket is closed, though the client never does. A
// gateway that had only closed its half would take bytes for ever.
func (g *gateway) cutOff(c net.Conn) {
	g.t.Helper()
	eventually(g.t, "that the socket is closed", func() bool {
		_, err := c.Write([]byte{0})
		return err != nil
	})
}

// stopsReading: it is dropped, and takes no memory for what it does not read.
func stopsReading(g *gateway) {
	p := g.loginDeaf()
	p.Send(`{"id":2,"action":"subscribe","payload":"wide"}`)
	p.Want(`{"id":2,"action":"subscription","success":true,"streamName":"wide","payload":2}`)
	message := `{"payload":{"s":"` + strings.Repeat("x", 1_000_000) + `"}}`
	for range 30 {
		g.ok(root, "POST", "/streams/wide/publish", message)
	}
	if queued := g.metric("seagate_queue_bytes"); queued > 16<<20 {
		g.t.Errorf("%.0f bytes are queued", queued)
	}
	eventually(g.t, "that the peer is dropped", func() bool { return g.metric("seagate_queue_bytes") == 0 })
}

// onlyWrites: a peer that asks on and on and reads no answer is not listened to
// any more, and then dropped.
func onlyWrites(g *gateway) {
	p := g.loginDeaf()
	var all []byte
	for id := 2; id < 5_000; id++ {
		all = append(all, wstest.Frame(true, wstest.Text, fmt.Appendf(nil, `{"id":%d,"action":"dance %s"}`, id, strings.Repeat("x", 100)))...)
	}
	p.Net.SetWriteDeadline(time.Now().Add(patience))
	for err := error(nil); err == nil; {
		_, err = p.Net.Write(all) // the ids repeat, but nobody gets to see that
	}
}

// strangersThatWait hold nothing but a socket, and only for a while.
func strangersThatWait(g *gateway) {
	for range 50 {
		c := g.connect()
		io.WriteString(c, "GET /api/v1/streams HTTP/1.1\r\n")
	}
	for range 20 {
		g.dial()
	}
	if a, err := g.operator("/readyz"); err != nil || a.status != http.StatusOK {
		g.t.Errorf("readiness: %d %s %v", a.status, a.body, err)
	}
}

// brokenFrames: what RFC 6455 forbids.
func brokenFrames(g *gateway) {
	for _, c := range []struct {
		what  string
		frame []byte
		code  int
	}{
		{"not masked", []byte{0x81, 0x02, '{', '}'}, 1002},
		{"a close that is not masked", []byte{0x88, 0x02, 3, 0xE8}, 1002},
		{"reserved bits", []byte{0xC1, 0x82, 0, 0, 0, 0, '{', '}'}, 1002},
		{"an unknown opcode", []byte{0x83, 0x80, 0, 0, 0, 0}, 1002},
		{"an unknown control frame", []byte{0x8B, 0x80, 0, 0, 0, 0}, 1002},
		{"a long control frame", append([]byte{0x89, 0xFE, 0, 126, 0, 0, 0, 0}, make([]byte, 126)...), 1002},
		{"a control frame in fragments", []byte{0x09, 0x80, 0, 0, 0, 0}, 1002},
		{"a continuation of nothing", []byte{0x80, 0x80, 0, 0, 0, 0}, 1002},
		{"a text within a text", []byte{0x01, 0x81, 0, 0, 0, 0, '{', 0x81, 0x81, 0, 0, 0, 0, '}'}, 1002},
		{"a close with half a code", []byte{0x88, 0x81, 0, 0, 0, 0, 3}, 1002},
		{"a close with the code 0", []byte{0x88, 0x82, 0, 0, 0, 0, 0, 0}, 1002},
	} {
		p := g.login(root, "root")
		p.SendRaw(c.frame)
		if e := p.next(); e.end == nil || e.end.Code != c.code {
			g.t.Errorf("%s: got %v, want %d", c.what, e, c.code)
		}
	}
}

// impatient sends its messages along with the handshake, which nobody should
// but which is understood.
func impatient(g *gateway) {
	c := g.connect()
	authenticate := fmt.Appendf(nil, `{"id":1,"action":"authenticate","payload":{"type":"basic","clientId":%q,"clientSecret":%q}}`, root.id, root.secret)
	io.WriteString(c, "GET /api/v1/streams HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"+
		string(wstest.Frame(true, wstest.Text, authenticate))+
		string(wstest.Frame(true, wstest.Text, []byte(`{"id":2,"action":"describe","payload":"nothing"}`)))+
		string(wstest.Frame(true, wstest.Close, []byte{3, 0xE8})))
	all, err := io.ReadAll(c)
	for _, want := range []string{"101 Switching", `{"id":1,"action":"authenticate","success":true,`, `{"id":2,"action":"describe","success":false,`, "\x88\x02\x03\xe8"} {
		if !strings.Contains(string(all), want) {
			g.t.Errorf("got %q (%v), which has no %q", all, err, want)
		}
	}
}

// loginDeaf is login for a client that reads only when it is told to.
func (g *gateway) loginDeaf() *wstest.Conn {
	g.t.Helper()
	p := wstest.Dial(g.t, g.listen, "/api/v1/streams")
	p.Send(fmt.Sprintf(`{"id":1,"action":"authenticate","payload":{"type":"basic","clientId":%q,"clientSecret":%q}}`, root.id, root.secret))
	p.Want(`{"id":1,"action":"authenticate","success":true,"payload":{"jailId":"root"}}`)
	return p
}

// connect opens a connection to the public listener, until the test ends.
func (g *gateway) connect() net.Conn {
	g.t.Helper()
	c, err := net.Dial("tcp", g.listen)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}

func readAnswer(t testing.TB, c net.Conn) answer {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, string(body), response.Header}
}

// TestIdleClientsAnswerPings: a client that has sent nothing for longer than a
// write may take still answers pings, and stays.
func TestIdleClientsAnswerPings(t *testing.T) {
	t.Parallel()
	g := start(t, "SEAGATE_WEBSOCKET_PING_INTERVAL=1s")
	p := g.login(root, "root")
	p.Net.SetWriteDeadline(time.Unix(1, 0)) // as left behind by a message sent long ago
	// A client that leaves a ping unanswered receives no other.
	eventually(t, "the third ping", func() bool { return p.pings.Load() >= 3 })
	p.Send(`{"id":2,"action":"describe","payload":"nothing"}`)
	p.wantRefusal("stream_not_found")
}

// TestChangedTokensAreRefused let nobody in, whichever character was.
func TestChangedTokensAreRefused(t *testing.T) {
	t.Parallel()
	g := start(t, "SEAGATE_LIMITS_FAILED_AUTHENTICATIONS=10000")
	key := `{"jwtPublicKey":"` + strings.ReplaceAll(publicPEM(t, "office"), "\n", `\n`) + `"}`
	g.ok(root, "PUT", "/client/root/jwt-public-key", key)
	token := signToken(t, "office", "RS512", fmt.Sprintf(`{"exp":%d,"mustFanout":true}`, time.Now().Add(time.Hour).Unix()))
	authenticate := func(token string) *peer {
		p := g.dial()
		p.Send(fmt.Sprintf(`{"id":1,"action":"authenticate","payload":{"type":"jwt","clientId":"root","jwt":%q}}`, token))
		return p
	}
	authenticate(token).want(`{"id":1,"action":"authenticate","success":true,"payload":{"jailId":"root"}}`)
	for at := 0; at < len(token); at += 7 {
		authenticate(token[:at] + token[at+1:]).wantRefusal("invalid_credentials")
		authenticate(token[:at] + other(token[at]) + token[at+1:]).wantRefusal("invalid_credentials")
		authenticate(token[:at] + "=" + token[at:]).wantRefusal("invalid_credentials")
	}
	authenticate(token).want(`{"id":1,"action":"authenticate","success":true,"payload":{"jailId":"root"}}`)
}

// other is another character than c, and a bit of it that counts even in the
// last one of a text in base64.
func other(c byte) string {
	if c == 'Q' {
		return "w"
	}
	return "Q"
}
