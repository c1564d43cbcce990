package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/catalog"
	"seagate/groups"
	"seagate/groups/groupstest"
	"seagate/schema"
	"seagate/storage"
	"seagate/storage/memory"
	"seagate/streams"
	"seagate/streams/streamstest"
)

const jail = "6f1c"

// everyType uses every type and key of a definition.
const everyType = `{"name":"portCall","version":"1.0.0","fields":[` +
	`{"name":"vessel","type":"string"},` +
	`{"name":"draught","type":"float"},` +
	`{"name":"imo","type":"integer"},` +
	`{"name":"eta","type":"date"},` +
	`{"name":"status","type":"enum","enum":["due","berthed"]},` +
	`{"name":"berth","type":"object","fields":[{"name":"name","type":"string"}]},` +
	`{"name":"tags","type":"array<string>","optional":true},` +
	`{"name":"depths","type":"array<float>"},` +
	`{"name":"holds","type":"array<integer>"},` +
	`{"name":"tides","type":"array<date>"},` +
	`{"name":"moves","type":"array<object>","fields":[{"name":"load","type":"integer"},{"name":"crane","type":"object","fields":[]}]}` +
	`],"unknownFields":"accept"}`

func TestDefine(t *testing.T) {
	r := open(t, memory.New())
	steps := []struct {
		version, fields string
		want            schema.Outcome // without the Definition
		current         string
		err             string
	}{
		{`"1.0.0"`, `{"name":"a","type":"date"},{"name":"b","type":"string"}`, schema.Outcome{Change: schema.Created}, "1.0.0", ""},
		{`"1.0.0"`, `{"name":"b","type":"string"},{"name":"a","type":"date"}`, schema.Outcome{Change: schema.Unchanged}, "1.0.0", ""},
		{`1`, `{"name":"a","type":"date"},{"name":"b","type":"string"}`, schema.Outcome{Change: schema.Unchanged}, "1.0.0", ""},
		{
			`1`, `{"name":"a","type":"float"}`, schema.Outcome{}, "1.0.0",
			`portCall version 1.0.0 is already defined with other fields; give the new ones a higher version: a: type was date, now float; b: removed, was string`,
		},
		{
			`"0.1.0"`, `{"name":"a","type":"date"},{"name":"b","type":"string"}`, schema.Outcome{}, "1.0.0",
			`The version pushed for the schema [portCall] is [0.1.0] but there is already an older version defined [1.0.0]`,
		},
		{
			`"1.9"`, `{"name":"a","type":"float"}`, schema.Outcome{Change: schema.Replaced, Differences: []schema.Difference{
				{Path: "a", Message: "type was date, now float", Breaks: true}, {Path: "b", Message: "removed, was string"},
			}}, "1.9", "",
		},
		{`"1.10"`, `{"name":"a","type":"float"}`, schema.Outcome{Change: schema.Replaced}, "1.10", ""},
		{
			`2`, `{"name":"a","type":"float","optional":true}`,
			schema.Outcome{Change: schema.Replaced, Differences: []schema.Difference{{Path: "a", Message: "was required, now optional"}}}, "2", "",
		},
		{
			`1.0`, `{"name":"a","type":"float"}`, schema.Outcome{}, "2",
			`The version pushed for the schema [portCall] is [1.0] but there is already an older version defined [2]`,
		},
	}
	for _, step := range steps {
		def := define(t, `{"version":`+step.version+`,"fields":[`+step.fields+`]}`)
		planned, planErr := r.Plan(jail, "portCall", def)
		got, err := r.Define(t.Context(), jail, "portCall", def)
		if fmt.Sprint(planErr) != fmt.Sprint(err) || planned.Change != got.Change || planned.Definition != got.Definition {
			t.Errorf("version %s: planned %+v, %v; got %+v, %v", step.version, planned, planErr, got, err)
		}
		if step.err != "" {
			if err == nil || err.Error() != step.err {
				t.Errorf("version %s: got %v, want %s", step.version, err, step.err)
			}
		} else if err != nil {
			t.Errorf("version %s: %v", step.version, err)
		}
		if got.Change != step.want.Change || !slices.Equal(got.Differences, step.want.Differences) {
			t.Errorf("version %s: got %#v, want %#v", step.version, got.Differences, step.want.Differences)
		}
		current, ok := r.Current(jail, "portCall")
		if !ok || current.Definition.Version.String() != step.current {
			t.Errorf("version %s: current is %v, want %s", step.version, current.Definition.Version, step.current)
		}
		if err == nil && got.Definition != current.Definition {
			t.Errorf("version %s: the outcome has %s, current is %s", step.version, got.Definition.AppendJSON(nil), current.Definition.AppendJSON(nil))
		}
	}
	checkVersions(t, r, "portCall", "1.0.0", "1.9", "1.10", "2")
}

