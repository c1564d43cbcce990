package oracle

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/client"
	"seagate/protocol"
)

const definition = `{"version":1,"fields":[
	{"name":"publisher","type":"integer"},
	{"name":"n","type":"integer"},
	{"name":"color","type":"enum","enum":["red","green","blue"]},
	{"name":"pad","type":"string","optional":true}]}`

// An Oracle is one run. Its methods are for one goroutine, except Acknowledged
// and Disturb.
type Oracle struct {
	target  Target
	options Options
	name    string // of this run, in the names of all that it makes
	clock   *clock
	control *link
	streams []string
	viewer  *viewer

	publishing     context.Context // ends when nothing new is to be published
	stopPublishing context.CancelFunc
	consuming      context.Context // ends when nobody waits any more
	stopConsuming  context.CancelFunc
	filling        context.Context // ends earlier, once the logs do not grow any more and logs is set
	stopFilling    context.CancelFunc

	publishers, consumers sync.WaitGroup
	sent, acknowledged    atomic.Int64
	conns                 atomic.Int64

	seen map[string]*atomic.Uint64 // by stream: the highest number

	final    chan struct{} // closed once what follows is set
	logs     map[string]*Log
	lastSent map[string]Instant // by stream: when the last message that is in its log was sent

	followers []*Follower // each owned by its consumer, until that has ended
	groups    []*groupRun

	mu        sync.Mutex // guards what follows
	disturbed []Instant
	surprises []Violation
	failure   error // of the oracle itself
}

// New checks the options and returns a run that has not begun.
func New(t Target, o Options) (*Oracle, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	control, err := newLink(t, false)
	if err != nil {
		return nil, err
	}
	suffix := make([]byte, 4)
	rand.Read(suffix)
	made := &Oracle{target: t, options: o, name: "oracle-" + hex.EncodeToString(suffix), clock: newClock(),
		control: control, final: make(chan struct{}), logs: map[string]*Log{}, seen: map[string]*atomic.Uint64{}, lastSent: map[string]Instant{}}
	for i := range o.Streams {
		stream := fmt.Sprintf("%s-%d", made.name, i)
		made.streams = append(made.streams, stream)
		made.seen[stream] = &atomic.Uint64{}
	}
	return made, nil
}

// Run calls Start, waits for Options.Duration or the end of the context, and
// calls Finish.
func (o *Oracle) Run(ctx context.Context) (*Report, error) {
	if err := o.Start(); err != nil {
		return nil, err
	}
	timer := time.NewTimer(o.options.Duration)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return o.Finish()
}

// Start makes the streams, and starts consumers and publishers. If it returns
// nil, the caller must call Finish.
func (o *Oracle) Start() (err error) {
	o.publishing, o.stopPublishing = context.WithCancel(context.Background())
	o.consuming, o.stopConsuming = context.WithCancel(context.Background())
	o.filling, o.stopFilling = context.WithCancel(o.consuming)
	defer func() {
		if err != nil {
			o.stopPublishing()
			o.stopConsuming()
			o.consumers.Wait()
			o.tidy()
		}
	}()
	r := run{URL: o.target.URL, Seed: o.options.Seed, Streams: o.streams, Trims: o.options.Keep > 0}
	if err := createJournals(o.options.Journal, r); err != nil {
		return fmt.Errorf("oracle: %w", err)
	}
	if err := o.prepare(); err != nil {
		return fmt.Errorf("oracle: %w", err)
	}
	if err := o.startConsumers(); err != nil {
		return fmt.Errorf("oracle: %w", err)
	}
	return o.startPublishers()
}

// prepare makes the streams, and a client for tokens.
func (o *Oracle) prepare() (err error) {
	ctx, cancel := context.WithTimeout(o.consuming, o.options.Patience)
	defer cancel()
	for i, stream := range o.streams {
		if _, err := o.control.Define(ctx, stream, jsontext.Value(definition)); err != nil {
			return err
		}
		if err := o.settings(ctx, stream, i == len(o.streams)-1); err != nil {
			return err
		}
	}
	o.viewer, err = o.newViewer(ctx)
	return err
}

func (o *Oracle) settings(ctx context.Context, stream string, last bool) error {
	var set client.StreamSettings
	if o.options.Keep > 0 {
		set.Retention.Messages = &o.options.Keep
	}
	if durability := client.DurabilityMemory; last && o.options.MemoryStream {
		set.Durability = &durability
	}
	if set == (client.StreamSettings{}) {
		return nil
	}
	_, err := o.control.SetStreamSettings(ctx, stream, set)
	return err
}

// httpEvery is how many publishers there are for each one that uses HTTP.
const httpEvery = 3

func (o *Oracle) startPublishers() error {
	var made []*publisher
	for i := range o.options.Publishers {
		p, err := o.newPublisher(i)
		if err != nil {
			return fmt.Errorf("oracle: %w", err)
		}
		made = append(made, p)
	}
	for i, p := range made {
		work := (&socketPublisher{publisher: p}).run
		if i%httpEvery == httpEvery-1 {
			work = (&httpPublisher{p}).run
		}
		o.publishers.Go(func() {
			work()
			p.link.close()
			o.fail(p.journal.close())
		})
	}
	return nil
}

