package pebble

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzDecode feeds the decoders what a damaged database could hold.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(make([]byte, revisionSize-1))
	f.Add(recordValue([]byte("value")))
	f.Add(encodeState(state{revision: 1, sum: 2}))
	f.Add(encodeState(state{revision: 1, sum: 2})[:stateSize1])
	f.Add(encodeHead(head{number: 1, first: 2, next: 4, before: 5, end: 9, firstTime: 1, lastTime: 2}))
	f.Add(append(make([]byte, 7), 1, 0, 0, 0, 0, 0, 0, 0, 1, 'x'))
	f.Fuzz(func(t *testing.T, b []byte) {
		value, revision, err := decodeRecordValue(b)
		if (err == nil) != (len(b) >= revisionSize) {
			t.Errorf("record of %d bytes: %v", len(b), err)
		}
		if err == nil && (!bytes.Equal(value, b[revisionSize:]) || revision>>56 != uint64(b[0])) {
			t.Errorf("record %x: value %x, revision %x", b, value, revision)
		}
		s, err := decodeState(b)
		if err == nil && !bytes.HasPrefix(encodeState(s), b) { // what it has no room for is zero
			t.Errorf("state %x became %x", b, encodeState(s))
		}
		h, err := decodeHead(b)
		if err == nil && !bytes.Equal(encodeHead(h), b) {
			t.Errorf("head %x became %x", b, encodeHead(h))
		}
		stored, err := decodeEntry(b)
		again := make([]byte, len(b))
		if err == nil {
			putEntry(again, stored)
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
		lower, upper := recordRange(table, prefix)
		k := recordKey(otherTable, key)
		inside := bytes.Compare(lower, k) <= 0 && bytes.Compare(k, upper) < 0
		if want := table == otherTable && strings.HasPrefix(key, prefix); inside != want {
			t.Errorf("key %q of %q is inside of prefix %q of %q: %v, want %v", key, otherTable, prefix, table, inside, want)
		}
	})
}

// TestState checks that the sum depends on what is there, and not on how it
// came to be.
func TestState(t *testing.T) {
	a, b := recordKey("table", "a"), recordKey("table", "b")
	var s state
	first := s.put(a, 0)
	s.put(b, 0)
	withBoth := s
	c := s.put(b, 2)
	if s.sum == withBoth.sum {
		t.Error("replacing a record left the sum as it was")
	}
	s.delete(b, c)
	s.delete(a, first)
	if s.sum != 0 || s.revision != 5 {
		t.Errorf("after everything was deleted: %+v, want revision 5 and sum 0", s)
	}
	if got, err := decodeState(encodeState(withBoth)); got != withBoth || err != nil {
		t.Errorf("%+v came back as %+v, %v", withBoth, got, err)
	}
}
