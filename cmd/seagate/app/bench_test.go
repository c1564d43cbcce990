package app_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"seagate/gateway/ws/wstest"
)

const benchDefinition = `{"version":1,"fields":[{"name":"n","type":"integer"},{"name":"s","type":"string"}]}`

// benchMessage has about 256 bytes.
var benchMessage = fmt.Sprintf(`{"n":1,"s":"%s"}`, strings.Repeat("x", 240))

// BenchmarkDurablePublish measures publishing over WebSocket. Messages are checked
// against a schema and synced to disk, and each connection waits for its answers.
// The floor writes and syncs the same bytes to the same disk, message by message.
func BenchmarkDurablePublish(b *testing.B) {
	b.Run("floor", benchFloor)
	for _, publishers := range []int{1, 16, 256} {
		b.Run(fmt.Sprint(publishers), func(b *testing.B) { benchPublish(b, publishers) })
	}
}

func benchFloor(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	for b.Loop() {
		if _, err := f.WriteString(benchMessage); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
	reportRate(b)
}

func reportRate(b *testing.B) {
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}

func benchPublish(b *testing.B, publishers int) {
	a, stop := start(b, testConfig(b))
	defer stop()
	if status, text := call(b, http.DefaultClient, "POST", a.URL()+"/api/v1/streams/s/define", benchDefinition); status != 200 {
		b.Fatal(text)
	}
	defer http.DefaultClient.CloseIdleConnections()
	conns := make([]*wstest.Conn, publishers)
	for i := range conns {
		conns[i] = wstest.Dial(b, a.Addr().String(), "/api/v1/streams")
		conns[i].Send(`{"id":1,"action":"authenticate","payload":{"type":"basic","clientId":"root","clientSecret":"` + rootSecret + `"}}`)
		conns[i].Want(`{"id":1,"action":"authenticate","success":true,"payload":{"jailId":"root"}}`)
	}
	var next atomic.Int64
	b.SetParallelism(publishers) // times the processors; what is too many has no connection
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		n := int(next.Add(1)) - 1
		if n >= publishers {
			return
		}
		for id := 2; pb.Next(); id++ {
			conns[n].Send(fmt.Sprintf(`{"id":%d,"action":"publish","streamName":"s","payload":%s}`, id, benchMessage))
			if answer, closed := conns[n].Next(); closed != nil || !strings.HasSuffix(answer, `"success":true}`) {
				b.Errorf("%s %v", answer, closed)
				return
			}
		}
	})
	b.StopTimer()
	reportRate(b)
	for _, c := range conns {
		c.Net.Close()
	}
}