// Acknowledged returns how many messages the gateway has acknowledged so far.
func (o *Oracle) Acknowledged() int { return int(o.acknowledged.Load()) }

// Disturb notes that the gateway is about to be killed or disconnected.
func (o *Oracle) Disturb() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.disturbed = append(o.disturbed, o.clock.now())
}

// Finish stops publishing, waits until everything is consumed, and checks. It
// returns an error if the oracle itself failed, and the run cannot be judged.
func (o *Oracle) Finish() (*Report, error) {
	defer o.stopConsuming()
	o.stopPublishing()
	patience := time.AfterFunc(o.options.Patience, func() {
		o.fail(fmt.Errorf("oracle: the publishers have not ended within %v", o.options.Patience))
	})
	o.publishers.Wait()
	patience.Stop()
	publishes, err := o.readAll()
	patience = time.AfterFunc(2*o.options.Patience, o.stopConsuming) // what is missing then is a violation
	defer patience.Stop()
	if err != nil {
		o.stopConsuming()
	}
	o.readLastSent(publishes)
	close(o.final)
	o.stopFilling()
	letters := o.newLetterReader()
	var reading sync.WaitGroup
	reading.Go(letters.run)
	o.consumers.Wait()
	letters.stop()
	reading.Wait()
	if err == nil {
		err = o.readFirsts()
	}
	o.mu.Lock()
	err = errors.Join(o.failure, err)
	o.mu.Unlock()
	var report *Report
	if err == nil {
		report = o.judge(publishes, letters.letters)
	}
	return report, errors.Join(err, o.tidy())
}

// readAll reads the final logs, and returns what the publishers noted.
func (o *Oracle) readAll() ([]Publish, error) {
	if err := o.readLogs(context.Background()); err != nil {
		return nil, err
	}
	_, publishes, err := readJournals(o.options.Journal)
	if err != nil {
		return nil, fmt.Errorf("oracle: %w", err)
	}
	return publishes, nil
}

func (o *Oracle) judge(publishes []Publish, letters []Letter) *Report {
	slices.Sort(o.disturbed)
	h := &History{Publishes: publishes, Followers: o.followers, Letters: letters, Surprises: o.surprises, Disturbed: o.disturbed,
		Trims: o.options.Keep > 0, AckTimeout: o.options.AckTimeout, MaxDeliveries: o.options.MaxDeliveries}
	for _, stream := range o.streams {
		h.Logs = append(h.Logs, *o.logs[stream])
	}
	for _, g := range o.groups {
		g.close()
		h.Groups = append(h.Groups, g.Group)
	}
	return Check(h, o.options.Limit)
}

// tidy removes what the run has made.
func (o *Oracle) tidy() error {
	defer o.control.close()
	ctx, cancel := context.WithTimeout(context.Background(), o.options.Patience)
	defer cancel()
	var problems []error
	note := func(err error, fine protocol.Code) {
		if err != nil && client.CodeOf(err) != fine {
			problems = append(problems, err)
		}
	}
	if o.viewer != nil {
		note(o.control.DeleteClient(ctx, o.viewer.id), protocol.CodeClientNotFound)
	}
	for _, stream := range o.streams {
		if o.options.KeepStreams {
			break
		}
		note(o.control.DeleteStream(ctx, stream), protocol.CodeStreamNotFound)
		note(o.control.DeleteStream(ctx, stream+deadSuffix), protocol.CodeStreamNotFound)
	}
	return errors.Join(problems...)
}

// fail notes an error of the oracle itself, and ends the run.
func (o *Oracle) fail(err error) {
	if err == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failure = errors.Join(o.failure, err)
	o.stopPublishing()
	o.stopConsuming()
}

// maxSurprises bounds the memory that surprises take.
const maxSurprises = 1000

func (o *Oracle) surprise(stream, format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.surprises) < maxSurprises {
		o.surprises = append(o.surprises, Violation{Surprise, stream, fmt.Sprintf(format, args...)})
	}
}

func (o *Oracle) newConn() int { return int(o.conns.Add(1)) }

// chance returns the random numbers of one part of the run.
func (o *Oracle) chance(part int) *mathrand.Rand {
	return mathrand.New(mathrand.NewPCG(o.options.Seed, uint64(part)))
}

// connectTimeout is how long it may take to connect and to subscribe.
const connectTimeout = 15 * time.Second

func (o *Oracle) dial(l *link) (*client.Conn, error) {
	ctx, cancel := context.WithTimeout(o.consuming, connectTimeout)
	defer cancel()
	return l.Dial(ctx)
}

// A backoff waits longer each time. The zero value has not waited yet.
type backoff struct{ last time.Duration }

const (
	firstWait = 10 * time.Millisecond
	lastWait  = 500 * time.Millisecond
)

// wait returns false if the context ends first.
func (b *backoff) wait(ctx context.Context) bool {
	b.last = min(max(2*b.last, firstWait), lastWait)
	return pause(ctx, b.last)
}

// pause returns false if the context ends first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