func TestDefineErrorsHaveTypes(t *testing.T) {
	r := open(t, memory.New())
	mustDefine(t, r, jail, "s", `2`, `{"name":"a","type":"date"}`)
	_, err := r.Define(t.Context(), jail, "s", parse(t, "s", `1`, ``))
	var older *schema.OlderVersionError
	if !errors.As(err, &older) || older.Pushed.String() != "1" || older.Defined.String() != "2" {
		t.Errorf("got %v", err)
	}
	_, err = r.Define(t.Context(), jail, "s", parse(t, "s", `2`, ``))
	var conflict *schema.ConflictError
	if !errors.As(err, &conflict) || !slices.Equal(conflict.Lines(), []string{"a: removed, was date"}) {
		t.Errorf("got %v", err)
	}
}

func TestPlanChangesNothing(t *testing.T) {
	records := memory.New()
	r := open(t, records)
	if got, err := r.Plan(jail, "s", parse(t, "s", `1`, ``)); err != nil || got.Change != schema.Created {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, ok := r.Current(jail, "s"); ok || len(r.List(jail, "", 10)) > 0 || countRecords(t, records) > 0 {
		t.Error("the plan was carried out")
	}
}

func TestCurrentValidates(t *testing.T) {
	records := memory.New()
	defined := open(t, records)
	mustDefine(t, defined, jail, "s", `1`, `{"name":"n","type":"integer"}`)
	for _, r := range []*registry{defined, open(t, records)} {
		current, _ := r.Current(jail, "s")
		if err := check(current, `{"n":1}`); err != nil {
			t.Error(err)
		}
		if err := check(current, `{"n":1,"x":1}`); err != nil {
			t.Errorf("the catalog's rules were not applied: %v", err)
		}
		err := check(current, `{"n":"1"}`)
		if want := `the message does not match s version 1: n: expected an integer, got the string "1"`; err == nil || err.Error() != want {
			t.Errorf("got %v", err)
		}
	}
}

func TestReopen(t *testing.T) {
	records := memory.New()
	r := open(t, records)
	if _, err := r.Define(t.Context(), jail, "portCall", define(t, everyType)); err != nil {
		t.Fatal(err)
	}
	mustDefine(t, r, jail, "portCall", `1.50`, `{"name":"%","type":"date"}`)
	mustDefine(t, r, jail, "a/b ü", `7`, ``)
	mustDefine(t, r, "other", "portCall", `9`, ``)

	long := strings.Repeat("n", schema.DefaultLimits().NameBytes+1)
	generous := schema.Limits{Fields: 10, Depth: 1, NameBytes: len(long)}
	def, err := schema.ParseDefinition([]byte(`{"version":8,"fields":[{"name":"`+long+`","type":"date"}]}`), "a/b ü", generous)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Define(t.Context(), jail, "a/b ü", def); err != nil {
		t.Fatal(err)
	}

	tight, err := openWith(t, records, catalog.Options{Streams: 3, Limits: schema.Limits{HistoryBytes: 1 << 20}})
	if err != nil {
		t.Fatalf("what was accepted must stay under lower limits: %v", err)
	}
	checkVersions(t, tight, "portCall", "1.0.0", "1.50")
	first, err := tight.Version(jail, "portCall", version(t, `1`))
	if err != nil || string(first.AppendJSON(nil)) != everyType {
		t.Errorf("got %s, %v", first.AppendJSON(nil), err)
	}
	if got := names(tight.List(jail, "", 10)); got != "a/b ü,portCall" {
		t.Errorf("streams: %s", got)
	}
	if got, err := tight.Define(t.Context(), jail, "portCall", parse(t, "portCall", `2`, ``)); err != nil || got.Change != schema.Replaced {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestOpenRefusesDamagedRecords(t *testing.T) {
	for name, value := range map[string]string{
		"not JSON":         `{"format":1,"versions":[`,
		"a later format":   `{"format":2,"versions":[{"name":"s","version":1,"fields":[]}]}`,
		"no versions":      `{"format":1,"versions":[]}`,
		"no definition":    `{"format":1,"versions":[{"name":"s","version":1}]}`,
		"another's name":   `{"format":1,"versions":[{"name":"t","version":1,"fields":[]}]}`,
		"versions reorder": `{"format":1,"versions":[{"name":"s","version":2,"fields":[]},{"name":"s","version":"2.0","fields":[]}]}`,
	} {
		records := memory.New()
		if _, err := records.Put(t.Context(), "schemas", jail+"/s", []byte(value), storage.Always()); err != nil {
			t.Fatal(err)
		}
		_, err := openWith(t, records, options())
		if err == nil || !strings.Contains(err.Error(), `record "6f1c/s" of table "schemas" is damaged`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestVersionNotFound(t *testing.T) {
	r := open(t, memory.New())
	mustDefine(t, r, jail, "s", `1`, ``)
	if _, err := r.Versions(jail, "t"); !errors.Is(err, catalog.ErrNotFound) {
		t.Error(err)
	}
	if _, err := r.Version(jail, "t", version(t, `1`)); !errors.Is(err, catalog.ErrNotFound) {
		t.Error(err)
	}
	if _, err := r.Version(jail, "s", version(t, `2`)); !errors.Is(err, catalog.ErrNotFound) {
		t.Error(err)
	}
	if err := r.Delete(t.Context(), jail, "t"); !errors.Is(err, catalog.ErrNotFound) {
		t.Error(err)
	}
	if _, ok := r.Current("other", "s"); ok {
		t.Error("a jail sees another's stream")
	}
}

func TestList(t *testing.T) {
	r := open(t, memory.New())
	for _, stream := range []string{"c", "a", "e", "b", "d"} {
		mustDefine(t, r, jail, stream, `1`, ``)
	}
	mustDefine(t, r, "other", "z", `1`, ``)
	for _, test := range []struct {
		after string
		limit int
		want  string
	}{
		{"", 10, "a,b,c,d,e"}, {"", 2, "a,b"}, {"b", 2, "c,d"}, {"bb", 2, "c,d"}, {"d", 2, "e"}, {"e", 2, ""}, {"", 0, ""}, {"", -1, ""},
	} {
		if got := names(r.List(jail, test.after, test.limit)); got != test.want {
			t.Errorf("List(%q, %d) = %s, want %s", test.after, test.limit, got, test.want)
		}
	}
	if got := names(r.List("nobody", "", 10)); got != "" {
		t.Errorf("a jail that is not there has %s", got)
	}
}

func TestDelete(t *testing.T) {
	records := memory.New()
	r := open(t, records)
	mustDefine(t, r, jail, "s", `5`, ``)
	mustDefine(t, r, jail, "t", `5`, ``)
	if err := r.Delete(t.Context(), jail, "s"); err != nil {
		t.Fatal(err)
	}
	if _, ok := r.Current(jail, "s"); ok || names(r.List(jail, "", 10)) != "t" || countRecords(t, records) != 1 {
		t.Error("it is still there")
	}
	if got := mustDefine(t, r, jail, "s", `1`, ``); got.Change != schema.Created {
		t.Errorf("after a delete a stream starts anew: %+v", got)
	}
}

func TestDeleteJail(t *testing.T) {
	records := memory.New()
	r := open(t, records)
	for _, stream := range []string{"a", "b/c", "d"} {
		mustDefine(t, r, jail, stream, `1`, ``)
		mustDefine(t, r, jail+"0", stream, `1`, ``)
	}
	if err := r.DeleteJail(t.Context(), jail); err != nil {
		t.Fatal(err)
	}
	if got := names(r.List(jail, "", 10)); got != "" {
		t.Errorf("left: %s", got)
	}
	if got := names(r.List(jail+"0", "", 10)); got != "a,b/c,d" || countRecords(t, records) != 3 {
		t.Errorf("the other jail has %s", got)
	}
	if err := r.DeleteJail(t.Context(), jail); err != nil {
		t.Errorf("once more: %v", err)
	}
}

// lateRecords take 90 seconds for each deletion: two are longer than the time that the deletion of
// a jail has.
type lateRecords struct{ storage.Records }

func (r lateRecords) Delete(ctx context.Context, table, key string, cond storage.Condition) error {
	time.Sleep(90 * time.Second) // of the clock of synctest, so nobody waits for it
	return r.Records.Delete(ctx, table, key, cond)
}

// When the time of a jail's deletion is over, none of its other streams is begun.
func TestDeleteJailHasATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, lateRecords{memory.New()})
		for _, stream := range []string{"a", "b", "c"} {
			mustDefine(t, r, jail, stream, `1`, ``)
		}
		if err := r.DeleteJail(t.Context(), jail); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if got := names(r.List(jail, "", 10)); got != "c" {
			t.Errorf("left: %s", got)
		}
	})
}

func TestBadNamesAreRefused(t *testing.T) {
	r := open(t, memory.New())
	for _, test := range []struct{ jail, stream, definition string }{
		{"", "s", "s"}, {"a/b", "s", "s"}, {jail, "", ""}, {jail, "s", "t"},
	} {
		def := parse(t, test.definition, `1`, ``)
		if _, err := r.Define(t.Context(), test.jail, test.stream, def); !errors.Is(err, catalog.ErrBadName) {
			t.Errorf("%+v: Define: %v", test, err)
		}
		if _, err := r.Plan(test.jail, test.stream, def); !errors.Is(err, catalog.ErrBadName) {
			t.Errorf("%+v: Plan: %v", test, err)
		}
	}
	if err := r.Delete(t.Context(), "a/b", "s"); !errors.Is(err, catalog.ErrBadName) {
		t.Errorf("Delete: %v", err)
	}
	if err := r.DeleteJail(t.Context(), ""); !errors.Is(err, catalog.ErrBadName) {
		t.Errorf("DeleteJail: %v", err)
	}
}

func TestStreamsOfAJailAreBounded(t *testing.T) {
	records := memory.New()
	opts := options()
	opts.Streams = 10
	r, err := openWith(t, records, opts)
	if err != nil {
		t.Fatal(err)
	}
	errs := make([]error, 40)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			stream := fmt.Sprint("s", i)
			_, errs[i] = r.Define(t.Context(), jail, stream, parse(t, stream, `1`, ``))
		})
	}
	wg.Wait()
	refused := 0
	for _, err := range errs {
		if errors.Is(err, catalog.ErrTooManyStreams) {
			refused++
		} else if err != nil {
			t.Error(err)
		}
	}
	if refused != 30 || countRecords(t, records) != 10 {
		t.Errorf("%d were refused, and there are %d", refused, countRecords(t, records))
	}
	if _, err := r.Plan(jail, "one more", parse(t, "one more", `1`, ``)); !errors.Is(err, catalog.ErrTooManyStreams) {
		t.Errorf("Plan: %v", err)
	}
	mustDefine(t, r, jail, "$own", `1`, ``) // the gateway's own are not counted, neither up nor down
	if err := r.Delete(t.Context(), jail, "$own"); err != nil || r.Room(jail) != 0 {
		t.Errorf("%v, and there is room for %d", err, r.Room(jail))
	}
	there := r.List(jail, "", 1)[0].Name
	mustDefine(t, r, jail, there, `2`, ``)
	mustDefine(t, r, "other", "s", `1`, ``)
	if err := r.Delete(t.Context(), jail, there); err != nil {
		t.Fatal(err)
	}
	mustDefine(t, r, jail, "one more", `1`, ``)
}

