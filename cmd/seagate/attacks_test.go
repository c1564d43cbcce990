package main_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// An attack is what one hostile jail, or a stranger, does until ctx ends, as fast as it can.
// It looks at no answer: whatever the gateway says, it goes on.
type attack struct {
	name string
	run  func(ctx context.Context, a *attacker)
}

var attacks = []attack{
	{"fill the disk", fillTheDisk},
	{"definitions without end", endlessDefinitions},
	{"streams in memory", fillTheMemory},
	{"idle connections of strangers", idleStrangers},
	{"wrong credentials", wrongCredentials},
	{"clients made and deleted while they subscribe", restlessClients},
	{"message ids", messageIDs},
	{"a small batch that is large", largeBatch},
	{"first messages that do not end", endlessFirstMessages},
	{"many subscriptions from the earliest", manySubscriptions},
	{"subscribers that do not read", deafSubscribers},
	{"origins and ids for the log", longLogLines},
}

const plainDefinition = `{"version":1,"fields":[],"unknownFields":"accept"}`

// fillTheDisk keeps everything for ever.
func fillTheDisk(ctx context.Context, a *attacker) {
	a.call(ctx, a.as, "POST", "/streams/disk/define", plainDefinition)
	a.call(ctx, a.as, "PUT", "/streams/disk/settings", `{"retention":{"age":0,"bytes":0}}`)
	body := `{"payload":{"s":"` + strings.Repeat("x", 700_000) + `"}}`
	for ctx.Err() == nil {
		a.call(ctx, a.as, "POST", "/streams/disk/publish", body)
	}
}

func endlessDefinitions(ctx context.Context, a *attacker) {
	var fields []string
	for i := range 900 {
		fields = append(fields, fmt.Sprintf(`{"name":"%s%d","type":"string","optional":true}`, strings.Repeat("n", 200), i))
	}
	body := `{"version":1,"fields":[` + strings.Join(fields, ",") + `]}`
	for i := 0; ctx.Err() == nil; i++ {
		a.call(ctx, a.as, "POST", fmt.Sprintf("/streams/d%d/define", i), body)
		a.call(ctx, a.as, "GET", fmt.Sprintf("/streams/d%d/schemas", i), "")
	}
}

func fillTheMemory(ctx context.Context, a *attacker) {
	body := `{"payload":{"s":"` + strings.Repeat("x", 700_000) + `"}}`
	for i := 0; ctx.Err() == nil; i++ {
		stream := fmt.Sprintf("/streams/m%d", i%20)
		a.call(ctx, a.as, "POST", stream+"/define", plainDefinition)
		a.call(ctx, a.as, "PUT", stream+"/settings", `{"durability":"memory","retention":{"age":0,"bytes":0,"messages":0}}`)
		a.call(ctx, a.as, "POST", stream+"/publish", body)
	}
}

// idleStrangers hold as many connections as they get, and say nothing.
func idleStrangers(ctx context.Context, a *attacker) {
	const most = 300 // the attackers have a limit of open files too
	var open []net.Conn
	defer func() {
		for _, c := range open {
			c.Close()
		}
	}()
	for ctx.Err() == nil {
		c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", a.listen)
		if err != nil {
			continue
		}
		if open = append(open, c); len(open) > most {
			open[0].Close()
			open = open[1:]
		}
	}
}

func wrongCredentials(ctx context.Context, a *attacker) {
	for i := 0; ctx.Err() == nil; i++ {
		a.call(ctx, credentials{fmt.Sprint("nobody", i%50), "wrong"}, "GET", "/streams", "")
		a.call(ctx, credentials{"root", "wrong"}, "GET", "/streams", "")
	}
}

