package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"seagate/client"
	"seagate/protocol"
)

const (
	// maxLine is the longest message that is read, in bytes: more than a gateway
	// takes, unless its limit is raised far.
	maxLine = 16 << 20
	// maxFramed is the longest message that goes over the WebSocket, in bytes. A
	// gateway ends the connection for a larger request than it allows, by default
	// 1 MiB of which something is left for what is around the message. Over HTTP
	// it refuses that one alone.
	maxFramed = 1<<20 - 1<<10
)

func publishCommand() *cobra.Command {
	var id string
	var cmd *cobra.Command
	cmd = newCommand("publish STREAM [MESSAGE | -]", "Publish a message, or one for each line of standard input", cobra.RangeArgs(1, 2),
		func(ctx context.Context, t *task) error {
			switch {
			case id == "" && cmd.Flags().Changed("message-id"): // a variable that is not set, most likely
				return usagef("--message-id is empty: give an id, or leave it out")
			case len(t.args) == 2 && t.args[1] != "-":
				return publishOne(ctx, t, id)
			case id != "":
				return usagef("--message-id is for a message that is an argument: lines cannot all have the same one")
			}
			return publishLines(ctx, t)
		})
	cmd.Long = `Publish a message, or one for each line of standard input. Every message is
checked by itself: a refused one is reported with its line, and those after it
are published all the same. If any was refused, the exit status is 1.

With --message-id the gateway takes the message once: when it is not known
whether it did, publish it again with the same id.`
	cmd.Example = `  seagate publish boiler '{"temperature": 91.5}'
  seagate publish boiler '{"temperature": 91.5}' --message-id boiler-2026-11-21T10:00
  tail -f measurements.ndjson | seagate publish boiler`
	cmd.Flags().StringVar(&id, "message-id", "", "take the message once, however often it is published with this `ID`")
	completeStream(cmd)
	return cmd
}

func publishOne(ctx context.Context, t *task, id string) error {
	stream, message := t.args[0], jsontext.Value(t.args[1])
	if err := validJSON("the message", message); err != nil {
		return Usage(err)
	}
	publish := t.Publish
	if id != "" {
		if err := protocol.CheckMessageID(id); err != nil {
			return usagef("--message-id: %w", err)
		}
		publish = func(ctx context.Context, stream string, message any) error {
			return t.PublishOnce(ctx, stream, id, message)
		}
	}
	if err := publish(ctx, stream, message); err != nil {
		return err
	}
	return t.done(tally{Stream: stream, Published: 1}, "published to %s", stream)
}

// A tally is what became of the messages.
type tally struct {
	Stream    string `json:"stream"`
	Published int    `json:"published"`
	Refused   int    `json:"refused"`
}

// publishLines sends line after line without waiting for the answers, and
// takes those as they come.
func publishLines(ctx context.Context, t *task) error {
	conn, err := t.Dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if isTerminal(t.in) {
		t.note("type one JSON value a line; Ctrl-D ends")
	}
	p := &pipeline{task: t, conn: conn, tally: tally{Stream: t.args[0]}, sent: make(chan sentLine, 256)}
	settled := make(chan error, 1)
	go func() { settled <- p.settle() }()
	readErr := p.sendAll(ctx)
	close(p.sent)
	return p.summarize(readErr, <-settled)
}

// A pipeline is the lines on their way.
type pipeline struct {
	*task
	conn  *client.Conn
	tally tally // owned by settle until it returns
	sent  chan sentLine
	last  *client.Receipt // of the newest line over the connection; nil before the first
}

// A sentLine is a line whose fate is not known, or, without a receipt, one whose
// fate is err.
type sentLine struct {
	number  int
	receipt *client.Receipt
	err     error
}

// A lineError is the fault of a line: it was not sent.
type lineError struct{ error }

type line struct {
	number int
	text   []byte
	err    error // a lineError, or the last line's
}

// sendAll sends every line of standard input. It returns why it stopped
// before the end, if it did.
func (p *pipeline) sendAll(ctx context.Context) error {
	lines := make(chan line)
	stop := make(chan struct{})
	defer close(stop)
	// Nothing ends a read of a terminal, so this one may outlive the command.
	go readLines(p.in, lines, stop)
	for {
		select {
		case l, more := <-lines:
			if !more {
				return nil
			}
			if err := p.send(ctx, l); err != nil {
				return err
			}
		case <-p.conn.Done():
			return p.conn.Err()
		case <-ctx.Done():
			return errInterrupted
		}
	}
}