func TestHistoryIsBounded(t *testing.T) {
	first := parse(t, "s", `1`, `{"name":"a","type":"date"}`)
	opts := options()
	opts.Limits.HistoryBytes = len(`{"format":1,"versions":[,],"definedAt":["2026-11-21T10:00:00.000000Z","2026-11-21T10:00:00.000000Z"]}`) + 2*len(first.AppendJSON(nil))
	r, err := openWith(t, memory.New(), opts)
	if err != nil {
		t.Fatal(err)
	}
	for v, want := range []error{nil, nil, schema.ErrHistoryFull} {
		def := parse(t, "s", fmt.Sprint(v+1), `{"name":"a","type":"date"}`)
		_, planErr := r.Plan(jail, "s", def)
		_, err := r.Define(t.Context(), jail, "s", def)
		if !errors.Is(err, want) || !errors.Is(planErr, want) {
			t.Errorf("version %d: %v, planned %v", v+1, err, planErr)
		}
	}
	checkVersions(t, r, "s", "1", "2")
}

// Two catalogs stand for two processes on the same records.
func TestConcurrentDefinesOfTwoProcesses(t *testing.T) {
	records := memory.New()
	registries := []*registry{open(t, records), open(t, records)}
	const versions = 60
	outcomes := make([]schema.Outcome, versions)
	errs := make([]error, versions)
	var wg sync.WaitGroup
	for i := range versions {
		wg.Go(func() {
			def := parse(t, "s", fmt.Sprint(i/2+1), ``) // every version twice
			outcomes[i], errs[i] = registries[i%2].Define(t.Context(), jail, "s", def)
		})
	}
	wg.Wait()
	done := make(map[string]int) // version → how many calls returned it as new
	for i, err := range errs {
		var older *schema.OlderVersionError
		if err != nil && !errors.As(err, &older) {
			t.Errorf("version %d: %v", i/2+1, err)
		}
		if c := outcomes[i].Change; c == schema.Created || c == schema.Replaced {
			done[outcomes[i].Definition.Version.String()]++
		}
	}
	final := open(t, records)
	history, err := final.Versions(jail, "s")
	if err != nil {
		t.Fatal(err)
	}
	for _, def := range history {
		if done[def.Version.String()] != 1 {
			t.Errorf("version %s was new %d times", def.Version, done[def.Version.String()])
		}
		delete(done, def.Version.String())
	}
	if len(done) > 0 || history[len(history)-1].Version.String() != "30" {
		t.Errorf("lost: %v; the last is %s", done, history[len(history)-1].Version)
	}
}

