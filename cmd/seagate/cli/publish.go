package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"seagate/client"
	"seagate/cmd/seagate/terminal"
	"seagate/protocol"
)

const (
	// maxLine is the length of the longest message that is read, in bytes. It is
	// more than a gateway accepts by default.
	maxLine = 16 << 20
	// maxFramed is the length of the longest message that is sent over the
	// WebSocket, in bytes. For a request above its limit, by default 1 MiB, a
	// gateway ends the connection. Over HTTP it refuses the one message. Some bytes
	// are left for what is around the message.
	maxFramed = 1<<20 - 1<<10
)

func publishCommand() *cobra.Command {
	var id, header string
	var dryRun bool
	var cmd *cobra.Command
	cmd = onStream("publish STREAM [MESSAGE | FILE | -]", "Publish a message, or each line of a file or of standard input", cobra.RangeArgs(1, 2),
		func(ctx context.Context, t *task) error {
			given := len(t.Args) == 2 && t.Args[1] != "-"
			fromFile := given && isFile(t.Args[1])
			switch {
			case id == "" && cmd.Flags().Changed("message-id"): // probably from a variable that is not set
				return usagef("--message-id is empty: give an id, or leave it out")
			case header != "" && id != "":
				return usagef("--header and --message-id do not go together: publish the message with one of them")
			case dryRun && (!given || fromFile || id != "" || header != ""):
				return usagef("--dry-run is for a message that is an argument, alone")
			case dryRun:
				return planPublish(ctx, t)
			case given && !fromFile:
				return publishOne(ctx, t, id, header)
			case cmd.Flags().Changed("header"):
				return usagef("--header is for a message that is an argument: several lines cannot have the same header")
			case id != "":
				return usagef("--message-id is for a message that is an argument: several lines cannot have the same id")
			case fromFile:
				return publishFile(ctx, t)
			}
			return publishLines(ctx, t)
		})
	cmd.Long = `Publish a message, or each line of a file or of standard input. An argument that is
JSON is a message, even if there is a file of that name: give it as ./FILE. The
gateway checks each message by itself. A refused message is reported with its line, and the next ones are
still published. If a message was refused, the exit status is 1.

It says where the message stands, or the last of several: its number, and the epoch
to which the number belongs. With --json the last line has them as "seq", "time" and
"epoch".

With --message-id the gateway accepts the message once, however often it is sent.
If you do not know whether it was accepted, publish it again with the same id.

With --header the stream gets a new header in one step with the message: whoever
subscribes gets either the old header and then the message, or the new header and
not the message.`
	cmd.Example = `  seagate publish boiler '{"temperature": 91.5}'
  seagate publish boiler '{"temperature": 91.5}' --message-id boiler-2026-11-21T10:00
  seagate publish boiler '{"temperature": 91.5}' --header '{"temperature": 91.5}'
  seagate publish boiler measurements.ndjson
  tail -f measurements.ndjson | seagate publish boiler`
	cmd.Flags().StringVar(&id, "message-id", "", "accept the message once, however often it is published with this `ID`")
	cmd.Flags().StringVar(&header, "header", "", "make `JSON` the stream's header, in one step with the message")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say whether the gateway would accept the message, and publish nothing")
	return cmd
}

// planPublish says what publishing the message would do.
func planPublish(ctx context.Context, t *task) error {
	stream, message := t.Args[0], jsontext.Value(t.Args[1])
	if err := validJSON("the message", message); err != nil {
		return usagef("%w; and there is no file of that name", err)
	}
	plan, err := t.PlanPublish(ctx, stream, message)
	if err != nil {
		return err
	}
	version := "a stream that nobody defined"
	if string(plan.Version) != "null" {
		version = "version " + versionText(plan.Version)
	}
	return t.Done(plan, "%s would accept the message as %s, number %d, for %d subscribers and %d groups",
		stream, version, plan.Seq, plan.Subscribers, plan.Groups)
}

// isFile reports whether an argument is a file and not a message.
func isFile(argument string) bool {
	if validJSON("", jsontext.Value(argument)) == nil {
		return false
	}
	info, err := os.Stat(argument)
	return err == nil && !info.IsDir()
}

func publishFile(ctx context.Context, t *task) error {
	file, err := os.Open(t.Args[1])
	if err != nil {
		return err
	}
	defer file.Close()
	console := *t.Console
	console.In = file
	return publishLines(ctx, &task{t.Client, &console, t.where})
}

func publishOne(ctx context.Context, t *task, id, header string) error {
	stream, message := t.Args[0], jsontext.Value(t.Args[1])
	if err := validJSON("the message", message); err != nil {
		return usagef("%w; and there is no file of that name", err)
	}
	publish := t.Publish
	switch {
	case header != "":
		if err := validJSON("--header", jsontext.Value(header)); err != nil {
			return Usage(err)
		}
		publish = func(ctx context.Context, stream string, message any) (client.Published, error) {
			return t.PublishWithHeader(ctx, stream, message, jsontext.Value(header))
		}
	case id != "":
		if err := protocol.CheckMessageID(id); err != nil {
			return usagef("--message-id: %w", err)
		}
		publish = func(ctx context.Context, stream string, message any) (client.Published, error) {
			return t.PublishOnce(ctx, stream, id, message)
		}
	}
	at, err := publish(ctx, stream, message)
	if err != nil {
		return err
	}
	result := tally{Stream: stream}
	result.add(at)
	if at.Seq == 0 {
		return t.Done(result, "published to %s", stream)
	}
	return t.Done(result, "published to %s: message %d of epoch %s", stream, at.Seq, at.Epoch)
}

