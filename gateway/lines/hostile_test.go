package lines_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"seagate/gateway/lines"
)

// Garbage, lines that are too long or do not end, floods, and peers that read nothing end
// at worst their own connection. Somebody else's work goes on meanwhile, message by
// message.
func TestHostilePeers(t *testing.T) {
	b := newBench(t, setup{options: func(o *lines.Options) {
		o.LineBytes, o.LineTimeout, o.StallTimeout = 64<<10, 200*time.Millisecond, 200*time.Millisecond
	}})
	listener, writer := b.dial(), b.dial()
	listener.send(`{"action":"listen","id":1,"stream":"job"}`)
	listener.want(`{"action":"listen","id":1,"stream":"job"}`)
	sent := 0
	work := func(n int) {
		t.Helper()
		for range n {
			writer.send(fmt.Sprintf(`{"action":"put","stream":"job","message":[%d,"%s"]}`, sent, strings.Repeat("x", 2_000)))
			sent++
		}
	}
	check := func(from int) {
		t.Helper()
		for ; from < sent; from++ {
			if got := listener.next(); !strings.HasPrefix(got, fmt.Sprintf(`{"action":"put","stream":"job","message":[%d,`, from)) {
				t.Fatalf("message %d: %.100s", from, got)
			}
		}
	}

	t.Run("a giant line", func(t *testing.T) {
		p := b.dial()
		go io.Copy(p.nc, io.LimitReader(endless{}, 1<<30))
		p.t = t
		p.wantError(``, `,"code":"message_too_large"`)
		from := sent
		work(3)
		check(from)
	})
	t.Run("a line of exactly the limit", func(t *testing.T) {
		p := b.dial()
		line := `{"action":"hangup","x":"` + strings.Repeat("x", 64<<10)
		line = line[:64<<10-len(`"}`)-1] + `"}`
		p.send(line)
		p.want(line)
		p.send(line + "  ")
		p.wantError(``, `,"code":"message_too_large"`)
	})
	t.Run("a line that does not end", func(t *testing.T) {
		p := b.dial()
		p.nc.Write([]byte(`{"action":`))
		p.wantError(``, `,"code":"invalid_request"`)
		p.wantEnd()
	})
	t.Run("garbage", func(t *testing.T) {
		p := b.dial()
		random := rand.NewChaCha8([32]byte{1})
		go func() {
			buf := make([]byte, 512)
			for range 2_000 {
				random.Read(buf)
				if _, err := p.nc.Write(append(buf, '\n')); err != nil {
					return
				}
			}
			p.send(`{"action":"close"}`)
		}()
		errors := 0
		for {
			line, err := p.r.ReadString('\n')
			if err == io.EOF {
				break
			}
			if err != nil || !strings.HasPrefix(line, `{"action":"error"`) {
				t.Fatalf("got %.200q, %v", line, err)
			}
			errors++
		}
		if errors < 1_000 {
			t.Errorf("%d errors", errors)
		}
		from := sent
		work(3)
		check(from)
	})
	t.Run("listeners that never read", func(t *testing.T) {
		deaf := make([]*peer, 10)
		for i := range deaf {
			deaf[i] = b.dial()
			deaf[i].send(`{"action":"listen","stream":"job","from":"earliest"}`)
		}
		asker := b.dial() // asks and does not read the answers
		go func() {
			for range 1 << 20 {
				if _, err := asker.nc.Write(bytes.Repeat([]byte(`{"action":"hangup","stream":"nobody"}`+"\n"), 100)); err != nil {
					return
				}
			}
		}()
		from := sent
		begun := time.Now()
		for b.server.Open() > 2 {
			work(50)
			check(from)
			from = sent
			if time.Since(begun) > patience {
				t.Fatalf("%d connections are open", b.server.Open())
			}
		}
		work(3)
		check(from)
	})
}

type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'x'
	}
	return len(b), nil
}