func TestDefineSeesWritesOfAnotherProcess(t *testing.T) {
	records := memory.New()
	a, b := open(t, records), open(t, records)
	mustDefine(t, a, jail, "s", `1`, ``)
	if got := mustDefine(t, b, jail, "s", `1`, ``); got.Change != schema.Unchanged {
		t.Errorf("b: %+v", got)
	}
	mustDefine(t, b, jail, "s", `3`, ``)
	var older *schema.OlderVersionError
	if _, err := a.Define(t.Context(), jail, "s", parse(t, "s", `2`, ``)); !errors.As(err, &older) {
		t.Errorf("a: %v", err)
	}
	if err := a.Delete(t.Context(), jail, "s"); err != nil {
		t.Error(err)
	}
	if got := mustDefine(t, b, jail, "s", `4`, ``); got.Change != schema.Created {
		t.Errorf("b, after a has deleted it: %+v", got)
	}
}

// gate is storage whose writes wait or fail. A write that fails may have happened.
type gate struct {
	storage.Records
	entered chan struct{} // receives when a Put begins
	release chan struct{} // a Put waits for it
	fail    error
	lose    bool // a Put that fails changes nothing
}

func (g *gate) Put(ctx context.Context, table, key string, value []byte, cond storage.Condition) (uint64, error) {
	if g.entered != nil {
		g.entered <- struct{}{}
		<-g.release
	}
	if g.fail != nil && g.lose {
		return 0, g.fail
	}
	revision, err := g.Records.Put(ctx, table, key, value, cond)
	if g.fail != nil {
		return 0, g.fail
	}
	return revision, err
}

