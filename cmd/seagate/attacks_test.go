package main_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
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
	{"heavy filters", heavyFilters},
	{"nacks of bearers", bearersThatNack},
	{"messages that do not end", endlessMessages},
	{"management calls", managementCalls},
	{"rotations", rotations},
	{"invalid messages for large definitions", invalidMessages},
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

// largeDefinition has fields with long names.
func largeDefinition(fields int, optional bool) string {
	list := make([]string, fields)
	for i := range list {
		list[i] = fmt.Sprintf(`{"name":"%s%d","type":"string","optional":%t}`, strings.Repeat("n", 200), i, optional)
	}
	return `{"version":1,"fields":[` + strings.Join(list, ",") + `]}`
}

func endlessDefinitions(ctx context.Context, a *attacker) {
	body := largeDefinition(900, true)
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
	open := held{most: 300} // the attackers have a limit of open files too
	defer open.close()
	for ctx.Err() == nil {
		c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", a.listen)
		if err != nil {
			continue
		}
		open.add(c)
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
		as := a.newClient(ctx, id)
		done := make(chan struct{})
		go func() {
			defer close(done)
			a.socket(ctx, as, `{"id":2,"action":"subscribe","payload":"race","groupId":"`+groupID+`"}`)
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
	a.call(ctx, a.as, "POST", "/streams/wide/define", largeDefinition(1000, false))
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
	frame := append([]byte{0x81, 0xFE, 0xFF, 0xFF, 1, 2, 3, 4}, make([]byte, 60_000)...)
	open := held{most: 200}
	defer open.close()
	for ctx.Err() == nil {
		c := a.handshake(ctx)
		if c == nil {
			continue
		}
		c.SetWriteDeadline(time.Now().Add(time.Second))
		c.Write(frame)
		open.add(c)
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
	open := held{most: 100}
	defer open.close()
	for ctx.Err() == nil {
		if c := a.logIn(ctx, a.as); c != nil {
			writeText(c, `{"id":2,"action":"subscribe","payload":"deaf","from":"earliest"}`)
			open.add(c)
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

// heavyFilters are those of 40 bearers. A message has 400,000 values. Each of the filters compares
// two lists in it with each other, of about as many values as a filter may compare, many times.
func heavyFilters(ctx context.Context, a *attacker) {
	a.call(ctx, a.as, "POST", "/streams/filtered/define", plainDefinition)
	as := a.newSigner(ctx, a.as.id+"-filters")
	list := func(n int) string { return "[" + strings.Repeat("1,", n-1) + "1]" }
	body := `{"payload":{"rest":` + list(160_000)
	for i := range 40 {
		body += fmt.Sprintf(`,"s%d":%s,"t%[1]d":%[2]s`, i, list(3_000))
	}
	body += "}}"
	open := held{most: 40}
	defer open.close()
	for i := 0; ctx.Err() == nil; i++ {
		same := fmt.Sprintf(`{"t":"eq","e":[{"t":"path","e":"s%d"},{"t":"path","e":"t%[1]d"}]}`, i%40)
		filter := fmt.Sprintf(`{"t":"and","e":[%s{"t":"number","e":%d}]}`, strings.Repeat(same+",", 7<<10/len(same)), i%40+1)
		if c := a.logInWith(ctx, as, `"mustFanout":true,"filter":`+filter); c != nil {
			writeText(c, `{"id":2,"action":"subscribe","payload":"filtered"}`)
			open.add(c)
		}
		a.call(ctx, a.as, "POST", "/streams/filtered/publish", body)
	}
}

// bearersThatNack make dead letters out of one message after the other, in groups that are new.
func bearersThatNack(ctx context.Context, a *attacker) {
	a.call(ctx, a.as, "POST", "/streams/nacked/define", plainDefinition)
	as := a.newSigner(ctx, a.as.id+"-nacks")
	for i := 0; ctx.Err() == nil; i++ {
		c := a.logInWith(ctx, as, `"groups":true`)
		if c == nil {
			continue
		}
		writeText(c, fmt.Sprintf(`{"id":2,"action":"subscribe","payload":"nacked","ack":"explicit","from":"earliest","groupId":"6ba7b810-9dad-11d1-80b4-%012x"}`, i))
		a.call(ctx, a.as, "POST", "/streams/nacked/publish", `[`+strings.Repeat(`{"payload":{}},`, 9)+`{"payload":{}}]`)
		for n := range 5 {
			for seq := range 20 {
				writeText(c, fmt.Sprintf(`{"id":%d,"action":"nack","payload":{"subscription":2,"seq":%d,"reason":"%s"}}`,
					20*n+seq+3, seq+1, strings.Repeat("r", 1000)))
			}
			drain(ctx, c, 20*time.Millisecond) // they come again meanwhile
		}
		c.Close()
	}
}

// endlessMessages are those of connections that have authenticated.
func endlessMessages(ctx context.Context, a *attacker) {
	frame := append([]byte{0x81, 0xFF, 0, 0, 0, 0, 0, 0x0F, 0xFF, 0xFF, 1, 2, 3, 4}, make([]byte, 1_000_000)...)
	open := held{most: 100}
	defer open.close()
	for ctx.Err() == nil {
		if c := a.logIn(ctx, a.as); c != nil {
			c.SetWriteDeadline(time.Now().Add(time.Second))
			c.Write(frame)
			open.add(c)
		}
	}
}

// managementCalls are changes, dry runs, and lists.
func managementCalls(ctx context.Context, a *attacker) {
	definition := strings.Replace(largeDefinition(200, true), `"version":1`, `"version":2`, 1)
	a.call(ctx, a.as, "POST", "/streams/managed/define", plainDefinition)
	var begun atomic.Int64
	manage := func() {
		i := begun.Add(1)
		id := fmt.Sprintf("%s-managed-%d", a.as.id, i%50)
		for _, call := range [][3]string{
			{"POST", "/client", fmt.Sprintf(`{"clientId":%q,"description":""}`, id)},
			{"PUT", "/client/" + id + "/rights", `{"rights":{"publish":["managed"]}}`},
			{"POST", "/streams/managed/define?dryRun=true", definition},
			{"POST", fmt.Sprintf("/streams/managed-%d/define", i%50), plainDefinition},
			{"PUT", "/streams/managed/settings", fmt.Sprintf(`{"retention":{"age":%d}}`, 3600+i)},
			{"PUT", "/streams/managed/header", fmt.Sprintf(`{"payload":{"i":%d}}`, i)},
			{"GET", "/streams", ""},
			{"GET", "/clients", ""},
			{"GET", "/connections", ""},
			{"GET", "/network", ""},
			{"DELETE", fmt.Sprintf("/streams/managed-%d", (i+1)%50), ""},
		} {
			a.call(ctx, a.as, call[0], call[1], call[2])
		}
	}
	var managing sync.WaitGroup
	for range 4 {
		managing.Go(func() {
			for ctx.Err() == nil {
				manage()
			}
		})
	}
	managing.Wait()
}

// rotations change the secret and the key of a client, with which others publish.
func rotations(ctx context.Context, a *attacker) {
	a.call(ctx, a.as, "POST", "/streams/rotated/define", plainDefinition)
	id := a.as.id + "-rotated"
	as := a.newSigner(ctx, id)
	for i := 0; ctx.Err() == nil; i++ {
		var publishing sync.WaitGroup
		const publish = `{"id":%d,"action":"publish","streamName":"rotated","payload":{}}`
		for _, c := range []net.Conn{a.logIn(ctx, as), a.logInWith(ctx, as, `"publish":["rotated"]`)} {
			if c == nil {
				continue
			}
			publishing.Go(func() {
				defer c.Close()
				for id := range 100 {
					writeText(c, fmt.Sprintf(publish, id+2))
				}
				drain(ctx, c, 20*time.Millisecond)
			})
		}
		a.call(ctx, as, "POST", "/streams/rotated/publish", `{"payload":{}}`)
		secret := a.read(ctx, a.as, "PUT", fmt.Sprintf("/client/%s?keepOld=%d", id, i%2), "")
		a.call(ctx, a.as, "PUT", "/client/"+id+"/jwt-public-key", `{"jwtPublicKey":null}`)
		publishing.Wait()
		if as = (credentials{id, member(secret, "secret")}); as.secret == "" {
			as = a.newSigner(ctx, id)
		}
		a.setKey(ctx, id)
	}
}

// invalidMessages come for one definition after the other, so that each has to be compiled.
func invalidMessages(ctx context.Context, a *attacker) {
	definition := largeDefinition(900, false)
	for i := 0; ctx.Err() == nil; i++ {
		stream := fmt.Sprintf("/streams/invalid-%d", i%20)
		if i < 20 {
			a.call(ctx, a.as, "POST", stream+"/define", definition)
		}
		a.call(ctx, a.as, "POST", stream+"/publish", `{"payload":{"surplus":1}}`)
	}
}
