package main_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"seagate/gateway/ws/wstest"
)

// A jail with many connections that do not read has no more queued than its share. Another jail
// receives meanwhile, and whoever reads later receives everything.
func TestTheQueuesOfADeafJailHaveAShare(t *testing.T) {
	t.Parallel()
	const connections, messages, size = 12, 3, 900_000
	g := start(t, "SEAGATE_LIMITS_QUEUED_BYTES_PER_JAIL=2MiB")
	g.ok(root, "POST", "/streams/wide/define", `{"version":1,"fields":[{"name":"s","type":"string"}]}`)
	var deaf []*wstest.Conn
	for range connections {
		p := g.loginDeaf()
		p.Send(`{"id":2,"action":"subscribe","payload":"wide"}`)
		p.Want(`{"id":2,"action":"subscription","success":true,"streamName":"wide","payload":2}`)
		deaf = append(deaf, p)
	}
	n := g.newNeighbour("quiet")
	payload := func(i int) string { return fmt.Sprintf(`{"s":"%d%s"}`, i, strings.Repeat("x", size)) }
	for i := range messages {
		g.ok(root, "POST", "/streams/wide/publish", `{"payload":`+payload(i)+`}`)
	}
	const waits = "seagate_queue_share_waits_total"
	eventually(t, "that deliveries wait", func() bool { return g.metric(waits) >= connections-4 })
	if queued := g.metric("seagate_queue_bytes"); queued > 4<<20 {
		t.Errorf("%.0f bytes are queued for a jail that may have 2 MiB", queued)
	}
	g.ok(n.as, "POST", "/streams/measures/publish", `{"payload":{"n":1}}`)
	n.reader.want(delivery(2, "measures", `{"n":1}`))

	var reading sync.WaitGroup
	for _, p := range deaf {
		reading.Go(func() {
			for i := range messages {
				if got, _ := p.Next(); got != delivery(2, "wide", payload(i)) {
					t.Errorf("message %d: got %.100s", i, got)
					return
				}
			}
		})
	}
	reading.Wait()
	eventually(t, "that nothing is queued", func() bool { return g.metric("seagate_queue_bytes") == 0 })
}
