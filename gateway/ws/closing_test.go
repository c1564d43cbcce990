package ws_test

import (
	"context"
	"encoding/binary"
	"testing"
	"testing/synctest"

	"seagate/gateway/ws/wstest"
	"seagate/storage"
	"seagate/storage/memory"
)

// lateLogs append when written is closed, as a disk that takes its time does.
type lateLogs struct {
	storage.Engine
	written chan struct{}
}

type lateLog struct {
	storage.Log
	written chan struct{}
}

func (l lateLogs) OpenLog(ctx context.Context, name string) (storage.Log, error) {
	log, err := l.Engine.OpenLog(ctx, name)
	return lateLog{log, l.written}, err
}

func (l lateLog) Append(a storage.Append) {
	go func() {
		<-l.written
		l.Log.Append(a)
	}()
}

// A client that publishes and closes at once gets its answers before the close frame.
func TestAClientThatClosesGetsItsAnswersFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, disk := newPipes(), lateLogs{memory.New(), make(chan struct{})}
		b := newBench(t, setup{listener: l, disk: disk})
		c, _ := wstest.Over(t, l.dial(t), "/")
		b.authenticate(c)
		c.Send(`{"id":2,"action":"publish","streamName":"boiler","payload":{"n":1}}`)
		c.SendRaw(wstest.Frame(true, wstest.Close, binary.BigEndian.AppendUint16(nil, 1000)))
		synctest.Wait()
		close(disk.written)
		c.WantPublished(2, 1)
		c.WantClose(1000, "")
	})
}