func TestDefinitionIsVisibleOnceDurable(t *testing.T) {
	g := &gate{Records: memory.New(), entered: make(chan struct{}), release: make(chan struct{})}
	r := open(t, g)
	done := make(chan error)
	go func() {
		_, err := r.Define(t.Context(), jail, "s", parse(t, "s", `1`, ``))
		done <- err
	}()
	<-g.entered
	if _, ok := r.Current(jail, "s"); ok || len(r.List(jail, "", 10)) > 0 {
		t.Error("it shows before it is durable")
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Define(cancelled, jail, "s", parse(t, "s", `2`, ``)); !errors.Is(err, context.Canceled) {
		t.Errorf("a writer that waits for its turn does not give up: %v", err)
	}
	if err := r.Delete(cancelled, jail, "s"); !errors.Is(err, context.Canceled) {
		t.Errorf("one that deletes does not either: %v", err)
	}
	g.release <- struct{}{}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, ok := r.Current(jail, "s"); !ok {
		t.Error("it does not show when it is durable")
	}
}

func TestFailedWrite(t *testing.T) {
	for _, lose := range []bool{true, false} {
		g := &gate{Records: memory.New(), lose: lose}
		r := open(t, g)
		mustDefine(t, r, jail, "old", `1`, ``)
		g.fail = errors.New("no answer")
		for _, stream := range []string{"old", "new", "gone"} {
			if _, err := r.Define(t.Context(), jail, stream, parse(t, stream, `2`, ``)); !errors.Is(err, g.fail) {
				t.Errorf("lose %t: %s: %v", lose, stream, err)
			}
		}
		checkVersions(t, r, "old", "1")
		if got := names(r.List(jail, "", 10)); got != "old" {
			t.Errorf("lose %t: streams: %s", lose, got)
		}
		g.fail = nil
		for _, stream := range []string{"old", "new"} {
			if got := mustDefine(t, r, jail, stream, `2`, ``); (got.Change == schema.Unchanged) == lose {
				t.Errorf("lose %t: %s once more: %+v", lose, stream, got)
			}
		}
		checkVersions(t, r, "old", "1", "2")
		checkVersions(t, r, "new", "2")
		if err := r.Delete(t.Context(), jail, "gone"); errors.Is(err, catalog.ErrNotFound) != lose {
			t.Errorf("lose %t: delete: %v", lose, err)
		}
		if n := countRecords(t, g); n != 2 {
			t.Errorf("lose %t: %d records", lose, n)
		}
	}
}

func TestFailedWriteFreesItsPlace(t *testing.T) {
	g := &gate{Records: memory.New(), lose: true, fail: errors.New("no answer")}
	opts := options()
	opts.Streams = 1
	r, err := openWith(t, g, opts)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Define(t.Context(), jail, "lost", parse(t, "lost", `1`, ``)); !errors.Is(err, g.fail) {
		t.Fatal(err)
	}
	if jails := r.Jails(); len(jails) > 0 {
		t.Errorf("jails: %v", jails)
	}
	g.fail = nil
	mustDefine(t, r, jail, "s", `1`, ``)
}

func TestRecordDamagedWhileOpen(t *testing.T) {
	records := memory.New()
	r := open(t, records)
	mustDefine(t, r, jail, "s", `1`, ``)
	if _, err := records.Put(t.Context(), "schemas", jail+"/s", []byte(`{}`), storage.Always()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Define(t.Context(), jail, "s", parse(t, "s", `2`, ``)); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("Define: %v", err)
	}
	if err := r.DeleteJail(t.Context(), jail); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("DeleteJail: %v", err)
	}
}

