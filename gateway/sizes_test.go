package gateway_test

import (
	"slices"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/gateway"
	"seagate/internal/quota"
	"seagate/protocol"
	"seagate/storage/memory"
)

// All messages of a batch that are too large for the jail are named, and a single one by no number.
func TestEveryMessageThatIsTooLargeIsNamed(t *testing.T) {
	g := build(t, memory.New(), nil)
	root := g.root()
	g.define(root, "s")
	g.Catalog.Quotas.Set(root.JailUID, quota.Own{quota.MessageBytes: 8})
	refusal := func(pub gateway.Publication) (e *protocol.Error) {
		pub.Stream = "s"
		g.Publish(root, pub, func(_ protocol.Published, refused error) { e = g.Refusal(refused) })
		return e
	}
	small, large := jsontext.Value(`{"p":1}`), jsontext.Value(`{"p":100000}`)
	e := refusal(gateway.Publication{Payloads: []jsontext.Value{large}})
	if e == nil || e.Code != protocol.CodeMessageTooLarge ||
		e.Message != "the message has 12 bytes; at most 8 are allowed in this jail" {
		t.Errorf("one message: %v", e)
	}
	e = refusal(gateway.Publication{Payloads: []jsontext.Value{large, small, large}, Batch: true})
	want := []string{
		"[0] the message has 12 bytes; at most 8 are allowed in this jail",
		"[2] the message has 12 bytes; at most 8 are allowed in this jail",
	}
	if e == nil || e.Code != protocol.CodeMessageTooLarge || !slices.Equal(e.Errors, want) {
		t.Errorf("a batch: %v %q", e, e.Errors)
	}
	if e := refusal(gateway.Publication{Payloads: []jsontext.Value{small}}); e != nil {
		t.Errorf("a small message: %v", e)
	}
}