// restlessClients race the deletion of a client with its subscription.
func restlessClients(ctx context.Context, a *attacker) {
	a.call(ctx, a.as, "POST", "/streams/race/define", plainDefinition)
	for i := 0; ctx.Err() == nil; i++ {
		id := fmt.Sprintf("%s-%d", a.as.id, i%10)
		r, err := requestTo(a.listen, a.as, "POST", "/client", fmt.Sprintf(`{"clientId":%q,"description":""}`, id))
		if err != nil {
			panic(err)
		}
		response, err := a.http.Do(r.WithContext(ctx))
		if err != nil {
			continue
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		done := make(chan struct{})
		go func() {
			defer close(done)
			a.socket(ctx, credentials{id, member(string(body), "secret")}, `{"id":2,"action":"subscribe","payload":"race","groupId":"`+groupID+`"}`)
		}()
		a.call(ctx, a.as, "POST", "/streams/race/publish", `{"payload":{}}`)
		a.call(ctx, a.as, "DELETE", "/client/"+id, "")
		<-done
	}
}

func messageIDs(ctx context.Context, a *attacker) {
	a.call(ctx, a.as, "POST", "/streams/ids/define", plainDefinition)
	for i := 0; ctx.Err() == nil; i++ {
		a.call(ctx, a.as, "POST", "/streams/ids/publish", `{"payload":{}}`, fmt.Sprintf("Idempotency-Key: %d", i))
	}
}

// largeBatch is 10,000 messages in some bytes, each of which lacks 1,000 fields.
func largeBatch(ctx context.Context, a *attacker) {
	var fields []string
	for i := range 1000 {
		fields = append(fields, fmt.Sprintf(`{"name":"%s%d","type":"string"}`, strings.Repeat("n", 200), i))
	}
	a.call(ctx, a.as, "POST", "/streams/wide/define", `{"version":1,"fields":[`+strings.Join(fields, ",")+`]}`)
	var body bytes.Buffer
	w := gzip.NewWriter(&body)
	io.WriteString(w, "["+strings.Repeat("{},", 9_999)+"{}]")
	w.Close()
	for ctx.Err() == nil {
		a.call(ctx, a.as, "POST", "/streams/wide/publish", body.String(), "Content-Encoding: gzip")
	}
}

// endlessFirstMessages are strangers that begin to authenticate.
func endlessFirstMessages(ctx context.Context, a *attacker) {
	frame := append([]byte{0x81, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 1, 2, 3, 4}, make([]byte, 60_000)...)
	var open []net.Conn
	defer func() {
		for _, c := range open {
			c.Close()
		}
	}()
	for ctx.Err() == nil {
		c := a.handshake(ctx)
		if c == nil {
			continue
		}
		c.SetWriteDeadline(time.Now().Add(time.Second))
		c.Write(frame)
		if open = append(open, c); len(open) > 200 {
			open[0].Close()
			open = open[1:]
		}
	}
}

func manySubscriptions(ctx context.Context, a *attacker) {
	a.call(ctx, a.as, "POST", "/streams/many/define", plainDefinition)
	for range 9 {
		a.call(ctx, a.as, "POST", "/streams/many/publish", `{"payload":{"s":"`+strings.Repeat("x", 900_000)+`"}}`)
	}
	var requests []string
	for i := range 1000 {
		requests = append(requests, fmt.Sprintf(`{"id":%d,"action":"subscribe","payload":"many","from":"earliest"}`, i+2))
	}
	for ctx.Err() == nil {
		a.socket(ctx, a.as, requests...)
	}
}

func deafSubscribers(ctx context.Context, a *attacker) {
	a.call(ctx, a.as, "POST", "/streams/deaf/define", plainDefinition)
	var open []net.Conn
	defer func() {
		for _, c := range open {
			c.Close()
		}
	}()
	for ctx.Err() == nil {
		if c := a.logIn(ctx, a.as); c != nil {
			writeText(c, `{"id":2,"action":"subscribe","payload":"deaf","from":"earliest"}`)
			if open = append(open, c); len(open) > 100 {
				open[0].Close()
				open = open[1:]
			}
		}
		a.call(ctx, a.as, "POST", "/streams/deaf/publish", `{"payload":{"s":"`+strings.Repeat("x", 100_000)+`"}}`)
	}
}

func longLogLines(ctx context.Context, a *attacker) {
	id := strings.Repeat("\x01", 250)
	for i := 0; ctx.Err() == nil; i++ {
		a.call(ctx, credentials{fmt.Sprint(i, id), "wrong"}, "GET", "/streams", "")
		a.call(ctx, credentials{}, "GET", "/streams", "", "Origin: https://"+strings.Repeat("o", 200)+fmt.Sprint(i)+".example")
	}
}

// handshake opens a WebSocket, or returns nil.
func (a *attacker) handshake(ctx context.Context) net.Conn {
	c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", a.listen)
	if err != nil {
		return nil
	}
	c.SetDeadline(time.Now().Add(5 * time.Second))
	fmt.Fprintf(c, "GET /api/v1/streams HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", a.listen)
	answer := make([]byte, 1024)
	if n, err := c.Read(answer); err != nil || !bytes.HasPrefix(answer[:n], []byte("HTTP/1.1 101")) {
		c.Close()
		return nil
	}
	return c
}

// writeText writes a frame with a text of less than 64 KiB.
func writeText(c net.Conn, text string) {
	frame := []byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}
	if len(text) > 125 {
		frame = []byte{0x81, 0xFE, byte(len(text) >> 8), byte(len(text)), 0, 0, 0, 0}
	}
	c.SetWriteDeadline(time.Now().Add(5 * time.Second))
	c.Write(append(frame, text...))
}

// logIn opens a WebSocket and authenticates, or returns nil.
func (a *attacker) logIn(ctx context.Context, as credentials) net.Conn {
	c := a.handshake(ctx)
	if c != nil {
		writeText(c, fmt.Sprintf(`{"id":1,"action":"authenticate","payload":{"type":"basic","clientId":%q,"clientSecret":%q}}`, as.id, as.secret))
	}
	return c
}

// socket logs in, sends requests, reads for a moment, and goes without a word.
func (a *attacker) socket(ctx context.Context, as credentials, requests ...string) {
	c := a.logIn(ctx, as)
	if c == nil {
		return
	}
	defer c.Close()
	for _, r := range requests {
		writeText(c, r)
	}
	for end := time.Now().Add(300 * time.Millisecond); ctx.Err() == nil && time.Now().Before(end); {
		c.SetReadDeadline(end)
		if n, err := io.CopyN(io.Discard, c, 1<<20); n == 0 || err != nil {
			return
		}
	}
}
