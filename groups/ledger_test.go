package groups

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"seagate/streams"
)

// A ledger says what a set says to which the same was done.
func TestLedgerIsASetOfNumbers(t *testing.T) {
	const numbers = 300
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 3))
		l, want := ledger{position: 1}, map[uint64]bool{}
		for range 200 {
			first := 1 + rng.Uint64N(numbers)
			last := first + rng.Uint64N(1+rng.Uint64N(8))
			missing := l.missing(first, last)
			for _, s := range missing {
				for n := s.first; n <= s.last; n++ {
					if want[n] {
						t.Fatalf("%d is done and missing", n)
					}
					want[n] = true
				}
			}
			l.add(first, last)
			for n := first; n <= last; n++ {
				if !want[n] {
					t.Fatalf("%d was neither done nor missing", n)
				}
			}
			checkLedger(t, &l, want, numbers+10)
		}
		next := 1 + rng.Uint64N(numbers)
		l.cut(next)
		for n := range want {
			if n >= next {
				delete(want, n)
			}
		}
		checkLedger(t, &l, want, next-1)
	}
}

func checkLedger(t *testing.T, l *ledger, want map[uint64]bool, upTo uint64) {
	t.Helper()
	above := uint64(0)
	for n := uint64(1); n <= upTo; n++ {
		if l.has(n) != want[n] {
			t.Fatalf("has(%d) is %v with %+v", n, l.has(n), l)
		}
		if n > l.position && want[n] {
			above++
		}
	}
	if want[l.position] || l.above != above {
		t.Fatalf("position %d, %d above it; want %d", l.position, l.above, above)
	}
	for i := 1; i < len(l.done); i++ {
		if l.done[i].first <= l.done[i-1].last+1 {
			t.Fatalf("spans %v", l.done)
		}
	}
}

func TestALedgerAtRestHoldsNoMemory(t *testing.T) {
	l := ledger{position: 1}
	for n := uint64(2); n < 1000; n += 2 {
		l.add(n, n)
		l.tried(n+1, attempts{deliveries: 1})
	}
	l.add(1, 1000)
	if cap(l.buf) > 64 || l.attempts != nil || l.position != 1001 {
		t.Errorf("%d spans, %d attempts, position %d", cap(l.buf), len(l.attempts), l.position)
	}
}

func TestHoldingsOfAMemberThatAcknowledgesInAnyOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 4))
	h, want := holdings{explicit: true}, map[uint64]bool{}
	var order []uint64
	for seq := uint64(1); seq < 5000; seq++ {
		h.add(handed{message: &streams.Message{Seq: seq}})
		want[seq] = true
		order = append(order, seq)
		for range rng.IntN(3) {
			i := rng.IntN(len(order))
			if _, ok := h.take(order[i]); ok != want[order[i]] {
				t.Fatalf("take(%d) is %v", order[i], ok)
			}
			delete(want, order[i])
		}
		for len(order) > 0 && !want[order[0]] {
			order = order[1:]
		}
		if oldest := h.oldest(); (oldest == nil) != (len(order) == 0) || oldest != nil && oldest.message.Seq != order[0] {
			t.Fatalf("oldest is %v, want the first of %v", oldest, order)
		}
		if h.live != len(want) || len(h.at) != len(want) {
			t.Fatalf("%d live, %d indexed, want %d", h.live, len(h.at), len(want))
		}
	}
	for h.oldest() != nil {
		if d := h.takeOldest(); d.message.Seq != order[0] {
			t.Fatalf("took %d, want %d", d.message.Seq, order[0])
		}
		order = order[1:]
		for len(order) > 0 && !want[order[0]] {
			order = order[1:]
		}
	}
	if h.list != nil || h.at != nil {
		t.Error("a member that holds nothing holds memory")
	}
}

func testGroup() *group {
	now := time.Date(2026, 11, 21, 10, 0, 0, 5, time.UTC)
	g := &group{complete: true, log: "log", createdAt: now, lastActive: now, redelivered: 1, deadLettered: 2, lost: 3}
	g.position = 5
	g.add(7, 9)
	g.add(12, 12)
	for seq := uint64(15); seq < 18; seq++ {
		g.tried(seq, attempts{deliveries: 2, failures: 1})
	}
	g.tried(5, attempts{deliveries: 1})
	return g
}

