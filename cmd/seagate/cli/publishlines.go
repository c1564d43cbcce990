package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/client"
	"seagate/cmd/seagate/terminal"
)

const (
	// maxUnanswered bounds the lines that are sent and not answered.
	maxUnanswered = 256
	// idMemory is how long after its first attempt a line may be sent again under its id. It is
	// the time for which a gateway remembers a message id by default, less some time for clocks.
	idMemory = 110 * time.Second
)

// publishLines sends the lines without waiting for answers, and handles answers
// as they arrive. The size is that of the input in bytes, or 0 if nobody knows.
func publishLines(ctx context.Context, t *task, given publishing, size int64) error {
	if terminal.Is(t.In) {
		t.Note("type one JSON value a line; Ctrl-D ends")
	}
	console := *t.Console
	p := &pipeline{task: &task{t.Client, &console, t.target}, given: given, size: size, tally: tally{Stream: t.Args[0]}}
	p.progress = console.Progress("publish", func(n int64) string { return terminal.Count(n) })
	p.lines = make(chan line)
	stop := make(chan struct{})
	defer close(stop)
	// A read from a terminal cannot be interrupted, so this goroutine may outlive
	// the command.
	go readLines(p.In, given.fromLine, p.lines, stop)
	err := p.run(ctx)
	p.progress.Done()
	return p.summarize(err)
}

// A pipeline is a run that publishes lines, over one connection after the other.
type pipeline struct {
	*task
	given    publishing
	size     int64
	progress *terminal.Progress
	lines    chan line
	next     int  // the first line that was not sent; 0 before the first
	read     bool // all lines were read

	// What follows is owned by awaitAnswers while it runs, and otherwise by run.
	tally      tally
	unanswered []sentLine
}

// A line is a line of the input.
type line struct {
	number int // 0 for an error that is about no line
	text   []byte
	read   int64 // bytes of the input up to its end
	err    error // a lineError, or why reading ended
}

// A sentLine is a line that was sent. Without a receipt its result is at and err.
type sentLine struct {
	line
	since   time.Time // when it was sent for the first time
	receipt *client.Receipt
	at      client.Published
	err     error
}

// A lineError is a problem of one line, which was not sent.
type lineError struct{ error }

func (e lineError) Unwrap() error { return e.error }

// run publishes all lines. It returns why it stopped before their end.
func (p *pipeline) run(ctx context.Context) error {
	var lost error // why the last connection ended
	for failures := 0; ; {
		conn, err := p.Dial(ctx)
		if err == nil && p.isForgotten() { // while it was tried again
			conn.Close()
			return lost
		}
		if err == nil {
			failures = 0
			err = p.over(ctx, conn)
			conn.Close()
		}
		if err == nil || !p.mayGoOn(ctx, err) {
			return err
		}
		lost = err
		wait := min(time.Second<<min(failures, 5), 30*time.Second)
		wait = wait/2 + rand.N(wait)
		failures++
		p.Note("%s; trying again in %v", p.why(err), wait.Round(time.Second/10))
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return errInterrupted
		}
	}
}

// mayGoOn reports whether another connection may publish what is left: a connection was
// lost after the beginning, and the gateway still knows the ids of the lines that have no
// answer.
func (p *pipeline) mayGoOn(ctx context.Context, err error) bool {
	if p.given.ids == "" || ctx.Err() != nil || p.next == 0 {
		return false
	}
	if p.isForgotten() {
		return false
	}
	e, refused := errors.AsType[*client.Error](err)
	return errors.Is(err, client.ErrConnection) || refused && e.Temporary()
}

// isForgotten reports whether the gateway may have forgotten the id of a line that has no
// answer. Sent again, the line might be published twice.
func (p *pipeline) isForgotten() bool {
	return len(p.unanswered) > 0 && time.Since(p.unanswered[0].since) > idMemory
}

// over publishes lines over a connection: first those without an answer, and then those
// of the input. It returns why it stopped before the end.
func (p *pipeline) over(ctx context.Context, conn *client.Conn) error {
	s := &sender{pipeline: p, conn: conn, sent: make(chan sentLine, maxUnanswered)}
	again := p.unanswered
	p.unanswered = nil
	answered := make(chan error, 1)
	go func() { answered <- p.awaitAnswers(conn, s.sent) }()
	stopped := s.sendAll(ctx, again)
	close(s.sent)
	ended := <-answered
	p.unanswered = append(p.unanswered, s.unsent...)
	if ended != nil {
		return ended // sending stopped for the same reason
	}
	return stopped
}

// A sender sends lines over one connection.
type sender struct {
	*pipeline
	conn   *client.Conn
	sent   chan sentLine
	last   *client.Receipt // of the newest line on the connection; nil before the first
	unsent []sentLine      // lines of before that could not be sent again
}

// sendAll sends lines again, and then every line of the input. If it stops before the end,
// it returns why.
func (s *sender) sendAll(ctx context.Context, again []sentLine) error {
	for i, l := range again {
		if err := s.send(ctx, l); err != nil {
			s.unsent = again[i:]
			return err
		}
	}
	for !s.read {
		select {
		case l, more := <-s.lines:
			if !more {
				s.read = true
				return nil
			}
			if l.number == 0 {
				return l.err
			}
			if s.next = l.number + 1; l.err != nil && !isLineError(l.err) {
				return fmt.Errorf("line %d: %w", l.number, l.err)
			}
			if err := s.send(ctx, sentLine{line: l, since: time.Now()}); err != nil {
				s.unsent = []sentLine{{line: l, since: time.Now()}}
				return err
			}
		case <-s.conn.Done():
			return s.conn.Err()
		case <-ctx.Done():
			return errInterrupted
		}
	}
	return nil
}

