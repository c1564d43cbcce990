package protocol_test

import (
	"strings"
	"testing"

	"seagate/protocol"
)

// publish300 is a publish of 300 bytes, of ordinary shape.
func publish300() []byte {
	head := `{"id":1234,"action":"publish","streamName":"portCall","payload":{"vessel":"MSC Aurora","imo":9839430,"eta":"2026-11-20T08:00:00Z","status":"expected","draught":14.25,"moves":[{"load":120,"discharge":80},{"load":12,"discharge":8}],"note":"`
	tail := `"}}`
	return []byte(head + strings.Repeat("n", 300-len(head)-len(tail)) + tail)
}

func BenchmarkDecodeRequest(b *testing.B) {
	message, limits := publish300(), protocol.DefaultLimits()
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := protocol.DecodeRequest(message, limits); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodePublish(b *testing.B) {
	message, limits := publish300(), protocol.DefaultLimits()
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	for b.Loop() {
		req, err := protocol.DecodeRequest(message, limits)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := req.Publish(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendDeliveryHead(b *testing.B) {
	buffer := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		buffer = protocol.AppendDeliveryHead(buffer[:0], 1234)
	}
}

func BenchmarkAppendDeliveryTail(b *testing.B) {
	payload := []byte(`{"note":"` + strings.Repeat("n", 245) + `"}`)
	buffer := make([]byte, 0, 512)
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		buffer = protocol.AppendDeliveryTail(buffer[:0], protocol.ActionSubscription, "portCall", payload)
	}
}
