package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// writeBytes is how much a publisher writes at a time, unless one request is larger.
const writeBytes = 32 << 10

// A source sends requests until the run stops it.
type source interface {
	// run sends its requests, beginning at a time since the beginning of the run.
	run(number int, begin time.Duration) error
	close()
}

// makePublishers opens the connections of the publishers.
func (r *Run) makePublishers(ctx context.Context) ([]source, error) {
	sources := make([]source, r.options.Publishers)
	err := concurrently(ctx, len(sources), func(ctx context.Context, i int) error {
		made, err := r.makePublisher(ctx)
		if err != nil {
			return fmt.Errorf("publisher %d of %d: %w", i+1, len(sources), err)
		}
		sources[i] = made
		return nil
	})
	if err != nil {
		for _, s := range sources {
			if s != nil {
				s.close()
			}
		}
		return nil, err
	}
	return sources, nil
}

func (r *Run) makePublisher(ctx context.Context) (source, error) {
	if r.options.HTTP {
		return r.newPoster(ctx)
	}
	s, err := dial(ctx, r.url, r.target.TLS, r.target.Credentials)
	if err != nil {
		return nil, err
	}
	return &publisher{of: r, socket: s, composer: newComposer(r.options)}, nil
}

// A request is a publish without an answer.
type request struct {
	due        time.Duration // since the run began
	deliveries int           // that its message means
}

// A publisher sends requests over a WebSocket, and counts their answers.
type publisher struct {
	of       *Run
	socket   *socket
	composer *composer
	schedule schedule
	waiting  []request // without an answer; oldest first
	calls    int       // under way, if it calls and does not publish
	out      []byte
	message  []byte
}

func (p *publisher) close() { p.socket.Close() }

// run implements source.
func (p *publisher) run(number int, begin time.Duration) error {
	p.schedule = newSchedule(p.of, number, begin)
	for {
		wait, ended := p.send()
		if len(p.out) > 0 {
			if _, err := p.socket.Write(p.out); err != nil {
				return p.lost(err)
			}
			p.out = p.out[:0]
		}
		if ended && p.underWay() == 0 {
			return nil
		}
		if err := p.receive(wait); err != nil {
			return p.lost(err)
		}
	}
}

func (p *publisher) lost(err error) error {
	return fmt.Errorf("a publisher has lost its connection: %w", connectionError(err))
}

func (p *publisher) underWay() int { return len(p.waiting) + p.calls }

// send composes the requests that are due and fit into the window. It returns how long to wait
// for answers at most before the next one is due, 0 for as long as it takes, and whether there
// are no more to come.
func (p *publisher) send() (wait time.Duration, ended bool) {
	for p.underWay() < p.of.options.Window && len(p.out) < writeBytes {
		due, wait, ok := p.schedule.next()
		if !ok {
			return 0, true
		}
		if wait > 0 {
			return wait, false
		}
		p.compose(due)
	}
	return 0, false
}

// compose appends a request to what is to be written, and notes that it is under way.
func (p *publisher) compose(due time.Duration) {
	r, s := p.of, p.socket
	stream, key := p.schedule.place()
	s.id++
	m := append(p.message[:0], `{"id":`...)
	m = strconv.AppendInt(m, int64(s.id), 10)
	if r.options.Fetch {
		m = append(m, `,"action":"fetch","payload":{"procedure":"echo","service":"`...)
		m = append(m, r.name...)
		m = append(m, `","body":`...)
		m = append(p.composer.appendMessage(m, due, key), '}', '}')
		p.calls++
	} else {
		m = append(m, `,"action":"publish","streamName":"`...)
		m = append(m, r.name...)
		m = strconv.AppendInt(append(m, '-'), int64(stream), 10)
		m = append(m, `","payload":`...)
		m = append(p.composer.appendMessage(m, due, key), '}')
		p.waiting = append(p.waiting, request{due, r.meant(stream, key)})
	}
	p.message = m
	p.out = appendFrame(p.out, opText, m)
}

// receive handles the answers that came together. It waits for them as long as wait says.
func (p *publisher) receive(wait time.Duration) error {
	if p.of.options.Rate > 0 {
		deadline := time.Time{}
		if wait > 0 {
			deadline = time.Now().Add(wait)
		}
		p.socket.SetReadDeadline(deadline)
	}
	answer, err := p.socket.next()
	for ; answer != nil && err == nil; answer, err = p.socket.received() {
		p.answered(answer)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil // the next request is due
	}
	return err
}

func (p *publisher) answered(answer []byte) {
	r, now := p.of, p.socket.readAt.Sub(p.of.began)
	switch {
	case r.options.Fetch:
		p.called(answer, now)
		return
	case len(p.waiting) == 0:
		return
	case isSuccess(answer):
		r.publishedOne(now-p.waiting[0].due, p.waiting[0].deliveries)
	default:
		r.refuse(refusalOf(answer))
	}
	p.waiting = p.waiting[1:]
}

// called handles what comes for a call: the answer to the request, then the result.
func (p *publisher) called(answer []byte, now time.Duration) {
	due, hasResult := sentAt(answer)
	switch {
	case bytes.Contains(answer, doneMark) && hasResult:
		p.of.published.Add(1)
		p.of.publishing.Add(now - due)
	case isSuccess(answer), hasResult:
		return
	default:
		p.of.refuse(refusalOf(answer))
	}
	p.calls--
}

// A schedule says when the requests of one publisher are due, and where they go. Owned by the
// publisher.
type schedule struct {
	run      *Run
	interval time.Duration // 0: as fast as they are answered
	due      time.Duration // of the next one
	n        int           // requests so far
	offset   int           // so that publishers do not all begin with the same stream
	waited   bool          // for the next one
}

func newSchedule(r *Run, number int, begin time.Duration) schedule {
	s := schedule{run: r, due: begin, offset: number}
	if rate := r.options.Rate; rate > 0 {
		s.interval = time.Duration(float64(time.Second) * float64(r.options.Publishers) / rate)
		s.due += s.interval * time.Duration(number) / time.Duration(r.options.Publishers)
	}
	return s
}

// next takes the next request, and returns when it was due. If it is not due yet, next returns
// how long that takes, and takes nothing. ok is false if there are no more.
func (s *schedule) next() (due, wait time.Duration, ok bool) {
	r := s.run
	if r.stopped.Load() {
		return 0, 0, false
	}
	now := r.since()
	if s.interval > 0 && now < s.due {
		s.waited = true
		return 0, s.due - now, true
	}
	if most := r.options.Messages; most > 0 && r.sent.Add(1) > int64(most) {
		return 0, 0, false
	}
	s.n++
	if s.interval == 0 {
		return now, 0, true
	}
	if due = s.due; s.waited {
		due = now // a timer that is late is the fault of the client
	}
	s.due, s.waited = s.due+s.interval, false
	return due, 0, true
}

// place returns the stream and the key of the request that next has taken.
func (s *schedule) place() (stream, key int) {
	n := s.n - 1 + s.offset
	streams, keys := s.run.options.Streams, max(s.run.options.Filters, 1)
	return n % streams, n / streams % keys
}
