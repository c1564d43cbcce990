package storagetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"seagate/storage"
)

func testListOrder(t *testing.T, e storage.Engine) {
	want := []string{"\x01", " ", "10", "2", "A", "a", "a\x01", "a/", "aa", "b", "\u007f", "é", "\u2028", "\U0010ffff"}
	if !slices.IsSorted(want) {
		t.Fatal("the test's keys are out of order")
	}
	for _, i := range rand.Perm(len(want)) {
		MustPut(t, e, want[i], want[i]+" value")
	}
	got := MustList(t, e, "table", "")
	if !slices.Equal(keys(got), want) {
		t.Fatalf("List: %q, want %q", keys(got), want)
	}
	for _, r := range got {
		wantRecord(t, e, "table", r.Key, r.Key+" value", r.Revision)
	}
}

func testListPrefix(t *testing.T, e storage.Engine) {
	all := []string{"a", "a/1", "a/2", "a0", "b", "b/1", "\U0010ffff", "\U0010ffff\U0010ffff"}
	for _, key := range all {
		MustPut(t, e, key, "")
	}
	long := strings.Repeat("x", storage.MaxKey+1)
	for _, prefix := range []string{"", "a", "a/", "a/2", "a/3", "b", "c", "\U0010ffff", "\xf4", "\xff", "\x00", "a\x00", long} {
		var want []string
		for _, key := range all {
			if strings.HasPrefix(key, prefix) {
				want = append(want, key)
			}
		}
		if got := keys(MustList(t, e, "table", prefix)); !slices.Equal(got, want) {
			t.Errorf("List of prefix %.20q: %q, want %q", prefix, got, want)
		}
	}
}

// testListSeparatesTables uses tables and keys whose texts are the same when
// they are joined.
func testListSeparatesTables(t *testing.T, e storage.Engine) {
	for _, name := range [][2]string{{"a", "bc"}, {"ab", "c"}, {"abc", "d"}, {"b", "c"}} {
		mustPut(t, e, name[0], name[1], name[0]+"|"+name[1], storage.IfAbsent())
	}
	for _, name := range [][2]string{{"a", "bc"}, {"ab", "c"}, {"abc", "d"}, {"b", "c"}} {
		got := MustList(t, e, name[0], "")
		if len(got) != 1 || got[0].Key != name[1] || string(got[0].Value) != name[0]+"|"+name[1] {
			t.Errorf("List(%q) = %q", name[0], keys(got))
		}
	}
	mustDelete(t, e, "ab", "c", storage.Always())
	if got := MustList(t, e, "ab", ""); len(got) != 0 {
		t.Errorf("List of an emptied table: %q", keys(got))
	}
	if got := MustList(t, e, "a", ""); len(got) != 1 {
		t.Errorf("List of another table: %q", keys(got))
	}
}

func testListIsSnapshot(t *testing.T, e storage.Engine) {
	var want []string
	for i := range 300 {
		key := fmt.Sprintf("%03d", i)
		want = append(want, key)
		MustPut(t, e, key, "old")
	}
	listing := e.List(t.Context(), "table", "")
	var got []string
	for r, err := range listing {
		wantError(t, "List", err, nil)
		if len(got) == 0 {
			MustPut(t, e, "299", "new")
			MustPut(t, e, "000a", "new")
			mustDelete(t, e, "table", "150", storage.Always())
		}
		if string(r.Value) != "old" {
			t.Fatalf("List shows %s, which was written after it began", show(r))
		}
		got = append(got, r.Key)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("List yielded %d records, want the %d from when it began", len(got), len(want))
	}

	again := 0
	for _, err := range listing {
		wantError(t, "List", err, nil)
		again++
	}
	if again != len(want) || len(MustList(t, e, "table", "000")) != 2 {
		t.Fatalf("a second iteration yielded %d records, want the current %d", again, len(want))
	}
}

func testListStops(t *testing.T, e storage.Engine) {
	for i := range 10 {
		MustPut(t, e, fmt.Sprint(i), "")
	}
	for range 100 {
		for _, err := range e.List(t.Context(), "table", "") {
			wantError(t, "List", err, nil)
			break
		}
	}
}

// testModel makes random calls to the engine and to a map, and compares them.
func testModel(t *testing.T, e storage.Engine) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	m := model{t: t, e: e, random: rand.New(rand.NewPCG(seed, 0)), records: make(map[string]storage.Record)}
	for range 1000 {
		m.step()
	}
	m.compare("")
	for i := range 10 {
		m.compare(fmt.Sprint(i))
	}
}

type model struct {
	t       *testing.T
	e       storage.Engine
	random  *rand.Rand
	records map[string]storage.Record
	last    uint64
}

func (m *model) step() {
	key := fmt.Sprint(m.random.IntN(40))
	switch m.random.IntN(4) {
	case 0:
		m.delete(key, m.condition(key))
	case 1:
		m.get(key)
	default:
		m.put(key, m.condition(key))
	}
}

func (m *model) condition(key string) storage.Condition {
	switch m.random.IntN(4) {
	case 0:
		return storage.IfAbsent()
	case 1:
		return storage.IfRevision(m.records[key].Revision)
	case 2:
		return storage.IfRevision(m.random.Uint64N(m.last + 2))
	default:
		return storage.Always()
	}
}

func (m *model) allows(key string, cond storage.Condition) error {
	r, found := m.records[key]
	if !cond.Holds(found, r.Revision) {
		return storage.ErrConflict
	}
	return nil
}

func (m *model) put(key string, cond storage.Condition) {
	value := fmt.Sprint(m.random.Uint64())
	revision, err := m.e.Put(m.t.Context(), "table", key, []byte(value), cond)
	wantError(m.t, "Put", err, m.allows(key, cond))
	if err != nil {
		return
	}
	if revision <= m.last {
		m.t.Fatalf("revision %d follows %d", revision, m.last)
	}
	m.last = revision
	m.records[key] = storage.Record{Key: key, Value: []byte(value), Revision: revision}
}

func (m *model) delete(key string, cond storage.Condition) {
	err := m.e.Delete(m.t.Context(), "table", key, cond)
	wantError(m.t, "Delete", err, m.allows(key, cond))
	if err == nil {
		delete(m.records, key)
	}
}

func (m *model) get(key string) {
	if r, found := m.records[key]; found {
		wantRecord(m.t, m.e, "table", key, string(r.Value), r.Revision)
	} else {
		wantAbsent(m.t, m.e, "table", key)
	}
}

func (m *model) compare(prefix string) {
	var want []storage.Record
	for _, r := range m.records {
		if strings.HasPrefix(r.Key, prefix) {
			want = append(want, r)
		}
	}
	slices.SortFunc(want, func(a, b storage.Record) int { return strings.Compare(a.Key, b.Key) })
	got := MustList(m.t, m.e, "table", prefix)
	same := func(a, b storage.Record) bool {
		return a.Key == b.Key && string(a.Value) == string(b.Value) && a.Revision == b.Revision
	}
	if !slices.EqualFunc(got, want, same) {
		m.t.Fatalf("List(%q): %q, want %q", prefix, keys(got), keys(want))
	}
}
