package groups

import (
	"reflect"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"seagate/groups/progress"
	"seagate/streams"
)

func testGroup() *group {
	now := time.Date(2026, 11, 21, 10, 0, 0, 5, time.UTC)
	g := &group{log: "log", createdAt: now, lastActive: now, redelivered: 1, deadLettered: 2, lost: 3}
	g.progress = progress.At(5)
	g.progress.Add(7, 9)
	g.progress.Add(12, 12)
	for seq := uint64(15); seq < 18; seq++ {
		g.progress.SetAttempts(seq, progress.Attempts{Deliveries: 2, Failures: 1})
	}
	g.progress.SetAttempts(5, progress.Attempts{Deliveries: 1})
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
	p := read.progress()
	if again := (&group{progress: p}).recordLocked(); p.DoneAbove() != 4 || !reflect.DeepEqual(again.Tried, r.Tried) {
		t.Errorf("progress %+v, want %+v", p, g.progress)
	}
}

// The record counts what members hold as one attempt, since it is delivered again
// after a crash.
func TestARecordCountsWhatIsHandedOut(t *testing.T) {
	g := testGroup()
	ms := &Membership{group: g}
	ms.inFlight.add(handOut{message: &streams.Message{Seq: 5}, attempt: 1})
	ms.inFlight.add(handOut{message: &streams.Message{Seq: 6}})
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
		p := r.progress()
		g := &group{progress: p, log: r.Log, createdAt: r.CreatedAt, lastActive: r.LastActive}
		if p.Position() < r.Position {
			t.Errorf("position %d, was %d", p.Position(), r.Position)
		}
		again := g.recordLocked()
		if err := again.check(); err != nil {
			t.Errorf("what was read is refused when it is written: %v", err)
		}
		p2 := again.progress()
		third := (&group{progress: p2}).recordLocked()
		if p2.Position() != p.Position() || p2.DoneAbove() != p.DoneAbove() || !reflect.DeepEqual(third.Tried, again.Tried) {
			t.Errorf("progress %+v, after another round %+v", p, p2)
		}
	})
}

// The largest record fits into one value of the store.
func TestTheLargestRecordFits(t *testing.T) {
	const far = 1<<64 - 2*MaxWindow
	g := &group{log: "aaaaaaaaaaaaaaaaaaaaaaaaaa"}
	g.progress = progress.At(far)
	for n := uint64(1); n < MaxWindow; n++ {
		if n%2 == 0 {
			g.progress.Add(far+n, far+n)
		} else { // neighbours differ: no runs
			g.progress.SetAttempts(far+n, progress.Attempts{Deliveries: 4_000_000_000 + uint32(n%4), Failures: 4_000_000_000})
		}
	}
	for n := range uint64(maxLosses) {
		g.loseLocked(progress.Span{First: far - 2*maxLosses + 2*n, Last: far - 2*maxLosses + 2*n})
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
