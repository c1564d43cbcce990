package format

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzDecode feeds the decoders what a damaged database may hold.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(make([]byte, RevisionSize-1))
	f.Add(NewRecordValue([]byte("value")))
	f.Add(State{Revision: 1, Sum: 2}.Encode())
	f.Add(State{Revision: 1, Sum: 2}.Encode()[:stateSize1])
	f.Add((&Head{Number: 1, First: 2, Next: 4, Before: 5, End: 9, FirstTime: 1, LastTime: 2}).Encode())
	f.Add(append(make([]byte, 7), 1, 0, 0, 0, 0, 0, 0, 0, 1, 'x'))
	f.Fuzz(func(t *testing.T, b []byte) {
		value, revision, err := DecodeRecordValue(b)
		if (err == nil) != (len(b) >= RevisionSize) {
			t.Errorf("record of %d bytes: %v", len(b), err)
		}
		if err == nil && (!bytes.Equal(value, b[RevisionSize:]) || revision>>56 != uint64(b[0])) {
			t.Errorf("record %x: value %x, revision %x", b, value, revision)
		}
		s, err := DecodeState(b)
		if err == nil && !bytes.HasPrefix(s.Encode(), b) { // format 1 has fewer fields; the others are zero
			t.Errorf("state %x became %x", b, s.Encode())
		}
		h, err := DecodeHead(b)
		if err == nil && !bytes.Equal(h.Encode(), b) {
			t.Errorf("head %x became %x", b, h.Encode())
		}
		stored, err := DecodeEntry(b)
		again := make([]byte, len(b))
		if err == nil {
			stored.Put(again)
		}
		if err == nil && !bytes.Equal(again, b) {
			t.Errorf("entry %x became %x", b, again)
		}
	})
}

// FuzzRecordRange checks that a range holds exactly the keys with its prefix.
func FuzzRecordRange(f *testing.F) {
	f.Add("table", "prefix", "table", "prefix and more")
	f.Add("a", "bc", "ab", "c")
	f.Add("t", "\xff\xff", "t", "\xff\xff\xff")
	f.Add("t", "", "t", "\U0010ffff")
	f.Add("t", "\xf4", "t", "\U0010ffff")
	f.Fuzz(func(t *testing.T, table, prefix, otherTable, key string) {
		if strings.Contains(table+otherTable+key, "\x00") {
			t.Skip("no engine holds such a record")
		}
		lower, upper := RecordRange(table, prefix)
		k := RecordKey(otherTable, key)
		inside := bytes.Compare(lower, k) <= 0 && bytes.Compare(k, upper) < 0
		if want := table == otherTable && strings.HasPrefix(key, prefix); inside != want {
			t.Errorf("key %q of %q is in the range of prefix %q of %q: %v, want %v", key, otherTable, prefix, table, inside, want)
		}
	})
}

// TestSumDependsOnContentsAlone checks that the order of changes does not
// matter to the sum.
func TestSumDependsOnContentsAlone(t *testing.T) {
	a, b := RecordKey("table", "a"), RecordKey("table", "b")
	var s State
	first := s.PutRecord(a, 0)
	s.PutRecord(b, 0)
	withBoth := s
	c := s.PutRecord(b, 2)
	if s.Sum == withBoth.Sum {
		t.Error("replacing a record did not change the sum")
	}
	s.DeleteRecord(b, c)
	s.DeleteRecord(a, first)
	if s.Sum != 0 || s.Revision != 5 {
		t.Errorf("after everything was deleted: %+v, want revision 5 and sum 0", s)
	}
	if got, err := DecodeState(withBoth.Encode()); got != withBoth || err != nil {
		t.Errorf("%+v came back as %+v, %v", withBoth, got, err)
	}
}
