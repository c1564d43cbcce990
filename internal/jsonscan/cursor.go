package jsonscan

import (
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxLevels is how deep a text may nest, as in jsontext.
const maxLevels = 10_000

// A Cursor reads a text from front to back, value by value, and decodes nothing
// but names. It accepts exactly the texts that json v2 decodes into an any: the
// names of an object differ, strings are valid UTF-8, a float64 can hold each
// number, and nothing follows the value.
//
// At a value, call either Skip or Enter. After Enter, call Next until it reports
// false. Once the text is wrong, Kind is 0, Next reports false, Skip returns
// nothing, and at last End reports false. What was returned before means nothing
// then.
type Cursor struct {
	text   []byte
	at     int // offset of the next byte
	failed bool
	levels []level // the objects and arrays that the cursor is in, outermost first
	left   level   // the object or array that was left last; the cursor may have moved on
	names  names

	counting bool     // CountElements is under way
	lengths  []uint32 // of all arrays, in the order in which they begin
	arrays   int      // how many of them have begun
}

// A level is an object or array.
type level struct {
	isArray bool
	start   int       // offset of its bracket
	end     int       // offset after its other bracket, once it was left
	length  int       // members or elements so far
	array   int       // of an array: its index in Cursor.lengths
	names   nameMarks // of an object
}

var cursors = sync.Pool{New: func() any { return new(Cursor) }}

// NewCursor returns a cursor at the value that is the text. The text must not
// change before Release.
func NewCursor(text []byte) *Cursor {
	c := cursors.Get().(*Cursor)
	if c.text = text; !utf8.Valid(text) {
		c.fail()
	}
	return c
}

// maxPooled bounds the memory that waits for the next text, in entries of each kind.
const maxPooled = 1 << 10

// Release ends the use of the cursor.
func (c *Cursor) Release() {
	kept := Cursor{levels: c.levels[:0], names: c.names, lengths: c.lengths[:0]}
	if cap(kept.levels) > maxPooled {
		kept.levels = nil
	}
	if cap(kept.lengths) > maxPooled {
		kept.lengths = nil
	}
	kept.names.reset()
	*c = kept
	cursors.Put(c)
}

// Kind returns '{', '[', '"', 't', 'f', 'n', or '0' for a number: the kind of the
// value at the cursor. It is 0 if there is none.
func (c *Cursor) Kind() jsontext.Kind {
	switch b := c.peek(); b {
	case '{', '[', '"', 't', 'f', 'n':
		return jsontext.Kind(b)
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return '0'
	}
	return 0
}

// Skip passes the value at the cursor, and returns it, and how many members or
// elements it has.
func (c *Cursor) Skip() (value jsontext.Value, length int) {
	outside := len(c.levels)
	c.peek()
	start := c.at
	c.pass()
	for len(c.levels) > outside {
		if c.Next() {
			c.pass()
		} else if c.failed {
			return nil, 0
		}
	}
	if c.failed {
		return nil, 0
	}
	value = c.text[start:c.at:c.at]
	if value[0] == '{' || value[0] == '[' {
		length = c.left.length
	}
	return value, length
}

// Left returns the object or array that Next left last, and how many members or
// elements it has.
func (c *Cursor) Left() (value jsontext.Value, length int) {
	if c.failed {
		return nil, 0
	}
	return c.text[c.left.start:c.left.end:c.left.end], c.left.length
}

// pass passes the scalar at the cursor, or enters the object or array.
func (c *Cursor) pass() {
	switch c.peek() {
	case '"':
		c.quoted()
	case '{', '[':
		c.Enter()
	case 't', 'f', 'n':
		c.to(WordEnd(c.text, c.at))
	default:
		c.number()
	}
}

// Enter enters the object or array at the cursor. Next leads to its first member
// or element.
func (c *Cursor) Enter() {
	b := c.peek()
	if b != '{' && b != '[' || len(c.levels) == maxLevels {
		c.fail()
		return
	}
	l := level{isArray: b == '[', start: c.at, names: c.names.mark()}
	c.at++
	if l.isArray {
		l.array = c.arrays
		c.arrays++
		if c.counting {
			c.lengths = append(c.lengths, 0)
		}
	}
	c.levels = append(c.levels, l)
}

// Next leads to the value of the next member, or to the next element. It reports
// false if there is none, and then it has left the object or array.
func (c *Cursor) Next() bool {
	b := c.peek()
	if c.failed {
		return false
	}
	l := &c.levels[len(c.levels)-1]
	switch {
	case b == ',' && l.length > 0:
		c.at++
	case l.isArray && b == ']' || !l.isArray && b == '}':
		c.leave(l)
		return false
	case l.length > 0:
		c.fail()
		return false
	}
	l.length++
	return l.isArray || c.member(l)
}

func (c *Cursor) leave(l *level) {
	c.at++
	l.end = c.at
	c.left = *l
	if l.isArray && c.counting {
		c.lengths[l.array] = uint32(l.length)
	}
	if !l.isArray && !c.names.end(c.text, &l.names) {
		c.fail()
	}
	c.levels = c.levels[:len(c.levels)-1]
}

// member reads the name of a member, and the colon.
func (c *Cursor) member(l *level) bool {
	c.peek()
	from := c.at
	plain := c.quoted()
	if c.failed || !c.names.add(c.text, &l.names, from, c.at, plain) || c.peek() != ':' {
		c.fail()
		return false
	}
	c.at++
	return true
}

// Name returns the name of the member that Next led to. It is valid until the
// cursor moves on.
func (c *Cursor) Name() []byte { return c.names.last(c.text) }

// Length returns how many elements the array has that was entered last. Call
// CountElements first.
func (c *Cursor) Length() int {
	if c.failed {
		return 0
	}
	return int(c.lengths[c.levels[len(c.levels)-1].array])
}

// CountElements reads the whole text, so that Length is known. The cursor must be
// at the beginning, and is there again afterwards.
func (c *Cursor) CountElements() {
	c.counting = true
	c.Skip()
	c.counting = false
	c.at, c.arrays = 0, 0
}

// End reports whether the text was right, the cursor is after its value, and
// nothing follows.
func (c *Cursor) End() bool {
	c.peek()
	return !c.failed && len(c.levels) == 0 && c.at > 0 && c.at == len(c.text)
}

// peek passes white space and returns the byte after it, or 0 at the end or if
// the text is wrong.
func (c *Cursor) peek() byte {
	if c.at < len(c.text) && c.text[c.at] > ' ' {
		return c.text[c.at]
	}
	return c.space()
}

func (c *Cursor) space() byte {
	if c.at = SpaceEnd(c.text, c.at); c.at < len(c.text) {
		return c.text[c.at]
	}
	return 0
}

// fail notes that the text is wrong. There is nothing left of it.
func (c *Cursor) fail() {
	c.failed = true
	c.text, c.at = nil, 0
}

// to goes on at the end of what was read. The text is wrong if that is -1.
func (c *Cursor) to(end int) {
	if end < 0 {
		c.fail()
		return
	}
	c.at = end
}

// quoted passes a string. It is plain if it has no escapes.
func (c *Cursor) quoted() (plain bool) {
	end, plain, _ := StringEnd(c.text, c.at)
	c.to(end)
	return plain
}

func (c *Cursor) number() {
	end, small := NumberEnd(c.text, c.at)
	if end >= 0 && !small {
		if _, err := strconv.ParseFloat(string(c.text[c.at:end]), 64); err != nil {
			end = -1
		}
	}
	c.to(end)
}
