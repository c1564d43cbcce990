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
)

// maxLine is the longest message that is read: more than a gateway takes,
// unless its limit is raised far.
const maxLine = 16 << 20

func publishCommand() *cobra.Command {
	cmd := newCommand("publish STREAM [MESSAGE | -]", "Publish a message, or one for each line of standard input", cobra.RangeArgs(1, 2),
		func(ctx context.Context, t *task) error {
			if len(t.args) == 2 && t.args[1] != "-" {
				return publishOne(ctx, t)
			}
			return publishLines(ctx, t)
		})
	cmd.Long = `Publish a message, or one for each line of standard input. Every message is
checked by itself: a refused one is reported with its line, and those after it
are published all the same. If any was refused, the exit status is 1.`
	cmd.Example = `  seagate publish boiler '{"temperature": 91.5}'
  tail -f measurements.ndjson | seagate publish boiler`
	completeStream(cmd)
	return cmd
}

func publishOne(ctx context.Context, t *task) error {
	stream, message := t.args[0], jsontext.Value(t.args[1])
	if err := validJSON("the message", message); err != nil {
		return Usage(err)
	}
	if err := t.Publish(ctx, stream, message); err != nil {
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
}

// A sentLine is a line whose fate is not known, or one that was not sent.
type sentLine struct {
	number  int
	receipt *client.Receipt
	err     error
}

type line struct {
	number int
	text   []byte
	err    error // the last one's
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
			if l.err != nil {
				return fmt.Errorf("line %d: %w", l.number, l.err)
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
	if err := validJSON("the line", l.text); err != nil {
		p.sent <- sentLine{number: l.number, err: err}
		return nil
	}
	receipt, err := p.conn.Send(ctx, p.tally.Stream, jsontext.Value(l.text))
	if err != nil {
		return err
	}
	p.sent <- sentLine{number: l.number, receipt: receipt}
	return nil
}

// readLines hands out the lines that are not blank.
func readLines(r io.Reader, lines chan<- line, stop <-chan struct{}) {
	defer close(lines)
	hand := func(l line) bool {
		select {
		case lines <- l:
			return true
		case <-stop:
			return false
		}
	}
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, maxLine)
	number := 0
	for scanner.Scan() {
		number++
		text := bytes.TrimSpace(scanner.Bytes())
		if len(text) > 0 && !hand(line{number: number, text: bytes.Clone(text)}) {
			return
		}
	}
	if err := scanner.Err(); err != nil {
		hand(line{number: number + 1, err: err})
	}
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
		case s.receipt == nil || refused && p.conn.Err() == nil:
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