// A tally counts what happened to the messages, and says where the last one that was
// published stands.
type tally struct {
	Stream    string    `json:"stream"`
	Published int       `json:"published"`
	Refused   int       `json:"refused"`
	Seq       uint64    `json:"seq,omitzero"`
	Time      time.Time `json:"time,omitzero"`
	Epoch     string    `json:"epoch,omitzero"`
}

// add counts a message that was published.
func (t *tally) add(at client.Published) {
	t.Published++
	t.Seq, t.Time, t.Epoch = at.Seq, at.Time, at.Epoch
}

// last says where the last message stands, if the gateway has said it.
func (t *tally) last() string {
	if t.Seq == 0 {
		return ""
	}
	return fmt.Sprintf("; the last is message %d of epoch %s", t.Seq, t.Epoch)
}

// publishLines sends the lines without waiting for answers, and handles answers
// as they arrive.
func publishLines(ctx context.Context, t *task) error {
	conn, err := t.Dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if terminal.Is(t.In) {
		t.Note("type one JSON value a line; Ctrl-D ends")
	}
	p := &pipeline{task: t, conn: conn, tally: tally{Stream: t.Args[0]}, sent: make(chan sentLine, 256)}
	answered := make(chan error, 1)
	go func() { answered <- p.awaitAnswers() }()
	readErr := p.sendAll(ctx)
	close(p.sent)
	return p.summarize(readErr, <-answered)
}

// A pipeline is the lines that are sent and not answered.
type pipeline struct {
	*task
	conn  *client.Conn
	tally tally // owned by awaitAnswers until it returns
	sent  chan sentLine
	last  *client.Receipt // of the newest line on the connection; nil before the first
}

// A sentLine is a line that was sent. Without a receipt its result is at and err.
type sentLine struct {
	number  int
	receipt *client.Receipt
	at      client.Published
	err     error
}

// A lineError is a problem of one line, which was not sent.
type lineError struct{ error }

type line struct {
	number int
	text   []byte
	err    error // a lineError, or why reading ended
}

// sendAll sends every line of standard input. If it stops before the end, it
// returns why.
func (p *pipeline) sendAll(ctx context.Context) error {
	lines := make(chan line)
	stop := make(chan struct{})
	defer close(stop)
	// A read from a terminal cannot be interrupted, so this goroutine may outlive
	// the command.
	go readLines(p.In, lines, stop)
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

// send sends a line. A line that is no message does not end the pipeline.
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

// sendAlone sends a line over HTTP, once the lines before it are answered.
func (p *pipeline) sendAlone(ctx context.Context, l line) error {
	if p.last != nil {
		p.last.Wait(ctx) // awaitAnswers reports the result
	}
	switch {
	case ctx.Err() != nil:
		return errInterrupted
	case p.conn.Err() != nil:
		return p.conn.Err()
	}
	at, err := p.Publish(ctx, p.tally.Stream, jsontext.Value(l.text))
	if _, refused := errors.AsType[*client.Error](err); err != nil && !refused {
		return err
	}
	p.sent <- sentLine{number: l.number, at: at, err: err}
	return nil
}

// readLines sends the lines that are not blank to a channel.
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

// readLine reads a line into memory of its own. For a line that is too long it
// returns a lineError, and the next call reads the next line. The error of the
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
		return nil, lineError{fmt.Errorf("the line has more than %d bytes, which is the most that is read", maxLine)}
	}
	return text, err
}

// awaitAnswers waits for the answers, in order, and reports refusals. It returns
// the error that ended the connection, if there is one.
func (p *pipeline) awaitAnswers() (ended error) {
	for s := range p.sent {
		at, err := s.at, s.err
		if s.receipt != nil {
			at, err = s.receipt.Wait(context.Background()) // returns when the connection ends
		}
		_, refused := errors.AsType[*client.Error](err)
		switch {
		case err == nil:
			p.tally.add(at)
		case s.receipt == nil || refused && p.conn.Err() == nil: // the problem is of this line alone
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
	r.Hint = "" // printed once, at the end
	if p.JSON {
		writeJSON(p.notes, struct {
			Line  int    `json:"line"`
			Error report `json:"error"`
		}{number, r})
		return
	}
	r.print(p.notes, fmt.Sprintf("line %d", number))
}

func (p *pipeline) summarize(readErr, ended error) error {
	err := p.Console.Done(p.tally, "published %d to %s, refused %d%s", p.tally.Published, p.tally.Stream, p.tally.Refused, p.tally.last())
	switch {
	case ended != nil: // reading stopped for the same reason
		return ended
	case readErr != nil:
		return readErr
	case err == nil && p.tally.Refused > 0:
		return fmt.Errorf("%d of %d messages were not published", p.tally.Refused, p.tally.Refused+p.tally.Published)
	}
	return err
}
