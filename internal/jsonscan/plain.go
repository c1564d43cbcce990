package jsonscan

import "github.com/go-json-experiment/json/jsontext"

// Almost every text is well formed and shallow, and is split by what follows, in one pass without
// a decoder. Whatever is wrong, deep or rare is left to the decoder, which says what is wrong.

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

func (p *plain) space() { p.at = SpaceEnd(p.text, p.at) }

// next returns the next byte after white space, without reading it, or 0.
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
	case 't', 'f', 'n':
		return p.to(WordEnd(p.text, p.at))
	}
	end, _ := NumberEnd(p.text, p.at)
	return p.to(end)
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

func (p *plain) string() bool {
	end, _, _ := StringEnd(p.text, p.at)
	return p.to(end)
}

// to goes on at the end of what was read, if it is not -1.
func (p *plain) to(end int) bool {
	p.at = max(p.at, end)
	return end >= 0
}
