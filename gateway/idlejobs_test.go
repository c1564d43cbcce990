package gateway_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"seagate/auth"
	"seagate/gateway"
	"seagate/protocol"
	"seagate/storage/memory"
)

// onIdleDeleted calls f with the name of each job stream that EndIdleJobs has deleted.
type onIdleDeleted struct {
	slog.Handler
	f func(stream string)
}

func (h onIdleDeleted) Enabled(context.Context, slog.Level) bool { return true }

func (h onIdleDeleted) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "idle job stream deleted" {
		r.Attrs(func(a slog.Attr) bool { h.f(a.Value.String()); return true })
	}
	return nil
}

// duringEndIdleJobs makes the job streams a and b, which become idle. use is called with the
// name of the second while EndIdleJobs has deleted the first alone.
func duringEndIdleJobs(t *testing.T, g *parts, root *auth.Principal, use func(stream string)) (used string) {
	g.ok(g.OpenJob(root, "a"))
	g.ok(g.OpenJob(root, "b"))
	time.Sleep(2 * time.Hour)
	g.Log = slog.New(onIdleDeleted{g.Log.Handler(), func(stream string) {
		if used == "" {
			used = map[string]string{"a": "b", "b": "a"}[stream]
			use(used)
		}
	}})
	g.EndIdleJobs(t.Context())
	if used == "" {
		t.Fatal("no stream was idle")
	}
	return used
}

func TestAStreamDefinedMeanwhileIsNotIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, root := withJobs(t, memory.New(), nil)
		used := duringEndIdleJobs(t, g, root, func(stream string) {
			g.define(root, stream)
			g.ok(g.publish(root, stream, `{"p":1}`))
		})
		if e := g.publish(root, used, `{"p":2}`); e != nil {
			t.Errorf("a stream that was defined, with an acknowledged message, was deleted as an idle job: %v", e)
		}
	})
}

func TestAJobUsedMeanwhileIsNotIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, root := withJobs(t, memory.New(), nil)
		used := duringEndIdleJobs(t, g, root, func(stream string) {
			g.ok(g.OpenJob(root, stream))
			g.ok(g.publish(root, stream, `1`))
		})
		if e := g.publish(root, used, `2`); code(e) == protocol.CodeStreamNotFound {
			t.Errorf("a job stream with a message acknowledged a moment ago was deleted as idle: %v", e)
		}
	})
}

// A producer that waits for subscribers, and a group that lost its members for a while,
// keep a job stream.
func TestAJobThatIsProvidedOrHasAGroupIsNotIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, root := withJobs(t, memory.New(), nil)
		for _, stream := range []string{"provided", "grouped", "idle"} {
			g.ok(g.OpenJob(root, stream))
		}
		provision := g.provide(root, "provided", &producer{})
		defer provision.Close()
		member, e := g.Subscribe(t.Context(), root, gateway.Request{Stream: "grouped", Group: groupA, Explicit: true}, &sink{})
		g.ok(e)
		member.Start()
		member.Close()
		for range 3 {
			time.Sleep(40 * time.Minute)
			g.EndIdleJobs(t.Context())
		}
		list, _, _ := g.Streams(root, "", 10)
		if len(list) != 2 || list[0].Name != "grouped" || list[1].Name != "provided" {
			t.Errorf("left: %+v", list)
		}
	})
}

// A client whose jail is at its bound, and that goes on trying, spends its rate: what it
// does not spend it is refused before anything is looked at.
func TestAJobThatIsRefusedCountsAgainstTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, root := withJobs(t, memory.New(), func(s *gateway.Settings) { s.PublishesPerSecond = 5 })
		for i := range 3 {
			g.ok(g.OpenJob(root, fmt.Sprint("job", i)))
		}
		refused := map[protocol.Code]int{}
		for range 200 {
			refused[code(g.OpenJob(root, "other"))]++
		}
		if refused[protocol.CodeTooManyStreams] != 2 || refused[protocol.CodeRateLimited] != 198 {
			t.Errorf("of 200 tries with a rate of 5, of which 3 were spent: %v", refused)
		}
		g.ok(g.OpenJob(root, "job0")) // it is there: nothing is made
	})
}

// Whoever deletes a job stream, its room is free at once.
func TestADeletedJobIsForgotten(t *testing.T) {
	g, root := withJobs(t, memory.New(), nil)
	for name, end := range map[string]func(string){
		"DeleteStream": func(s string) { g.ok(g.DeleteStream(t.Context(), root, s)) },
		"EndStream": func(s string) {
			_, _, e := g.EndStream(t.Context(), root, s)
			g.ok(e)
		},
		"Define": func(s string) { g.define(root, s) },
	} {
		g.ok(g.OpenJob(root, "job-"+name))
		if n := g.JobStreams(); n != 1 {
			t.Errorf("before %s: %d job streams", name, n)
		}
		end("job-" + name)
		if n := g.JobStreams(); n != 0 {
			t.Errorf("after %s: %d job streams", name, n)
		}
	}
}

func TestHeadersCountAgainstTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, root := withJobs(t, memory.New(), func(s *gateway.Settings) { s.PublishesPerSecond = 2 })
		g.define(root, "boiler")
		g.ok(g.SetHeader(t.Context(), root, "boiler", []byte(`{"p":1}`)))
		g.ok(g.ClearHeader(t.Context(), root, "boiler"))
		if e := g.SetHeader(t.Context(), root, "boiler", []byte(`{"p":1}`)); code(e) != protocol.CodeRateLimited {
			t.Errorf("one too many: %v", e)
		}
		if e := g.ClearHeader(t.Context(), root, "boiler"); code(e) != protocol.CodeRateLimited {
			t.Errorf("one too many: %v", e)
		}
	})
}
