package lines_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"seagate/internal/sockets/socketstest"
)

func TestAnswersToLinesThatCameTogetherAreOneWrite(t *testing.T) {
	const burst = 16
	var counting socketstest.CountingListener
	b := newBench(t, setup{listen: func(l net.Listener) net.Listener {
		counting.Listener = l
		return &counting
	}})
	p := b.dial()
	p.send(`{"action":"put","id":0,"stream":"s","message":0}`)
	p.want(`{"action":"put","id":0,"stream":"s"}`)
	counting.Writes.Store(0)
	var lines, answers []string
	for i := range burst {
		lines = append(lines, fmt.Sprintf(`{"action":"put","id":%d,"stream":"s","message":%d}`, i, i))
		answers = append(answers, fmt.Sprintf(`{"action":"put","id":%d,"stream":"s"}`, i))
	}
	p.send(strings.Join(lines, "\n"))
	p.want(answers...)
	if n := counting.Writes.Load(); n > 3 { // the kernel may hand over in pieces what came together
		t.Errorf("%d answers took %d writes", burst, n)
	}
}
