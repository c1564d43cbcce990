package gateway_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/go-json-experiment/json/jsontext"

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
		p.ok(p.publish(root, "a", `{"n":1}`))
		p.defineAs(root, "much", `{"version":1,"fields":[],"unknownFields":"accept"}`)
		for range 5 {
			p.ok(p.publish(root, "much", fmt.Sprintf(`{"s":%q}`, strings.Repeat("x", 15<<10))))
		}
		p.ok(p.publish(root, "much", `{"n":1}`))
		release := gateway.HoldLargeInput(p.Gateway.Gateway)
		large := fmt.Sprintf(`{"s":%q}`, strings.Repeat("x", 16<<10))
		wide := fmt.Sprintf(`{"version":1,"fields":[{"name":%q,"type":"string"}],"unknownFields":"accept"}`, strings.Repeat("n", 200))
		wide = strings.Replace(wide, "{", "{"+strings.Repeat(" ", 16<<10), 1)

		const waiting = 10
		done := make(chan string, waiting)
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
		waits("a plan of a large definition", func() error {
			_, err := p.PlanDefine(t.Context(), root, "b", []byte(wide))
			return err
		})
		waits("a plan of the large definition of a service", func() error {
			_, err := p.PlanDefineService(t.Context(), root, "b", []byte(strings.Repeat(" ", 16<<10)+`{"version":1,"procedures":[]}`))
			return err
		})
		waits("a trial of a definition", func() error {
			_, err := p.TrySchema(t.Context(), root, "a", []byte(`{"version":2,"fields":[],"unknownFields":"accept"}`), 10)
			return err
		})
		waits("a question about a filter", func() error {
			_, err := p.EvaluateFilter(t.Context(), root, gateway.FilterQuestion{Filter: jsontext.Value(`{"t":"null"}`)})
			return err
		})
		waits("a question about a message", func() error {
			_, err := p.Explain(t.Context(), root, gateway.ExplainQuery{Stream: "a", Seq: 1})
			return err
		})
		waits("a question about a message that is not published", func() error {
			_, err := p.ExplainPublish(t.Context(), root, gateway.ExplainQuery{Stream: "a"}, jsontext.Value(`{}`), 10)
			return err
		})
		const filter = `{"t":"eq","e":[{"t":"path","e":"$.n"},{"t":"number","e":1}]}`
		search := func(stream string) error {
			from := gateway.Position{Position: protocol.Position{Kind: protocol.PositionEarliest}}
			page, err := p.Search(t.Context(), root, stream, from, 10, jsontext.Value(filter))
			if err == nil && len(page.Messages) != 1 {
				err = fmt.Errorf("%d messages of %s pass, want 1", len(page.Messages), stream)
			}
			return err
		}
		waits("a search of much", func() error { return search("much") })
		p.ok(search("a")) // of little, which does not wait
		sender, leave := context.WithCancel(t.Context())
		left := make(chan *protocol.Error)
		go func() {
			left <- p.refusalOf(root, gateway.Publication{Stream: "a", Payloads: repeated(large, 1), Sender: sender})
		}()
		synctest.Wait()
		p.ok(p.publish(root, "a", `{"small":1}`))
		leave()
		if refusal := <-left; refusal == nil || refusal.Code != protocol.CodeStorageUnavailable {
			t.Errorf("who has gone: %v", refusal)
		}
		if len(done) > 0 {
			t.Errorf("%s did not wait", <-done)
		}
		release()
		synctest.Wait()
		if len(done) != waiting {
			t.Errorf("%d of %d are done", len(done), waiting)
		}
	})
}