func isLineError(err error) bool {
	_, is := errors.AsType[lineError](err)
	return is
}

var errInterrupted = errors.New("interrupted; the rest was not published")

// send sends a line. A line that is no message does not end the pipeline.
func (s *sender) send(ctx context.Context, l sentLine) (err error) {
	if l.line.err == nil {
		if err := validJSON("the line", l.text); err != nil {
			l.line.err = lineError{err}
		}
	}
	stream := s.Args[0]
	switch {
	case l.line.err != nil:
		l.err = l.line.err
	case len(l.text) > maxFramed:
		if l.at, l.err = s.sendAlone(ctx, l); l.err != nil && !isRefusal(l.err) {
			return l.err
		}
	case s.given.ids != "":
		l.receipt, err = s.conn.SendOnce(ctx, stream, lineID(s.given.ids, l.number), jsontext.Value(l.text))
	default:
		l.receipt, err = s.conn.Send(ctx, stream, jsontext.Value(l.text))
	}
	if err != nil {
		return err
	}
	if l.receipt != nil {
		s.last = l.receipt
	}
	s.sent <- l
	return nil
}

func isRefusal(err error) bool {
	_, refused := errors.AsType[*client.Error](err)
	return refused
}

// sendAlone sends a line over HTTP, once the lines before it are answered.
func (s *sender) sendAlone(ctx context.Context, l sentLine) (client.Published, error) {
	if s.last != nil {
		s.last.Wait(ctx) // awaitAnswers reports the result
	}
	switch {
	case ctx.Err() != nil:
		return client.Published{}, errInterrupted
	case s.conn.Err() != nil:
		return client.Published{}, s.conn.Err()
	case s.given.ids != "":
		return s.PublishOnce(ctx, s.Args[0], lineID(s.given.ids, l.number), jsontext.Value(l.text))
	}
	return s.Publish(ctx, s.Args[0], jsontext.Value(l.text))
}

// readLines sends the lines from the first on that are not blank to a channel.
func readLines(r io.Reader, first int, lines chan<- line, stop <-chan struct{}) {
	defer close(lines)
	from := bufio.NewReaderSize(r, 64<<10)
	read := int64(0)
	for number := 1; ; number++ {
		text, err := readLine(from)
		read += int64(len(text)) + 1
		l := line{number: number, text: bytes.TrimSpace(text), read: read}
		if number < first {
			l.text = nil
			if _, long := errors.AsType[lineError](err); long {
				continue
			}
		}
		switch {
		case err != io.EOF:
			l.err = err
		case first > number+1 || first > number && len(text) == 0: // a command goes on one behind the last line
			l = line{err: usagef("--from-line is %d, and there are fewer lines", first)}
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
// the error that ended the connection, if there is one, and keeps the lines without an
// answer.
func (p *pipeline) awaitAnswers(conn *client.Conn, sent <-chan sentLine) (ended error) {
	for s := range sent {
		at, err := s.at, s.err
		if s.receipt != nil {
			at, err = s.receipt.Wait(context.Background()) // returns when the connection ends
		}
		switch {
		case err == nil:
			p.tally.add(at)
		case s.receipt == nil || isRefusal(err) && conn.Err() == nil: // the problem is of this line alone
			p.tally.Refused++
			p.refusal(s.number, err)
		default:
			ended = err
			p.unanswered = append(p.unanswered, s)
			continue
		}
		p.show(s.line)
	}
	return ended
}

// show shows how far the publishing is: in lines, and in the part of the file.
func (p *pipeline) show(l line) {
	extra := fmt.Sprintf("line %s", terminal.Count(int64(l.number)))
	if p.size > 0 {
		extra += fmt.Sprintf(" (%d%%)", 100*min(l.read, p.size)/p.size)
	}
	if p.tally.Refused > 0 {
		extra += fmt.Sprintf(", %s refused", terminal.Count(int64(p.tally.Refused)))
	}
	p.progress.Show(int64(p.tally.Published+p.tally.Refused), 0, extra)
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

// summarize prints what was done. If the pipeline stopped before the end, the error says
// where to go on.
func (p *pipeline) summarize(stopped error) error {
	if stopped != nil && p.next == 0 { // nothing was sent
		return stopped
	}
	err := p.Done(p.tally, "published %d to %s, refused %d%s", p.tally.Published, p.tally.Stream, p.tally.Refused, p.tally.last())
	switch {
	case stopped != nil:
		p.goOn()
		return stopped
	case err == nil && p.tally.Refused > 0:
		return fmt.Errorf("%d of %d messages were not published", p.tally.Refused, p.tally.Refused+p.tally.Published)
	}
	return err
}

// goOn says with which line to go on.
func (p *pipeline) goOn() {
	n := len(p.unanswered)
	if n == 0 {
		p.Note("continue with --from-line %d", p.next)
		return
	}
	first, last := p.unanswered[0].number, p.unanswered[n-1].number
	which := fmt.Sprintf("line %d has no answer", first)
	if n > 1 {
		which = fmt.Sprintf("lines %d to %d have no answer", first, last)
	}
	if p.given.ids != "" {
		p.Note("%s; continue with --from-line %d and the same --ids, within 2 minutes", which, first)
		return
	}
	p.Note("%s: the gateway may have it, or not; look at the stream, and continue with --from-line %d or %d", which, first, p.next)
}