var errInterrupted = errors.New("interrupted; the rest was not published")

// send sends a line. A line that is no message is the line's fault.
func (p *pipeline) send(ctx context.Context, l line) error {
	if l.err == nil {
		if err := validJSON("the line", l.text); err != nil {
			l.err = lineError{err}
		}
	}
	_, wrong := errors.AsType[lineError](l.err)
	switch {
	case wrong:
		p.sent <- sentLine{number: l.number, err: l.err}
		return nil
	case l.err != nil:
		return fmt.Errorf("line %d: %w", l.number, l.err)
	case len(l.text) > maxFramed:
		return p.sendAlone(ctx, l)
	}
	receipt, err := p.conn.Send(ctx, p.tally.Stream, jsontext.Value(l.text))
	if err != nil {
		return err
	}
	p.last = receipt
	p.sent <- sentLine{number: l.number, receipt: receipt}
	return nil
}

// sendAlone sends a line over HTTP, behind those before it.
func (p *pipeline) sendAlone(ctx context.Context, l line) error {
	if p.last != nil {
		p.last.Wait(ctx) // settle reports what came of it
	}
	switch {
	case ctx.Err() != nil:
		return errInterrupted
	case p.conn.Err() != nil:
		return p.conn.Err()
	}
	err := p.Publish(ctx, p.tally.Stream, jsontext.Value(l.text))
	if _, refused := errors.AsType[*client.Error](err); err != nil && !refused {
		return err
	}
	p.sent <- sentLine{number: l.number, err: err}
	return nil
}

// readLines hands out the lines that are not blank.
func readLines(r io.Reader, lines chan<- line, stop <-chan struct{}) {
	defer close(lines)
	from := bufio.NewReaderSize(r, 64<<10)
	for number := 1; ; number++ {
		text, err := readLine(from)
		l := line{number: number, text: bytes.TrimSpace(text)}
		if err != io.EOF {
			l.err = err
		}
		if len(l.text) > 0 || l.err != nil {
			select {
			case lines <- l:
			case <-stop:
				return
			}
		}
		if _, goOn := errors.AsType[lineError](err); err != nil && !goOn {
			return
		}
	}
}

// readLine reads a line, in memory of its own. Of one that is too long it keeps
// nothing: that is a lineError, and the next line comes next. The error of the
// last line is io.EOF.
func readLine(r *bufio.Reader) (text []byte, err error) {
	length := 0
	for more := true; more; {
		var part []byte
		part, err = r.ReadSlice('\n')
		more = err == bufio.ErrBufferFull
		part = bytes.TrimSuffix(part, []byte("\n"))
		if length += len(part); length <= maxLine {
			text = append(text, part...)
		} else {
			text = nil
		}
	}
	if length > maxLine && (err == nil || err == io.EOF) {
		return nil, lineError{fmt.Errorf("the line has more than %d bytes, which is as many as are read", maxLine)}
	}
	return text, err
}

// settle waits for the answers, in order, and reports what was refused. It
// returns the error that ended the connection, if one did.
func (p *pipeline) settle() (ended error) {
	for s := range p.sent {
		err := s.err
		if s.receipt != nil {
			err = s.receipt.Wait(context.Background()) // it ends with the connection
		}
		_, refused := errors.AsType[*client.Error](err)
		switch {
		case err == nil:
			p.tally.Published++
		case s.receipt == nil || refused && p.conn.Err() == nil: // without a receipt it is the line's own fault
			p.tally.Refused++
			p.refusal(s.number, err)
		default:
			ended = err
		}
	}
	return ended
}

func (p *pipeline) refusal(number int, err error) {
	r := newReport(err)
	r.Hint = "" // once, at the end
	if p.json {
		writeJSON(p.notes, isTerminal(p.notes), struct {
			Line  int    `json:"line"`
			Error report `json:"error"`
		}{number, r})
		return
	}
	r.print(p.notes, fmt.Sprintf("line %d", number))
}

func (p *pipeline) summarize(readErr, ended error) error {
	err := p.console.done(p.tally, "published %d to %s, refused %d", p.tally.Published, p.tally.Stream, p.tally.Refused)
	switch {
	case ended != nil: // which is why reading stopped, too
		return ended
	case readErr != nil:
		return readErr
	case err == nil && p.tally.Refused > 0:
		return fmt.Errorf("%d of %d messages were not published", p.tally.Refused, p.tally.Refused+p.tally.Published)
	}
	return err
}
