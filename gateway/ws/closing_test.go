package ws_test

import (
	"encoding/binary"
	"testing"
	"testing/synctest"

	"seagate/gateway/ws/wstest"
	"seagate/storage/memory"
	"seagate/storage/storagetest"
)

// A client that publishes and closes at once gets its answers before the close frame.
func TestAClientThatClosesGetsItsAnswersFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, disk := newPipes(), storagetest.SlowAppends{Engine: memory.New(), Gate: make(chan struct{})}
		b := newBench(t, setup{listener: l, disk: disk})
		c, _ := wstest.Over(t, l.dial(t), "/")
		b.authenticate(c)
		c.Send(`{"id":2,"action":"publish","streamName":"boiler","payload":{"n":1}}`)
		c.SendRaw(wstest.Frame(true, wstest.Close, binary.BigEndian.AppendUint16(nil, 1000)))
		synctest.Wait()
		close(disk.Gate)
		c.WantPublished(2, 1)
		c.WantClose(1000, "")
	})
}
