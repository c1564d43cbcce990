package streamstest

import (
	"encoding/json"
	"fmt"
)

// A Marked is a message, or a header, that says where in its stream it belongs.
// Message number n of a stream has Number n. Header is the number of headers
// that were sent up to the message, and Opens says that it came with the last
// of them. A header has the Header of its message, and nothing else.
type Marked struct {
	Number int  `json:"number"`
	Header int  `json:"header"`
	Opens  bool `json:"opens"`
}

// A Marker makes marked messages and headers, in the order of the calls.
type Marker struct{ last Marked }

// Next returns the next message, without a header.
func (m *Marker) Next() (payload []byte) {
	m.last.Number++
	m.last.Opens = false
	return m.encode(m.last)
}

// NextWithHeader returns the next message and the header that comes with it.
func (m *Marker) NextWithHeader() (payload, header []byte) {
	m.last = Marked{Number: m.last.Number + 1, Header: m.last.Header + 1, Opens: true}
	return m.encode(m.last), m.encode(Marked{Header: m.last.Header})
}

func (m *Marker) encode(v Marked) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
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
	c.header = &Marked{}
	return json.Unmarshal(header, c.header)
}

// Message takes the next message.
func (c *JoinChecker) Message(payload []byte) error {
	var m Marked
	if err := json.Unmarshal(payload, &m); err != nil {
		return fmt.Errorf("message %s: %w", payload, err)
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
