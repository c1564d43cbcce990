package gateway_test

import (
	"bytes"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seagate/auth"
	"seagate/gateway/gatewaytest"
	"seagate/internal/secret"
	"seagate/protocol"
)

// An output is what was logged. Lines also come from timers.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(line []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(line)
}

func (o *output) taken() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.text.Reset()
	return o.text.String()
}

// Whoever connects can be refused thousands of times a second. The log has a few lines of
// each reason, and says how many it left out.
func TestLinesOfRefusalsAreRationed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out output
		g := gatewaytest.New(t, func(o *gatewaytest.Options) {
			o.Log = slog.New(slog.NewTextHandler(&out, nil))
			o.Settings.RefusalLines = 10
		})
		jail, _, err := g.Directory.CreateJail(t.Context(), "tenant", "", "app")
		if err != nil {
			t.Fatal(err)
		}
		tenant := &auth.Principal{JailID: jail.ID, ClientID: "app"}
		from := netip.MustParseAddr("192.0.2.1")
		id := strings.Repeat("\x01", 250)
		const attempts = 5_000
		for range attempts {
			g.Authenticate(protocol.Credentials{Type: protocol.BasicCredentials, ClientID: id, Secret: secret.New("x")}, from)
			g.RefuseOrigin(strings.Repeat("\x01", 20_000), from)
			g.ConnectionEnded(nil, from, protocol.Errorf(protocol.CodeProtocolViolation, "a binary message"))
			g.Refused("http", &auth.Principal{JailID: "hostile", ClientID: "app", Address: from}, protocol.Errorf(protocol.CodeForbidden, "not allowed to publish"))
			g.Refused("http", tenant, protocol.Errorf(protocol.CodeStreamNotFound, "no such stream"))
		}
		g.Refused("http", tenant, protocol.Errorf(protocol.CodeForbidden, "not allowed to publish"))
		g.ConnectionEnded(tenant, from, protocol.Errorf(protocol.CodeProtocolViolation, "a binary message"))
		log := out.taken()
		for line, most := range map[string]int{"authentication refused": 30, "origin refused": 10, "connection ended": 11, "request forbidden": 11, "no such stream": 0} {
			if n := strings.Count(log, line); n == 0 && most > 0 || n > most {
				t.Errorf("%d lines of %q, want 1 to %d", n, line, most)
			}
		}
		if len(log) > 64<<10 {
			t.Errorf("%d bytes of log", len(log))
		}
		if !strings.Contains(log, "reason=\"a binary message\" jail=tenant client=app") {
			t.Error("what strangers do hides the end of a client's connection")
		}
		if !strings.Contains(log, `"request forbidden" jail=tenant client=app`) || !strings.Contains(log, `jail=hostile client=app address=192.0.2.1 transport=http why="not allowed to publish"`) {
			t.Errorf("what one jail may not do hides that of another, or lacks the address")
		}
		if n := g.SuppressedLines(); n < 4*attempts-80 {
			t.Errorf("%d lines counted as left out", n)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := out.taken(); !strings.Contains(got, "suppressed=4990") {
			t.Errorf("after the attack: %s", got)
		}
	})
}