func TestJails(t *testing.T) {
	r := open(t, memory.New())
	mustDefine(t, r, "a", "s", `1`, ``)
	mustDefine(t, r, "b", "s", `1`, ``)
	mustDefine(t, r, "b", "t", `1`, ``)
	if got := slices.Sorted(slices.Values(r.Jails())); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("got %v", got)
	}
	if err := r.Delete(t.Context(), "a", "s"); err != nil {
		t.Fatal(err)
	}
	if got := r.Jails(); !slices.Equal(got, []string{"b"}) {
		t.Errorf("got %v", got)
	}
}

// A name without a stream is not kept: clients could fill the memory with
// such names, which no bound counts.
func TestUnusedNamesAreForgotten(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	failed := errors.New("no answer")
	wantNone := func(t *testing.T, r *registry) {
		t.Helper()
		if jails := r.Jails(); len(jails) > 0 {
			t.Errorf("jails: %v", jails)
		}
	}
	t.Run("cancelled", func(t *testing.T) {
		r := open(t, &gate{Records: memory.New(), fail: failed, lose: true})
		for i := range 100 { // whether a free turn is taken must not be left to chance
			name := fmt.Sprint("s", i)
			if _, err := r.Define(cancelled, jail, name, parse(t, name, `1`, ``)); err == nil {
				t.Error("defined")
			}
			if err := r.Delete(cancelled, jail, name); err == nil {
				t.Error("deleted")
			}
		}
		wantNone(t, r)
	})
	t.Run("deletion fails", func(t *testing.T) {
		records := memory.New()
		r := open(t, records)
		records.Close()
		if err := r.Delete(t.Context(), jail, "s"); !errors.Is(err, storage.ErrClosed) {
			t.Error(err)
		}
		wantNone(t, r)
	})
	t.Run("too many topics", func(t *testing.T) {
		r, err := openOver(t, memory.New(), options(), streams.Options{TopicsPerSpace: 1})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Open(id(jail, "first")); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Open(id(jail, "second")); err != streams.ErrTooManyTopics {
			t.Error(err)
		}
		if err := r.Delete(t.Context(), jail, "first"); err != nil {
			t.Error(err)
		}
		wantNone(t, r)
	})
}

