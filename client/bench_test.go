package client_test

import (
	"bytes"
	"fmt"
	"testing"

	"seagate/client"
)

// frames returns n text frames with the same message.
func frames(n int, message string) []byte {
	frame := append([]byte{0x81, 126, byte(len(message) >> 8), byte(len(message))}, message...)
	return bytes.Repeat(frame, n)
}

// BenchmarkNext measures receiving a message of 256 bytes.
func BenchmarkNext(b *testing.B) {
	const batch = 64
	f := newFake(b, func(p *peer) {
		p.enterAndSubscribe()
		go func() { // until the client begins to close
			p.raw.Read(make([]byte, 1))
			p.raw.Close()
		}()
		burst := frames(batch, delivery(`{"a":`+long(250)+`}`))
		for {
			if _, err := p.raw.Write(burst); err != nil {
				return
			}
		}
	})
	conn := f.dialed(client.Options{})
	sub, err := conn.Subscribe(b.Context(), "boiler_data", client.SubscribeOptions{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sub.Next(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSend measures publishing a message without waiting for its answer,
// including the work of the fake.
func BenchmarkSend(b *testing.B) {
	f := newFake(b, func(p *peer) {
		p.enter()
		for id := 2; ; id++ {
			p.skip()
			if !p.offer(fmt.Sprintf(`{"id":%d,"action":"publish","success":true}`, id)) {
				return
			}
		}
	})
	conn := f.dialed(client.Options{})
	message := map[string]string{"a": long(250)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := conn.Send(b.Context(), "boiler_data", message); err != nil {
			b.Fatal(err)
		}
	}
}
