package oracle

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"seagate/client"
	"seagate/protocol"
)

// A publisher sends messages and records their outcomes.
type publisher struct {
	*Oracle
	index   int
	random  *rand.Rand
	journal *journal
	link    *link
	n       int // messages sent so far
	conn    int // number of the connection
}

// A parcel is a request to publish.
type parcel struct {
	request int // in the journal
	stream  string
	key     string // its message id, or ""
	ids     []ID
	bodies  []body
	wrong   bool // a message does not fit the schema
	repeats bool // it is sent again under its key until it is answered
	echo    bool // it repeats another parcel, whose outcome is in the journal
}

// How often publishers do what is not ordinary: once in so many messages.
const (
	wrongEvery  = 31  // a message that does not fit the schema
	echoEvery   = 19  // repeat a message under its id
	otherEvery  = 97  // send another message under a used id
	cutEvery    = 401 // cut the connection
	maxBatch    = 20
	wrongColor  = "none"
	tickLength  = 10 * time.Millisecond
	maxPipeline = 32
)

// newPublisher returns a publisher with its own index.
func (o *Oracle) newPublisher(index int) (*publisher, error) {
	j, err := newJournal(o.options.Journal, index, o.clock)
	if err != nil {
		return nil, err
	}
	l, err := newLink(o.target, false)
	if err != nil {
		j.close()
		return nil, err
	}
	return &publisher{Oracle: o, index: index, random: o.chance(index), journal: j, link: l}, nil
}

// next returns a request with the given number of messages, or false if the run
// has sent all that it may.
func (p *publisher) next(messages int) (parcel, bool) {
	if p.sent.Add(int64(messages)) > int64(p.options.Messages) {
		return parcel{}, false
	}
	made := parcel{stream: p.streams[p.random.IntN(len(p.streams))]}
	for range messages {
		id := ID{p.index, p.n}
		p.n++
		made.ids = append(made.ids, id)
		made.bodies = append(made.bodies, body{ID: id, Color: colorOf(id), Pad: strings.Repeat("x", p.options.Bytes)})
	}
	if p.random.IntN(wrongEvery) == 0 {
		made.wrong = true
		made.bodies[p.random.IntN(messages)].Color = wrongColor
	}
	if p.random.IntN(2) == 0 {
		made.key, made.repeats = fmt.Sprintf("%s-%v", p.name, made.ids[0]), true
	}
	return made, true
}

// more reports whether the run may send more.
func (p *publisher) more() bool {
	return p.publishing.Err() == nil && p.sent.Load() < int64(p.options.Messages)
}

// announce records that a parcel is about to be sent.
func (p *publisher) announce(made *parcel) {
	var err error
	made.request, err = p.journal.send(made.stream, p.conn, made.repeats, made.ids)
	p.fail(err)
}

// mayEcho reports whether a parcel may be sent a second time.
func (p *publisher) mayEcho(made parcel) bool { return made.repeats && !made.wrong && !p.options.Calm }

// settle records the outcome of a parcel, and where the answer says that it stands. It
// returns whether the parcel has to be sent again, and whether the connection has ended.
func (p *publisher) settle(made parcel, at client.Published, err error) (again, ended bool) {
	refusal, said := errors.AsType[*client.Error](err)
	ended = err != nil && (!said || refusal.Close != 0)
	place := &Place{First: at.Seq, Last: at.LastSeq, Epoch: at.Epoch}
	switch {
	case made.echo && err == nil:
		p.fail(p.journal.write(line{Do: doEcho, Request: made.request, Place: place}))
		return false, false
	case made.echo:
		if said && !ended && !refusal.Temporary() {
			p.surprise(made.stream, "message %v, sent again under its id, was refused: %v", made.ids[0], err)
		}
		return false, ended
	case err == nil:
		p.acknowledged.Add(int64(len(made.ids)))
		p.fail(p.journal.write(line{Do: doAcknowledge, Request: made.request, Place: place}))
		return false, false
	case ended, refusal.Code == protocol.CodeStorageUnavailable:
		return made.repeats, ended
	case made.repeats && refusal.Temporary():
		return true, false
	}
	p.fail(p.journal.write(line{Do: doRefuse, Request: made.request, Code: string(refusal.Code)}))
	if !made.wrong && refusal.Code == protocol.CodeInvalidPayload {
		p.surprise(made.stream, "message %v was refused: %v", made.ids[0], err)
	}
	return false, false
}

