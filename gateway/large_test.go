package gateway_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"seagate/gateway"
	"seagate/protocol"
	"seagate/storage/memory"
)

// Large input waits while other large input is worked on. Small input does not, and who has gone
// waits no longer.
func TestLargeInputTakesTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, memory.New(), nil)
		root, _ := p.Root("root")
		p.defineAs(root, "a", `{"version":1,"fields":[],"unknownFields":"accept"}`)
		release := gateway.HoldLargeInput(p.Gateway.Gateway)
		large := fmt.Sprintf(`{"s":%q}`, strings.Repeat("x", 16<<10))
		wide := fmt.Sprintf(`{"version":1,"fields":[{"name":%q,"type":"string"}],"unknownFields":"accept"}`, strings.Repeat("n", 200))
		wide = strings.Replace(wide, "{", "{"+strings.Repeat(" ", 16<<10), 1)

		done := make(chan string, 4)
		waits := func(what string, work func() error) {
			go func() {
				p.ok(work())
				done <- what
			}()
		}
		waits("a large message", func() error { return p.publish(root, "a", large) })
		waits("a large batch", func() error {
			return p.publishWith(root, gateway.Publication{Stream: "a", Payloads: repeated("{}", 64), Batch: true})
		})
		waits("a large definition", func() error {
			_, err := p.Define(t.Context(), root, "b", []byte(wide))
			return err
		})
		gone := make(chan struct{})
		left := make(chan *protocol.Error)
		go func() {
			left <- p.refusalOf(root, gateway.Publication{Stream: "a", Payloads: repeated(large, 1), Gone: gone})
		}()
		synctest.Wait()
		p.ok(p.publish(root, "a", `{"small":1}`))
		close(gone)
		if refusal := <-left; refusal == nil || refusal.Code != protocol.CodeStorageUnavailable {
			t.Errorf("who has gone: %v", refusal)
		}
		if len(done) > 0 {
			t.Errorf("%s did not wait", <-done)
		}
		release()
		synctest.Wait()
		if len(done) != 3 {
			t.Errorf("%d of 3 are done", len(done))
		}
	})
}