func TestClosedStorage(t *testing.T) {
	records := memory.New()
	r := open(t, records)
	mustDefine(t, r, jail, "s", `1`, ``)
	if err := records.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Define(t.Context(), jail, "s", parse(t, "s", `2`, ``)); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("Define: %v", err)
	}
	if err := r.Delete(t.Context(), jail, "s"); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("Delete: %v", err)
	}
	if err := r.DeleteJail(t.Context(), jail); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("DeleteJail: %v", err)
	}
	if _, err := openWith(t, records, options()); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("New: %v", err)
	}
	if _, ok := r.Current(jail, "s"); !ok {
		t.Error("reading needs no storage")
	}
}

func TestConcurrentReadersAndWriters(t *testing.T) {
	r := open(t, memory.New())
	mustDefine(t, r, jail, "s", `1`, ``)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		before := version(t, `0`)
		for {
			select {
			case <-stop:
				return
			default:
			}
			current, ok := r.Current(jail, "s")
			if !ok || current.Definition.Version.Compare(before) < 0 || check(current, `{}`) != nil {
				t.Errorf("went from %s to %v", before, current)
				return
			}
			before = current.Definition.Version
			r.List(jail, "", 10)
			if _, err := r.Plan(jail, "s", parse(t, "s", `1000`, ``)); err != nil {
				t.Error(err)
			}
		}
	})
	want := []string{"1"}
	for v := range 50 {
		want = append(want, fmt.Sprint(v+2))
		mustDefine(t, r, jail, "s", fmt.Sprint(v+2), ``)
	}
	close(stop)
	wg.Wait()
	checkVersions(t, r, "s", want...)
}

