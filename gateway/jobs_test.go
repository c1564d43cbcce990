package gateway_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/auth"
	"seagate/gateway"
	"seagate/protocol"
	"seagate/storage"
	"seagate/storage/memory"
	"seagate/streams"
)

func withJobs(t testing.TB, records storage.Records, change func(*gateway.Settings)) (*parts, *auth.Principal) {
	t.Helper()
	g := build(t, records, func(s *gateway.Settings) {
		s.Jobs = gateway.JobPolicy{Streams: 3, Bytes: 1 << 10, IdleTimeout: time.Hour}
		if change != nil {
			change(s)
		}
	})
	return g, g.root()
}

// A job stream is there for every door, takes any JSON value, and leaves nothing on disk.
func TestAJobStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		records := memory.New()
		g, root := withJobs(t, records, nil)
		if e := g.publish(root, "job", `1`); code(e) != protocol.CodeStreamNotFound {
			t.Errorf("before it is a job stream: %v", e)
		}
		g.ok(g.OpenJob(root, "job"))
		g.ok(g.SetHeader(t.Context(), root, "job", jsontext.Value(`{"done":0}`)))
		s := g.subscribe(root, "job", "")
		g.ok(g.publish(root, "job", `[1]`, `null`))
		synctest.Wait()
		s.want(t, `header {"done":0}`, `[1]`, `null`)
		list, _, e := g.Streams(root, "", 10)
		if e != nil || len(list) != 1 || list[0].Name != "job" || list[0].Topic.Policy.Durability != streams.InMemory {
			t.Errorf("the list of streams: %+v, %v", list, e)
		}
		disk := streams.OnDisk
		if _, e := g.SetPolicy(t.Context(), root, "job", streams.Overrides{Durability: &disk}); code(e) != protocol.CodeDurabilityFixed {
			t.Errorf("put on disk: %v", e)
		}
		for record, err := range records.List(t.Context(), "topics", "") {
			t.Errorf("stored: %+v, %v", record, err)
		}
		if deleted, _, e := g.EndStream(t.Context(), root, "job"); e != nil || !deleted {
			t.Errorf("EndStream: %t, %v", deleted, e)
		}
		synctest.Wait()
		if len(s.ended) != 1 || s.ended[0] != string(protocol.CodeStreamDeleted) {
			t.Errorf("its subscription ended with %q", s.ended)
		}
		if n := g.JobStreams(); n != 0 {
			t.Errorf("%d job streams are left", n)
		}
	})
}

// Of a stream that is defined, only the header goes.
func TestEndStreamLeavesWhatOthersMade(t *testing.T) {
	g, root := withJobs(t, memory.New(), nil)
	g.define(root, "boiler")
	g.ok(g.OpenJob(root, "boiler"))
	g.ok(g.SetHeader(t.Context(), root, "boiler", jsontext.Value(`{"p":1}`)))
	g.ok(g.publish(root, "boiler", `{"p":2}`))
	for range 2 {
		if deleted, _, e := g.EndStream(t.Context(), root, "boiler"); e != nil || deleted {
			t.Errorf("EndStream: %t, %v", deleted, e)
		}
	}
	info, e := g.Stream(root, "boiler")
	if e != nil || info.Topic.HasHeader || info.Topic.Next != 2 || g.JobStreams() != 0 {
		t.Errorf("afterwards: %+v, %v", info, e)
	}
	if deleted, _, e := g.EndStream(t.Context(), root, "nobody"); e != nil || deleted {
		t.Errorf("a stream that is not there: %t, %v", deleted, e)
	}
}

func TestJobStreamsAreBounded(t *testing.T) {
	g, root := withJobs(t, memory.New(), nil)
	for i := range 3 {
		g.ok(g.OpenJob(root, fmt.Sprint("job", i)))
		g.ok(g.OpenJob(root, fmt.Sprint("job", i)))
	}
	if e := g.OpenJob(root, "job3"); code(e) != protocol.CodeTooManyStreams {
		t.Errorf("one too many: %v", e)
	}
	if e := g.OpenJob(root, "no/name"); code(e) != protocol.CodeInvalidName {
		t.Errorf("a bad name: %v", e)
	}
	g.ok(g.DeleteStream(t.Context(), root, "job1")) // over HTTP
	g.ok(g.OpenJob(root, "job3"))
	for range 40 {
		g.ok(g.publish(root, "job3", `"`+fmt.Sprintf("%0100d", 1)+`"`))
	}
	topic, _ := g.Network.Lookup(streams.ID{Space: root.JailUID, Name: "job3"})
	deadline := time.Now().Add(30 * time.Second)
	for topic.Bounds().Bytes > 2<<10 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond) // retention runs in the background
	}
	if b := topic.Bounds(); b.Bytes > 2<<10 {
		t.Errorf("it keeps %d bytes", b.Bytes)
	}
}

func TestIdleJobStreamsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		g, root := withJobs(t, memory.New(), nil)
		for _, name := range []string{"used", "read", "idle"} {
			g.ok(g.OpenJob(root, name))
		}
		s := g.subscribe(root, "read", "")
		for range 4 {
			time.Sleep(20 * time.Minute)
			g.ok(g.publish(root, "used", `1`)) // through another door
			g.EndIdleJobs(ctx)
		}
		if list, _, _ := g.Streams(root, "", 10); len(list) != 2 || list[0].Name != "read" || list[1].Name != "used" {
			t.Errorf("left: %+v", list)
		}
		if len(s.ended) > 0 {
			t.Errorf("the subscription ended: %q", s.ended)
		}
		time.Sleep(59 * time.Minute)
		g.ok(g.OpenJob(root, "used"))
		time.Sleep(59 * time.Minute)
		g.EndIdleJobs(ctx)
		if n := g.JobStreams(); n != 2 {
			t.Errorf("%d job streams, want 2", n)
		}
	})
}

// What is defined lasts, so a definition begins with a stream of its own.
func TestDefiningAJobStreamEndsTheJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, root := withJobs(t, memory.New(), nil)
		g.ok(g.OpenJob(root, "boiler"))
		g.ok(g.publish(root, "boiler", `"any"`))
		s := g.subscribe(root, "boiler", "")
		g.define(root, "boiler")
		synctest.Wait()
		if len(s.ended) != 1 {
			t.Errorf("the subscription ended %d times", len(s.ended))
		}
		g.ok(g.OpenJob(root, "boiler"))
		g.ok(g.publish(root, "boiler", `{"p":1}`))
		if e := g.publish(root, "boiler", `"any"`); code(e) != protocol.CodeInvalidPayload {
			t.Errorf("against the schema: %v", e)
		}
		info, e := g.Stream(root, "boiler")
		if e != nil || info.Topic.Policy.Durability != streams.OnDisk || info.Topic.Next != 2 || g.JobStreams() != 0 {
			t.Errorf("afterwards: %+v, %v, %d job streams", info, e, g.JobStreams())
		}
	})
}

func TestATokenMakesNoStreams(t *testing.T) {
	g, root := withJobs(t, memory.New(), nil)
	bearer := g.bearer(root, "")
	if e := g.OpenJob(bearer, "job"); code(e) != protocol.CodeForbidden {
		t.Errorf("OpenJob: %v", e)
	}
	if _, _, e := g.EndStream(t.Context(), bearer, "job"); code(e) != protocol.CodeForbidden {
		t.Errorf("EndStream: %v", e)
	}
}
