package jsonscan

import (
	"bytes"
	"hash/maphash"
	"math/bits"

	"github.com/go-json-experiment/json/jsontext"
)

// names are the names of the objects that a Cursor is in, outermost first. They
// find the names that an object has twice.
type names struct {
	spans     []span
	unescaped []byte   // the names that have escapes in the text
	table     []uint32 // see end
}

// A span is a part of the text, or of names.unescaped if from is negative: it
// begins at ^from then.
type span struct{ from, to int }

// nameMarks says which names are those of one object.
type nameMarks struct {
	spans, unescaped int    // where they begin
	seen             uint64 // a bit for each, by its hash
}

// fewNames is how many names of an object are compared with each other. With more,
// all are put into a table at the end of the object.
const fewNames = 16

func (n *names) reset() {
	n.spans, n.unescaped = n.spans[:0], n.unescaped[:0]
	if max(cap(n.spans), cap(n.unescaped), cap(n.table)) > maxPooled {
		*n = names{}
	}
}

// mark begins an object.
func (n *names) mark() nameMarks {
	return nameMarks{spans: len(n.spans), unescaped: len(n.unescaped)}
}

// add notes a name, which is quoted between from and to. It reports false if the
// object has it already and few others.
func (n *names) add(text []byte, of *nameMarks, from, to int, plain bool) bool {
	s := span{from + 1, to - 1}
	if !plain {
		start := len(n.unescaped)
		var err error
		if n.unescaped, err = jsontext.AppendUnquote(n.unescaped, text[from:to]); err != nil {
			return false
		}
		s = span{^start, len(n.unescaped)}
	}
	name, earlier := n.bytes(text, s), n.spans[of.spans:]
	n.spans = append(n.spans, s)
	bit := uint64(1) << sketch(name)
	if of.seen&bit != 0 && len(earlier) < fewNames {
		for _, other := range earlier {
			if bytes.Equal(n.bytes(text, other), name) {
				return false
			}
		}
	}
	of.seen |= bit
	return true
}

// sketch returns a number below 64 that tells most names of an object apart.
func sketch(name []byte) uint {
	if len(name) == 0 {
		return 0
	}
	h := uint(len(name)) + uint(name[0])*31 + uint(name[len(name)/2])*7 + uint(name[len(name)-1])*17
	return h % 64
}

// end ends an object. It reports false if the object has a name twice.
func (n *names) end(text []byte, of *nameMarks) bool {
	all := n.spans[of.spans:]
	distinct := len(all) <= fewNames || n.differ(text, all)
	n.spans, n.unescaped = n.spans[:of.spans], n.unescaped[:of.unescaped]
	return distinct
}

var seed = maphash.MakeSeed()

// differ reports whether all names differ.
func (n *names) differ(text []byte, all []span) bool {
	size := 2 << bits.Len(uint(len(all))) // at most half of the table is used
	if cap(n.table) < size {
		n.table = make([]uint32, size)
	}
	table := n.table[:size] // of indexes in all, from 1 on
	clear(table)
	for i, s := range all {
		name := n.bytes(text, s)
		at := int(maphash.Bytes(seed, name)) & (size - 1)
		for ; table[at] != 0; at = (at + 1) & (size - 1) {
			if bytes.Equal(n.bytes(text, all[table[at]-1]), name) {
				return false
			}
		}
		table[at] = uint32(i + 1)
	}
	return true
}

// last returns the name that was added last.
func (n *names) last(text []byte) []byte { return n.bytes(text, n.spans[len(n.spans)-1]) }

func (n *names) bytes(text []byte, s span) []byte {
	if s.from < 0 {
		return n.unescaped[^s.from:s.to]
	}
	return text[s.from:s.to]
}
