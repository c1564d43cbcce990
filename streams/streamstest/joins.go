package streamstest

import (
	"bytes"
	"fmt"
	"strconv"
)

// A Marked is a message, or a header, that says where in its stream it belongs.
// Message number n of a stream has Number n. Header is the number of headers
// that were sent up to the message, and Opens says that it came with the last
// of them. A header has the Header of its message, and nothing else.
type Marked struct {
	Number int
	Header int
	Opens  bool
}

// A Marker makes marked messages and headers, in the order of the calls.
type Marker struct{ last Marked }

// Next returns the next message, without a header.
func (m *Marker) Next() (payload []byte) {
	m.last.Number++
	m.last.Opens = false
	return m.last.append(nil)
}

// NextWithHeader returns the next message and the header that comes with it.
func (m *Marker) NextWithHeader() (payload, header []byte) {
	m.last = Marked{Number: m.last.Number + 1, Header: m.last.Header + 1, Opens: true}
	return m.last.append(nil), Marked{Header: m.last.Header}.append(nil)
}

// parse reads what append has made, byte for byte. It is cheap, since listeners would
// otherwise be what a test under load measures.
func parse(text []byte) (m Marked, err error) {
	rest := text
	number := func(name string) (n int) {
		digits := 0
		rest, _ = bytes.CutPrefix(rest, []byte(name))
		for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
			n = 10*n + int(rest[digits]-'0')
			digits++
		}
		rest = rest[digits:]
		return n
	}
	m.Number = number(`{"number":`)
	m.Header = number(`,"header":`)
	m.Opens = bytes.Equal(rest, []byte(`,"opens":true}`))
	var again [64]byte
	if !bytes.Equal(text, m.append(again[:0])) {
		return Marked{}, fmt.Errorf("%s is no marked message", text)
	}
	return m, nil
}

func (m Marked) append(b []byte) []byte {
	b = strconv.AppendInt(append(b, `{"number":`...), int64(m.Number), 10)
	b = strconv.AppendInt(append(b, `,"header":`...), int64(m.Header), 10)
	return append(strconv.AppendBool(append(b, `,"opens":`...), m.Opens), '}')
}

// A JoinChecker checks what one listener is sent that joined a stream of marked
// messages at its end: the header n, then what follows the message of header n,
// from some message on without a hole, then the message of header n+1, and so
// on. So the message that came with header n is never among them, and that of
// header n+1 is never missing.
type JoinChecker struct {
	header *Marked
	last   *Marked
	seen   int
}

// Header takes the header that comes first.
func (c *JoinChecker) Header(header []byte) error {
	if c.header != nil {
		return fmt.Errorf("a second header %s came", header)
	}
	m, err := parse(header)
	c.header = &m
	return err
}

// Message takes the next message.
func (c *JoinChecker) Message(payload []byte) error {
	m, err := parse(payload)
	if err != nil {
		return err
	}
	if c.header == nil {
		return fmt.Errorf("message %s came without a header before it", payload)
	}
	header := c.header.Header
	if c.last != nil {
		header = c.last.Header
		if m.Number != c.last.Number+1 {
			return fmt.Errorf("message %s came behind number %d", payload, c.last.Number)
		}
	}
	if m.Opens {
		header++
	}
	if m.Header != header {
		return fmt.Errorf("message %s came where header %d, and %d messages behind it, were seen", payload, c.header.Header, c.seen)
	}
	c.last = &m
	c.seen++
	return nil
}

// Seen returns how many messages have come.
func (c *JoinChecker) Seen() int { return c.seen }
