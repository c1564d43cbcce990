package jsonscan

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/go-json-experiment/json/jsontext"
)

// Almost every text is well formed and shallow, and is split by what follows, in one pass without
// a decoder. Whatever is wrong, deep or rare is left to the decoder, which words it.

const (
	// plainDepth is how deep a text may nest for the plain way, which recurses.
	plainDepth = 64
	// plainMembers is how many members an object may have for it.
	plainMembers = 8
)

// A plainMember is a member of an object, as offsets in the text.
type plainMember struct{ name, nameEnd, value, valueEnd int }

// plainObject finds the members of the object in text. ok is false if it is not well formed, if it
// nests deeper than depth, or if it is better left to the decoder.
func plainObject(text []byte, depth int, members *[plainMembers]plainMember) (n int, ok bool) {
	p := plain{text: text, levels: min(depth, plainDepth)}
	if !p.sign('{') || !p.deeper() {
		return 0, false
	}
	for p.next() != '}' {
		if n == plainMembers || n > 0 && !p.sign(',') {
			return 0, false
		}
		p.space()
		m := &members[n]
		n++
		m.name = p.at
		if !p.string() {
			return 0, false
		}
		m.nameEnd = p.at
		if !p.sign(':') {
			return 0, false
		}
		p.space()
		m.value = p.at
		if !p.value() {
			return 0, false
		}
		m.valueEnd = p.at
	}
	p.at++
	p.space()
	return n, p.at == len(text)
}

func (m *plainMember) of(text []byte) (name, value jsontext.Value) {
	return text[m.name:m.nameEnd:m.nameEnd], text[m.value:m.valueEnd:m.valueEnd]
}

// A plain reads a text from front to back. Each method reads what its name says, and reports false
// for what is wrong or rare. All are as lenient as the package comment says.
type plain struct {
	text   []byte
	at     int // offset of the next byte
	levels int // how much deeper the text may nest
}

func (p *plain) deeper() bool {
	p.levels--
	return p.levels >= 0
}

func (p *plain) space() {
	for p.at < len(p.text) && isSpace(p.text[p.at]) {
		p.at++
	}
}

// next returns the next byte behind white space, without reading it, or 0.
func (p *plain) next() byte {
	if p.space(); p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

// sign reads white space and then c, if c is there.
func (p *plain) sign(c byte) bool {
	if p.next() != c {
		return false
	}
	p.at++
	return true
}

func (p *plain) value() bool {
	switch p.next() {
	case '"':
		return p.string()
	case '{', '[':
		return p.nested()
	case 't':
		return p.word("true")
	case 'f':
		return p.word("false")
	case 'n':
		return p.word("null")
	}
	return p.number()
}

// nested reads an object or an array.
func (p *plain) nested() bool {
	isObject := p.text[p.at] == '{'
	end := p.text[p.at] + 2 // the bracket that closes it
	p.at++
	if !p.deeper() {
		return false
	}
	for first := true; p.next() != end; first = false {
		if !first && !p.sign(',') {
			return false
		}
		if isObject {
			if p.space(); !p.string() || !p.sign(':') {
				return false
			}
		}
		if !p.value() {
			return false
		}
	}
	p.at++
	p.levels++
	return true
}

func (p *plain) word(word string) bool {
	if !bytes.HasPrefix(p.text[p.at:], []byte(word)) {
		return false
	}
	p.at += len(word)
	return true
}

func (p *plain) string() bool {
	if p.at >= len(p.text) || p.text[p.at] != '"' {
		return false
	}
	for i := p.at + 1; ; i++ {
		i = EndOfASCII(p.text, i)
		switch {
		case i == len(p.text):
			return false
		case p.text[i] == '"':
			p.at = i + 1
			return true
		case p.text[i] < 0x80: // an escape, which is rare, or a control character
			return false
		}
	}
}

func (p *plain) number() bool {
	if p.at < len(p.text) && p.text[p.at] == '-' {
		p.at++
	}
	zero := p.at < len(p.text) && p.text[p.at] == '0'
	if n := p.digits(); n == 0 || zero && n > 1 {
		return false
	}
	if p.at < len(p.text) && p.text[p.at] == '.' {
		p.at++
		if p.digits() == 0 {
			return false
		}
	}
	if p.at < len(p.text) && p.text[p.at]|0x20 == 'e' {
		p.at++
		if p.at < len(p.text) && (p.text[p.at] == '+' || p.text[p.at] == '-') {
			p.at++
		}
		return p.digits() > 0
	}
	return true
}

// digits reads digits and returns how many there are.
func (p *plain) digits() int {
	start := p.at
	for p.at < len(p.text) && '0' <= p.text[p.at] && p.text[p.at] <= '9' {
		p.at++
	}
	return p.at - start
}

// EndOfASCII returns the index, from i on, of the first byte of text that cannot stand for itself in
// a string or is not ASCII: a quote, a backslash, a control character, or part of another
// character. It is len(text) if there is none.
func EndOfASCII(text []byte, i int) int {
	const (
		ones  = 0x0101010101010101
		highs = 0x80 * ones
	)
	for ; i+8 <= len(text); i += 8 {
		// Of each byte, the high bit tells. Subtractions borrow only from bytes behind one that
		// is found, so the first that is found is right.
		x := binary.LittleEndian.Uint64(text[i:])
		quote, backslash := x^'"'*ones, x^'\\'*ones
		found := (x | (x-' '*ones)&^x | (quote-ones)&^quote | (backslash-ones)&^backslash) & highs
		if found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for ; i < len(text); i++ {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x80 {
			break
		}
	}
	return i
}