// pace calls step at the given rate until it returns false or the context ends.
func (p *publisher) pace(ctx context.Context, step func() bool) {
	tick := time.NewTicker(tickLength)
	defer tick.Stop()
	began, done := time.Now(), 0.0
	for {
		for due := time.Since(began).Seconds() * float64(p.options.Rate); done < due; done++ {
			if ctx.Err() != nil || !step() {
				return
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// A socketPublisher sends over a WebSocket without waiting for each answer.
type socketPublisher struct {
	*publisher
	pending []sending
	again   []parcel // to be repeated on the next connection
}

type sending struct {
	parcel
	receipt *client.Receipt
}

// run publishes until the run stops publishing, and then until each request with a
// message id is answered.
func (p *socketPublisher) run() {
	var wait backoff
	for p.more() || len(p.again) > 0 {
		conn, err := p.dial(p.link)
		switch {
		case err == nil:
			p.session(conn)
			conn.Close()
			wait = backoff{}
		case !temporary(err):
			p.fail(err)
			return
		}
		if (err != nil || len(p.again) > 0) && !wait.wait(p.consuming) {
			return
		}
	}
}

// session publishes over one connection.
func (p *socketPublisher) session(conn *client.Conn) {
	p.conn = p.newConn()
	again := p.again
	p.again = nil
	for i, made := range again {
		p.fail(p.journal.write(line{Do: doRepeat, Request: made.request, Conn: p.conn}))
		if !p.send(conn, made) {
			p.again = append(p.again, again[i+1:]...)
			return
		}
	}
	alive := true
	p.pace(p.publishing, func() bool {
		alive = p.step(conn)
		return alive
	})
	for alive && len(p.pending) > 0 {
		alive = p.answer()
	}
	p.abandon()
}

// step sends one message, or none if there are none left. It returns false if
// the connection has ended.
func (p *socketPublisher) step(conn *client.Conn) bool {
	made, ok := p.next(1)
	if !ok {
		return false
	}
	p.announce(&made)
	if !p.send(conn, made) || p.mayEcho(made) && !p.resend(conn, made) {
		return false
	}
	if !p.options.Calm && p.random.IntN(cutEvery) == 0 {
		p.link.cut()
	}
	for len(p.pending) > p.random.IntN(maxPipeline) {
		if !p.answer() {
			return false
		}
	}
	return true
}

// resend sends the message again once in echoEvery, and another one under its id
// once in otherEvery.
func (p *socketPublisher) resend(conn *client.Conn, made parcel) bool {
	if p.random.IntN(echoEvery) == 0 {
		echo := made
		echo.echo, echo.repeats = true, false
		if !p.send(conn, echo) {
			return false
		}
	}
	if p.random.IntN(otherEvery) != 0 {
		return true
	}
	other, ok := p.next(1)
	if !ok {
		return false
	}
	// Not repeated: nobody knows which of the two was first.
	other.stream, other.key, other.repeats = made.stream, made.key, false
	p.announce(&other)
	return p.send(conn, other)
}

// send returns false if the connection has ended.
func (p *socketPublisher) send(conn *client.Conn, made parcel) bool {
	var receipt *client.Receipt
	var err error
	if made.key == "" {
		receipt, err = conn.Send(p.consuming, made.stream, made.bodies[0])
	} else {
		receipt, err = conn.SendOnce(p.consuming, made.stream, made.key, made.bodies[0])
	}
	if err == nil {
		p.pending = append(p.pending, sending{made, receipt})
		return true
	}
	if made.repeats {
		p.again = append(p.again, made)
	}
	p.abandon()
	return false
}

// answer waits for the answer to the oldest request. It returns false if the
// connection has ended.
func (p *socketPublisher) answer() bool {
	first := p.pending[0]
	p.pending = p.pending[1:]
	at, err := first.receipt.Wait(p.consuming)
	again, ended := p.settle(first.parcel, at, err)
	if again {
		p.again = append(p.again, first.parcel)
	}
	return !ended
}

// abandon settles the requests that the ended connection left unanswered.
func (p *socketPublisher) abandon() {
	for len(p.pending) > 0 {
		p.answer()
	}
}

// An httpPublisher makes one HTTP call after another, with single messages and
// with batches.
type httpPublisher struct{ *publisher }

func (p *httpPublisher) run() {
	p.conn = p.newConn()
	for p.more() {
		p.pace(p.publishing, p.step)
	}
}

func (p *httpPublisher) step() bool {
	messages := 1
	if p.random.IntN(4) == 0 {
		messages = 2 + p.random.IntN(maxBatch-1)
	}
	made, ok := p.next(messages)
	if !ok {
		return false
	}
	p.announce(&made)
	var wait backoff
	for {
		at, err := p.call(made)
		again, ended := p.settle(made, at, err)
		if ended { // a new request may overtake the one whose outcome is unknown
			p.conn = p.newConn()
		}
		if !again && !ended {
			if p.mayEcho(made) && p.random.IntN(echoEvery) == 0 {
				made.echo = true
				at, err := p.call(made)
				p.settle(made, at, err)
			}
			return true
		}
		if !wait.wait(p.consuming) || !again {
			return p.consuming.Err() == nil
		}
		p.fail(p.journal.write(line{Do: doRepeat, Request: made.request, Conn: p.conn}))
	}
}

func (p *httpPublisher) call(made parcel) (at client.Published, err error) {
	if !p.options.Calm && p.random.IntN(cutEvery) == 0 {
		cut := time.AfterFunc(p.within(3*time.Millisecond), p.link.cut)
		defer cut.Stop()
	}
	ctx, cancel := context.WithTimeout(p.consuming, p.options.Patience)
	defer cancel()
	single := len(made.bodies) == 1
	switch {
	case single && made.key == "":
		at, err = p.link.Publish(ctx, made.stream, made.bodies[0])
	case single:
		at, err = p.link.PublishOnce(ctx, made.stream, made.key, made.bodies[0])
	case made.key == "":
		at, err = p.link.PublishBatch(ctx, made.stream, made.bodies)
	default:
		at, err = p.link.PublishBatchOnce(ctx, made.stream, made.key, made.bodies)
	}
	return at, err
}

func (p *publisher) within(d time.Duration) time.Duration {
	return time.Duration(p.random.Int64N(int64(d)))
}
