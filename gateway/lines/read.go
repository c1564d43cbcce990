package lines

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"time"

	"seagate/protocol"
)

// errUnfinished reports that the peer closed its side in the middle of a line.
var errUnfinished = errors.New("lines: the last line has no end")

// maxKept is the size of the largest buffer that a connection keeps for the next line.
const maxKept = 64 << 10

// readLine returns the next line without its end. The line is valid until the next call.
func (c *conn) readLine() ([]byte, error) {
	if c.reader.Buffered() == 0 {
		c.setReadDeadline(c.idleDeadline())
		if _, err := c.reader.Peek(1); err != nil {
			return nil, err
		}
	}
	if buffered, _ := c.reader.Peek(c.reader.Buffered()); bytes.IndexByte(buffered, '\n') < 0 {
		c.setReadDeadline(c.lineDeadline())
	}
	line, err := c.reader.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		line, err = c.readLong(line)
	}
	if err == nil && len(line) > c.lineLimit() {
		err = c.tooLong()
	}
	if errors.Is(err, io.EOF) && len(line) > 0 {
		err = errUnfinished
	}
	if err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte{'\r'}), nil
}

// hasLine reports whether another whole line can be read without waiting.
func (c *conn) hasLine() bool {
	buffered, _ := c.reader.Peek(c.reader.Buffered())
	return bytes.IndexByte(buffered, '\n') >= 0
}

// readLong reads the rest of a line that is longer than the reader's buffer.
func (c *conn) readLong(begun []byte) (line []byte, err error) {
	if cap(c.long) > maxKept {
		c.long = nil
	}
	c.long = append(c.long[:0], begun...)
	for {
		if len(c.long) > c.lineLimit() {
			return nil, c.tooLong()
		}
		if err := c.reserve(len(c.long)); err != nil {
			return nil, err
		}
		begun, err = c.reader.ReadSlice('\n')
		c.long = append(c.long, begun...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return c.long, err
		}
	}
}

// unreserved is how much of a line each connection may hold without asking, in bytes.
const unreserved = 16 << 10

// reserve counts what a line that has come so far holds, until release.
func (c *conn) reserve(size int) error {
	if size < unreserved || size < c.reserved {
		return nil
	}
	more := size // its memory doubles, as long as it grows
	release, err := c.server.gateway.Reserve(c.client.Load(), c.address, more)
	if err != nil {
		return err
	}
	c.reserved += more
	c.releases = append(c.releases, release)
	return nil
}

// release gives back what reserve has taken.
func (c *conn) release() {
	for _, release := range c.releases {
		release()
	}
	c.releases, c.reserved = nil, 0
}

func (c *conn) lineLimit() int {
	if c.client.Load() == nil {
		return c.server.strangerBytes()
	}
	return c.server.opts.LineBytes
}

func (c *conn) tooLong() error {
	return protocol.Errorf(protocol.CodeMessageTooLarge, "a line of more than %d bytes", c.lineLimit())
}

// idleDeadline returns until when the next line must begin. A client may be silent for as
// long as it likes.
func (c *conn) idleDeadline() time.Time {
	if c.client.Load() == nil {
		return c.admitted
	}
	return time.Time{}
}

// lineDeadline returns until when a line that begins now must end.
func (c *conn) lineDeadline() time.Time {
	deadline := time.Now().Add(c.server.opts.LineTimeout)
	if c.client.Load() == nil && c.admitted.Before(deadline) {
		return c.admitted
	}
	return deadline
}

// setReadDeadline sets the deadline of the next reads. A connection that has ended
// meanwhile keeps the deadline that ended it.
func (c *conn) setReadDeadline(deadline time.Time) {
	if deadline.Equal(c.deadline) {
		return
	}
	c.deadline = deadline
	c.nc.SetReadDeadline(deadline)
	if c.out.Ended() { // not before the last line is on its way
		c.nc.SetReadDeadline(longAgo)
	}
}
