package gateway

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"seagate/auth"
	"seagate/auth/fdsl"
	"seagate/streams"
)

func compileFilter(t testing.TB, tree string) *fdsl.Filter {
	t.Helper()
	f, err := fdsl.Compile([]byte(tree), fdsl.Limits{Bytes: 1 << 20, Depth: 32, Nodes: 1 << 12})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func eqTree(path, literal string) string {
	return fmt.Sprintf(`{"t":"eq","e":[{"t":"path","e":"%s"},%s]}`, path, literal)
}

func bearer(t testing.TB, tree string) *auth.Principal {
	return &auth.Principal{JailUID: "j", Filter: compileFilter(t, tree)}
}

func batchOf(payloads ...string) *streams.Batch {
	b := &streams.Batch{}
	for i, p := range payloads {
		b.Messages = append(b.Messages, &streams.Message{Seq: uint64(i + 1), Payload: []byte(p)})
	}
	return b
}

// TestIndexAgreesWithTheEvaluator holds the verdicts of many filters over a batch, which the
// index finds, against those of each filter alone, while filters come and go.
func TestIndexAgreesWithTheEvaluator(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	literals := []string{`{"t":"string","e":"x"}`, `{"t":"string","e":""}`, `{"t":"number","e":1}`, `{"t":"number","e":-0}`,
		`{"t":"bool","e":true}`, `{"t":"bool","e":false}`, `{"t":"null"}`}
	values := []string{`"x"`, `""`, `1`, `0`, `-0`, `true`, `false`, `null`, `[1]`, `{"x":1}`}
	pick := func(from []string) string { return from[random.IntN(len(from))] }
	path := func() string { return fmt.Sprintf("$.p%d", random.IntN(20)) } // more than are indexed
	tree := func() string {
		switch random.IntN(4) {
		case 0:
			return eqTree(path(), pick(literals))
		case 1:
			return `{"t":"and","e":[` + eqTree(path(), pick(literals)) + "," + eqTree(path(), pick(literals)) + `]}`
		case 2:
			return `{"t":"or","e":[` + eqTree(path(), pick(literals)) + "," + eqTree(path(), pick(literals)) + `]}`
		default:
			return `{"t":"not","e":` + eqTree(path(), pick(literals)) + `}`
		}
	}
	message := func() string {
		var fields []string
		for i := range 20 {
			if random.IntN(3) > 0 {
				fields = append(fields, fmt.Sprintf(`"p%d":%s`, i, pick(values)))
			}
		}
		return "{" + strings.Join(fields, ",") + "}"
	}
	type user struct {
		filter  *sharedFilter
		release func()
	}
	table := &filterTable{steps: math.MaxInt}
	var users []user
	add := func() {
		if filter, release := take(table, bearer(t, tree())); filter != nil {
			users = append(users, user{filter, release})
		}
	}
	passed := 0
	for range 50 {
		for range 20 {
			add()
		}
		b := batchOf(message(), message(), message())
		for round := range 2 {
			for i, u := range users {
				got := visible(b, u.filter).index
				want := visible(&streams.Batch{Messages: b.Messages}, u.filter).index
				alone, _ := take(&filterTable{steps: math.MaxInt}, &auth.Principal{JailUID: "j", Filter: u.filter.filter})
				alone.isIndexed = false
				if reference := visible(&streams.Batch{Messages: b.Messages}, alone).index; !slices.Equal(got, reference) || !slices.Equal(want, reference) {
					t.Fatalf("user %d with %s: %v and %v, want %v", i, u.filter.filter.Key(), got, want, reference)
				}
				passed += len(got)
			}
			if round == 0 { // some leave, others take their slots while the batch is delivered
				random.Shuffle(len(users), func(i, j int) { users[i], users[j] = users[j], users[i] })
				for _, u := range users[len(users)/2:] {
					u.release()
				}
				users = users[:len(users)/2]
				for range 10 {
					add()
				}
			}
		}
	}
	if passed < 500 {
		t.Errorf("%d messages passed: too few to show anything", passed)
	}
	for _, u := range users {
		u.release()
	}
	if len(table.streams) > 0 {
		t.Errorf("the table keeps the filters of %d streams", len(table.streams))
	}
}

// A filter that takes too many steps hides the message, under not too, and is reported.
func TestFilterTooCostlyHides(t *testing.T) {
	hidden := 0
	table := &filterTable{steps: 100, onTooCostly: func(_ *sharedFilter, n int) { hidden += n }}
	same := `{"t":"eq","e":[{"t":"path","e":"$.a"},{"t":"path","e":"$.b"}]}`
	list := func(n int) string { return "[0" + strings.Repeat(",0", n) + "]" }
	short, long := fmt.Sprintf(`{"a":%s,"b":%[1]s}`, list(10)), fmt.Sprintf(`{"a":%s,"b":%[1]s}`, list(200))
	for _, test := range []struct {
		tree string
		want []int
	}{
		{same, []int{0}},
		{`{"t":"not","e":` + same + `}`, []int{}},
		{`{"t":"not","e":{"t":"not","e":` + same + `}}`, []int{0}},
	} {
		hidden = 0
		filter, release := take(table, bearer(t, test.tree))
		b := batchOf(short, long)
		if got := visible(b, filter).index; !slices.Equal(got, test.want) || hidden != 1 {
			t.Errorf("%s passes %v and hides %d, want %v and 1", filter.filter.Key(), got, hidden, test.want)
		}
		if visible(b, filter); hidden != 1 {
			t.Errorf("%s was evaluated again for the same batch", filter.filter.Key())
		}
		release()
	}
}

// A batch may outlive the last filter of its stream. What a later filter passes is not hidden
// because the batch has asked the index of the earlier one.
func TestABatchThatOutlivesTheFiltersOfItsStream(t *testing.T) {
	table := &filterTable{steps: math.MaxInt}
	b := batchOf(`{"to":1}`, `{"to":2}`)
	for n, want := range [][]int{{0}, {1}} {
		f, release := take(table, bearer(t, eqTree("$.to", fmt.Sprintf(`{"t":"number","e":%d}`, n+1))))
		if got := visible(b, f).index; !slices.Equal(got, want) {
			t.Errorf("%s passes %v, want %v", f.filter.Key(), got, want)
		}
		release()
	}
}

// However many filters there are, a message is evaluated by those that need a value that it has.
func TestWorkGrowsWithWhatMatches(t *testing.T) {
	table := &filterTable{steps: math.MaxInt}
	var filters []*sharedFilter
	work := map[int]int{}
	for n := 1; n <= 10_000; n++ {
		f, _ := take(table, bearer(t, eqTree("$.to", fmt.Sprintf(`{"t":"number","e":%d}`, n))))
		filters = append(filters, f)
		if n == 10 || n == 10_000 {
			b, passed := batchOf(`{"to":7}`), 0
			for _, f := range filters {
				passed += len(visible(b, f).index)
			}
			if passed != 1 {
				t.Fatalf("%d of %d filters pass", passed, n)
			}
			work[n] = b.Work()
		}
	}
	if work[10_000] > work[10] {
		t.Errorf("the work is %d with 10 filters, and %d with 10,000", work[10], work[10_000])
	}
}

// take is filterTable.take for the filter of a principal and the stream "s".
func take(table *filterTable, p *auth.Principal) (*sharedFilter, func()) {
	return table.take(p.Filter, p, "s")
}

func BenchmarkDistinctFilters(b *testing.B) {
	table := &filterTable{steps: math.MaxInt}
	var filters []*sharedFilter
	for n := range 10_000 {
		f, _ := take(table, bearer(b, eqTree("$.to", fmt.Sprintf(`{"t":"number","e":%d}`, n))))
		filters = append(filters, f)
	}
	b.ReportAllocs()
	for b.Loop() {
		batch := batchOf(`{"to":7}`)
		for _, f := range filters {
			visible(batch, f)
		}
	}
}

// A message has as many values as it likes. A filter that looks at few of them passes it, and it is
// hidden from those alone that compare many. Each of these is told of once.
func TestMessagesOfManyValuesAreHiddenFromFiltersThatCompareThem(t *testing.T) {
	const steps = 100
	told := map[*sharedFilter]int{}
	table := filterTable{steps: steps, onTooCostly: func(e *sharedFilter, hidden int) { told[e] += hidden }}
	list := `[` + strings.Repeat("0,", 10*steps) + `0]`
	long := `{"n":1,"s":` + list + `,"same":` + list + `}`
	b := batchOf(long, `{"n":1,"s":[0],"same":[0]}`, `{"n":1}`)
	compares := `{"t":"eq","e":[{"t":"path","e":"$.s"},{"t":"path","e":"$.same"}]}`
	for _, test := range []struct {
		name, tree string
		want       []int
		told       int
	}{
		{"indexed", eqTree("$.n", `{"t":"number","e":1}`), []int{0, 1, 2}, 0},
		{"evaluated", `{"t":"not","e":` + eqTree("$.n", `{"t":"number","e":2}`) + `}`, []int{0, 1, 2}, 0},
		{"the last element", eqTree("$.s[-1]", `{"t":"number","e":0}`), []int{0, 1}, 0},
		{"whether there is a list", `{"t":"path","e":"$.s"}`, []int{0, 1}, 0},
		{"compares lists", compares, []int{1}, 1},
		{"does not find them the same", `{"t":"not","e":` + compares + `}`, []int{}, 1},
	} {
		e, release := table.take(compileFilter(t, test.tree), bearer(t, test.tree), "s")
		defer release()
		if got := visible(b, e).index; !slices.Equal(got, test.want) || told[e] != test.told {
			t.Errorf("%s: it passes %v, and hid %d for their cost", test.name, got, told[e])
		}
	}
	x, ok := explainFilter(&Gateway{filters: filterTable{steps: steps}}, nil, compileFilter(t, compares), []byte(long), "s")
	if !ok || x.Passes || !x.TooCostly || x.Root.Reason != "takes more than 100 steps, so the message is hidden" {
		t.Errorf("explained as %+v", x)
	}
}

// A filter that was not there when the messages of a batch were read passes what it would have
// passed: one that came later, and one that was released before, while a group still asks it.
func TestFiltersThatWereNotThereWhenABatchWasRead(t *testing.T) {
	table := &filterTable{steps: math.MaxInt}
	other, _ := take(table, bearer(t, eqTree("$.a", `{"t":"number","e":1}`)))
	gone, release := take(table, bearer(t, eqTree("$.b", `{"t":"number","e":2}`)))
	goneToo, releaseToo := take(table, bearer(t, `{"t":"path","e":"$.c[-1]"}`))
	release()
	releaseToo()
	b := batchOf(`{"a":1,"b":2,"c":[3]}`, `{"a":2,"b":1,"c":[]}`)
	if got := visible(b, other).index; !slices.Equal(got, []int{0}) {
		t.Errorf("the one that is there passes %v", got)
	}
	later, _ := take(table, bearer(t, eqTree("$.b", `{"t":"number","e":2}`)))
	laterToo, _ := take(table, bearer(t, `{"t":"path","e":"$.c[0]"}`))
	for name, e := range map[string]*sharedFilter{"gone": gone, "goneToo": goneToo, "later": later, "laterToo": laterToo} {
		if got := visible(b, e).index; !slices.Equal(got, []int{0}) {
			t.Errorf("%s passes %v", name, got)
		}
	}
}

// What a message allocates for a filter does not grow with what the filter does not ask for. Decoding
// the ten fields of the first took 53 allocations. This takes 18, and under the race detector now and
// then some more.
func TestFiltersAllocateLittle(t *testing.T) {
	table := &filterTable{steps: math.MaxInt}
	f, _ := take(table, bearer(t, `{"t":"not","e":`+eqTree("$.destination.port", text("DEHAM"))+`}`))
	more := strings.Replace(tenFields, "{", `{"more":[`+strings.Repeat(`{"a":"x","b":2.5},`, 100)+`null],`, 1)
	for _, message := range []string{tenFields, more} {
		b := batchOf(message)
		allocs := testing.AllocsPerRun(100, func() {
			if b := (&streams.Batch{Messages: b.Messages}); len(visible(b, f).index) != 1 {
				t.Error("it does not pass")
			}
		})
		if allocs > 30 {
			t.Errorf("%.40s takes %v allocations", message, allocs)
		}
	}
}