func TestRecordRoundTrip(t *testing.T) {
	g := testGroup()
	r := g.recordLocked()
	value, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"log":"log","position":5,"done":[[7,9],[12,12]],"tried":[[5,5,1,0],[15,17,2,1]],` +
		`"createdAt":"2026-11-21T10:00:00.000000005Z","lastActive":"2026-11-21T10:00:00.000000005Z",` +
		`"redelivered":1,"deadLettered":2,"lost":3}`
	if string(value) != want {
		t.Errorf("record is\n%s, want\n%s", value, want)
	}
	read, err := parseRecord(value)
	if err != nil || !reflect.DeepEqual(read, r) {
		t.Errorf("read %+v, %v", read, err)
	}
	l := read.ledger()
	if l.position != 5 || l.above != 4 || !reflect.DeepEqual(l.attempts, g.attempts) {
		t.Errorf("ledger %+v, want %+v", l, g.ledger)
	}
}

// What members hold is written as tried: after a crash it comes again.
func TestARecordCountsWhatIsHandedOut(t *testing.T) {
	g := testGroup()
	ms := &Membership{group: g}
	ms.held.add(handed{message: &streams.Message{Seq: 5}, attempt: 1})
	ms.held.add(handed{message: &streams.Message{Seq: 6}})
	g.members = append(g.members, ms)
	want := [][4]uint64{{5, 5, 2, 0}, {6, 6, 1, 0}, {15, 17, 2, 1}}
	if r := g.recordLocked(); !reflect.DeepEqual(r.Tried, want) || !r.HasMembers {
		t.Errorf("record %+v, want tried %v", r, want)
	}
}

func TestRecordsThatNoGroupHasWritten(t *testing.T) {
	tests := map[string]string{
		"no JSON":              `{`,
		"no position":          `{"log":"x"}`,
		"done below":           `{"position":5,"done":[[4,6]]}`,
		"done backwards":       `{"position":5,"done":[[8,7]]}`,
		"done without end":     `{"position":5,"done":[[8,18446744073709551615]]}`,
		"tried below":          `{"position":5,"tried":[[4,6,1,1]]}`,
		"tried backwards":      `{"position":5,"tried":[[8,7,1,1]]}`,
		"tried too many":       `{"position":5,"tried":[[8,140008,1,1]]}`,
		"tried too many parts": `{"position":5,"tried":[[8,80000,1,1],[8,80000,1,1]]}`,
		"tried too often":      `{"position":5,"tried":[[8,8,4294967296,1]]}`,
	}
	for name, value := range tests {
		if r, err := parseRecord([]byte(value)); err == nil {
			t.Errorf("%s: read as %+v", name, r)
		}
	}
}

func TestRecordKeys(t *testing.T) {
	for _, key := range []Key{
		{streams.ID{Space: "s", Name: "t"}, "c", "g"},
		{streams.ID{Space: "s", Name: "t"}, "c", ""},
		{streams.ID{Space: "s", Name: "t"}, "c", "a/b/"},
	} {
		if read, err := parseKey(key.recordKey()); err != nil || read != key {
			t.Errorf("%q is read as %q: %v", key, read, err)
		}
	}
	if _, err := parseKey("s/t/c"); err == nil {
		t.Error("a key of three parts was read")
	}
}

func FuzzParseRecord(f *testing.F) {
	value, _ := json.Marshal(testGroup().recordLocked())
	f.Add(value)
	f.Add([]byte(`{"position":1,"done":[[3,3],[2,9]],"tried":[[1,1,1,0],[5,7,3,3]]}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		r, err := parseRecord(value)
		if err != nil {
			return
		}
		l := r.ledger()
		g := &group{ledger: l, log: r.Log, createdAt: r.CreatedAt, lastActive: r.LastActive}
		if l.position < r.Position {
			t.Errorf("position %d, was %d", l.position, r.Position)
		}
		again := g.recordLocked()
		if err := again.check(); err != nil {
			t.Errorf("what was read is refused when it is written: %v", err)
		}
		if l2 := again.ledger(); l2.position != l.position || l2.above != l.above || len(l2.attempts) != len(l.attempts) {
			t.Errorf("ledger %+v, after another round %+v", l, l2)
		}
	})
}

// A record at its largest fits into one value of the store.
func TestTheLargestRecordFits(t *testing.T) {
	const far = 1<<64 - 2*MaxWindow
	g := &group{log: "aaaaaaaaaaaaaaaaaaaaaaaaaa"}
	g.position = far
	for n := uint64(1); n < MaxWindow; n++ {
		if n%2 == 0 {
			g.add(far+n, far+n)
		} else { // neighbours differ: no runs
			g.tried(far+n, attempts{deliveries: 4_000_000_000 + uint32(n%4), failures: 4_000_000_000})
		}
	}
	for n := range uint64(maxLosses) {
		g.loseLocked(span{far - 2*maxLosses + 2*n, far - 2*maxLosses + 2*n})
	}
	value, err := json.Marshal(g.recordLocked())
	if err != nil {
		t.Fatal(err)
	}
	if len(value) > 8<<20 {
		t.Errorf("%d bytes, more than a store takes", len(value))
	}
	if _, err := parseRecord(value); err != nil {
		t.Error(err)
	}
}
