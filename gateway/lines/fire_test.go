package lines_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Under fire, 50 listeners join and leave a stream that gets messages 1, 2, 3, … at 5,000
// a second, or as fast as the gateway takes them if that is slower, and with each 50th the
// next header in one step. It lasts until there are 15,000 messages. A message says its
// number, the number of the header that holds after it, and whether it brought that one.
// Each join must show header n, and then all messages without a hole, of which those that
// bring headers bring exactly n+1, n+2, ….
func TestHeaderAndJoinUnderFire(t *testing.T) {
	const listeners, perSecond, headerEvery = 50, 5_000, 50
	enough := int64(15_000)
	if testing.Short() {
		enough = 5_000
	}
	b := newBench(t, setup{})
	writer := b.dial()
	writer.send(`{"action":"header","id":0,"stream":"job","message":0}`)
	writer.want(`{"action":"header","id":0,"stream":"job"}`)

	var n, headers, joins, messages atomic.Int64
	stop := make(chan struct{})
	var firing sync.WaitGroup
	start := time.Now()
	firing.Go(func() {
		defer close(stop)
		var batch bytes.Buffer
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for n.Load() < enough || joins.Load() < listeners { // which a busy machine lets begin late
			<-tick.C
			batch.Reset()
			for due := int64(time.Since(start).Seconds() * perSecond); n.Load() < due; {
				i := n.Add(1)
				if i%headerEvery == 0 {
					fmt.Fprintf(&batch, `{"action":"put","stream":"job","message":[%d,%d,1],"header":%[2]d}`+"\n", i, headers.Add(1))
				} else {
					fmt.Fprintf(&batch, `{"action":"put","stream":"job","message":[%d,%d,0]}`+"\n", i, headers.Load())
				}
			}
			if _, err := writer.nc.Write(batch.Bytes()); err != nil {
				t.Error(err)
				return
			}
		}
	})

	var listening sync.WaitGroup
	for range listeners {
		p := b.dial()
		listening.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				got, err := joinAndLeave(p, 1+rand.IntN(300))
				joins.Add(1)
				messages.Add(int64(got))
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	firing.Wait()
	writer.send(`{"action":"put","id":1,"stream":"job","message":[` + strconv.FormatInt(n.Add(1), 10) + `,` + strconv.FormatInt(headers.Load(), 10) + `,0]}`)
	writer.want(`{"action":"put","id":1,"stream":"job"}`)
	took, sent := time.Since(start), n.Load() // until all are accepted
	for range 300 {                           // so that those who wait for a message get one
		writer.send(fmt.Sprintf(`{"action":"put","stream":"job","message":[%d,%d,0]}`, n.Add(1), headers.Load()))
	}
	listening.Wait()
	t.Logf("%d messages and %d headers, %.0f messages a second; %d joins saw %d messages",
		n.Load(), headers.Load(), float64(sent)/took.Seconds(), joins.Load(), messages.Load())
	if joins.Load() < listeners || headers.Load() < enough/headerEvery {
		t.Errorf("%d joins, %d headers: too little to tell", joins.Load(), headers.Load())
	}
}

// joinAndLeave listens, reads the header and count messages, and hangs up.
func joinAndLeave(p *peer, count int) (got int, err error) {
	if _, err := p.nc.Write([]byte(`{"action":"listen","stream":"job"}` + "\n")); err != nil {
		return 0, err
	}
	var seen view
	hungUp := false
	for {
		line, err := p.r.ReadSlice('\n')
		if err != nil {
			return got, err
		}
		if bytes.HasPrefix(line, []byte(`{"action":"hangup"`)) {
			return got, nil
		}
		if err := seen.line(line); err != nil {
			return got, err
		}
		if got = seen.messages; got >= count && !hungUp {
			hungUp = true
			if _, err := p.nc.Write([]byte(`{"action":"hangup"}` + "\n")); err != nil {
				return got, err
			}
		}
	}
}

// A view is what a listener has seen of the stream.
type view struct {
	joined   bool
	header   int64 // that holds
	last     int64 // number of the last message
	messages int
}

func (v *view) line(line []byte) error {
	rest, isPut := bytes.CutPrefix(line, []byte(`{"action":"put","stream":"job","message":`))
	if digits, isHeader := bytes.CutSuffix(rest, []byte(`,"header":true}`+"\n")); isHeader && !v.joined {
		var err error
		v.header, err = strconv.ParseInt(string(digits), 10, 64)
		v.joined = true
		return err
	}
	var number, header, brings int64
	if _, err := fmt.Sscanf(string(rest), "[%d,%d,%d]}", &number, &header, &brings); err != nil || !isPut || !v.joined {
		return fmt.Errorf("got %s", line)
	}
	if header != v.header+brings {
		return fmt.Errorf("behind header %d: %s", v.header, line)
	}
	if v.messages > 0 && number != v.last+1 {
		return fmt.Errorf("behind message %d: %s", v.last, line)
	}
	v.header, v.last = header, number
	v.messages++
	return nil
}