func TestCurrentDoesNotAllocate(t *testing.T) {
	r := open(t, memory.New())
	mustDefine(t, r, jail, "s", `1`, ``)
	if n := testing.AllocsPerRun(100, func() { r.Current(jail, "s") }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// A registry is a catalog whose streams have definitions alone.
type registry struct{ *catalog.Catalog }

func id(jail, stream string) streams.ID { return streams.ID{Space: jail, Name: stream} }

func (r *registry) Define(ctx context.Context, jail, stream string, def *schema.Definition) (schema.Outcome, error) {
	return r.Catalog.Define(ctx, id(jail, stream), def)
}

func (r *registry) Plan(jail, stream string, def *schema.Definition) (schema.Outcome, error) {
	return r.Catalog.Plan(id(jail, stream), def)
}

func (r *registry) Delete(ctx context.Context, jail, stream string) error {
	return r.Catalog.Delete(ctx, id(jail, stream))
}

func (r *registry) Current(jail, stream string) (*schema.Schema, bool) {
	s := r.Lookup(id(jail, stream)).Schema()
	return s, s != nil
}

func (r *registry) Versions(jail, stream string) ([]*schema.Definition, error) {
	h := r.Lookup(id(jail, stream)).History()
	if h == nil {
		return nil, catalog.ErrNotFound
	}
	return h.Versions(), nil
}

func (r *registry) Version(jail, stream string, v schema.Version) (*schema.Definition, error) {
	if def := r.Lookup(id(jail, stream)).History().Version(v); def != nil {
		return def, nil
	}
	return nil, catalog.ErrNotFound
}

func (r *registry) List(jail, after string, limit int) (defs []*schema.Definition) {
	for _, s := range r.Catalog.List(jail, after, limit, false) {
		defs = append(defs, s.Schema().Definition)
	}
	return defs
}

func options() catalog.Options {
	return catalog.Options{Streams: 10_000, Services: 2, Limits: schema.DefaultLimits()}
}

func openWith(t testing.TB, records storage.Records, opts catalog.Options) (*registry, error) {
	t.Helper()
	return openOver(t, records, opts, streams.Options{})
}

func openOver(t testing.TB, records storage.Records, opts catalog.Options, of streams.Options) (*registry, error) {
	t.Helper()
	engine := memory.New()
	of.Workers = 1
	network, err := streams.Open(t.Context(), streams.Stores{Records: engine, Disk: engine, Memory: memory.New()}, streamstest.Options(of))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(network.Close)
	shared, err := groups.Open(t.Context(), engine, network, groupstest.Options(groups.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shared.Close(context.Background()) })
	c, err := catalog.New(t.Context(), catalog.Parts{Records: records, Network: network, Groups: shared}, opts)
	return &registry{c}, err
}

func open(t testing.TB, records storage.Records) *registry {
	t.Helper()
	opts := options()
	opts.Rules.UnknownFields = schema.Accept
	r, err := openWith(t, records, opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func parse(t testing.TB, stream, version, fields string) *schema.Definition {
	t.Helper()
	def, err := schema.ParseDefinition([]byte(`{"version":`+version+`,"fields":[`+fields+`]}`), stream, schema.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return def
}

func mustDefine(t testing.TB, r *registry, jail, stream, version, fields string) schema.Outcome {
	t.Helper()
	outcome, err := r.Define(t.Context(), jail, stream, parse(t, stream, version, fields))
	if err != nil {
		t.Fatalf("Define(%s, %s, %s): %v", jail, stream, version, err)
	}
	return outcome
}

func checkVersions(t testing.TB, r *registry, stream string, want ...string) {
	t.Helper()
	defs, err := r.Versions(jail, stream)
	if err != nil {
		t.Error(err)
	}
	got := make([]string, len(defs))
	for i, d := range defs {
		got[i] = d.Version.String()
	}
	if !slices.Equal(got, want) {
		t.Errorf("versions of %s: %v, want %v", stream, got, want)
	}
}

func names(defs []*schema.Definition) string {
	list := make([]string, len(defs))
	for i, d := range defs {
		list[i] = d.Name
	}
	return strings.Join(list, ",")
}

func countRecords(t testing.TB, records storage.Records) int {
	t.Helper()
	n := 0
	for _, err := range records.List(t.Context(), "schemas", "") {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// define reads a definition of portCall.
func define(t testing.TB, text string) *schema.Definition {
	t.Helper()
	def, err := schema.ParseDefinition([]byte(text), "portCall", schema.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return def
}

func check(s *schema.Schema, payload string) error {
	_, err := s.Check([]byte(payload), 64)
	return err
}

func version(t testing.TB, raw string) schema.Version {
	t.Helper()
	v, err := schema.ParseVersion(jsontext.Value(raw))
	if err != nil {
		t.Fatal(err)
	}
	return v
}
