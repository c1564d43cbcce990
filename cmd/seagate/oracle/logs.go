package oracle

import (
	"context"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"

	"seagate/client"
	"seagate/protocol"
)

// deadSuffix is the gateway's default suffix: the name of a dead-letter stream is the
// name of the stream with this suffix.
const deadSuffix = ".dead"

// readLogs reads the final logs. It must be called after publishing has stopped. Each
// page may take Options.Patience, however many there are.
func (o *Oracle) readLogs(ctx context.Context) error {
	for _, stream := range o.streams {
		log := &Log{Stream: stream}
		err := o.pages(ctx, stream, client.Earliest(), func(page client.MessagePage) error {
			log.Epoch, log.Next = page.Epoch, page.NextSeq
			if log.First == 0 {
				log.First = page.FirstSeq
			}
			for _, m := range page.Messages {
				e, err := entryOf(m)
				if err != nil {
					return fmt.Errorf("oracle: number %d of %s: %w", m.Seq, stream, err)
				}
				log.Entries = append(log.Entries, e)
			}
			return nil
		})
		if err != nil {
			return err
		}
		o.logs[stream] = log
	}
	return nil
}

// readLastSent finds the time at which the last message of each final log was sent. A
// live subscription that began later does not wait for messages.
func (o *Oracle) readLastSent(publishes []Publish) {
	there := map[ID]bool{}
	for _, log := range o.logs {
		for _, e := range log.Entries {
			there[e.ID] = true
		}
	}
	for _, p := range publishes {
		if slices.ContainsFunc(p.IDs, func(id ID) bool { return there[id] }) {
			o.lastSent[p.Stream] = max(o.lastSent[p.Stream], p.SentAt)
		}
	}
}

// readFirsts removes from the logs the messages that retention dropped since readLogs.
func (o *Oracle) readFirsts() error {
	ctx, cancel := context.WithTimeout(context.Background(), o.options.Patience)
	defer cancel()
	for _, stream := range o.streams {
		page, err := o.page(ctx, o.control, stream, client.Earliest(), 1, "")
		if err != nil {
			return err
		}
		log := o.logs[stream]
		log.First = max(log.First, page.FirstSeq)
		log.Entries = slices.DeleteFunc(log.Entries, func(e Entry) bool { return e.Seq < log.First })
	}
	return nil
}

// pages reads a stream from a position to the end, and calls take for each page.
func (o *Oracle) pages(ctx context.Context, stream string, from client.Position, take func(client.MessagePage) error) error {
	for {
		one, cancel := context.WithTimeout(ctx, o.options.Patience)
		page, err := o.page(one, o.control, stream, from, 1000, "")
		cancel()
		if err != nil {
			return err
		}
		if err := take(page); err != nil {
			return err
		}
		if page.AtEnd {
			return nil
		}
		from = page.Next
	}
}

// page reads one page, and retries while the gateway is unavailable.
func (o *Oracle) page(ctx context.Context, l *link, stream string, from client.Position, limit int, epoch string) (client.MessagePage, error) {
	var wait backoff
	for {
		page, err := l.Messages(ctx, stream, from, limit, epoch)
		if err == nil || !temporary(err) || !wait.wait(ctx) {
			return page, err
		}
	}
}

// A letterReader reads the dead-letter streams until the groups have finished.
type letterReader struct {
	*Oracle
	ctx     context.Context
	stop    context.CancelFunc
	next    map[string]uint64 // by dead-letter stream
	letters []Letter
}

func (o *Oracle) newLetterReader() *letterReader {
	ctx, cancel := context.WithCancel(context.Background())
	return &letterReader{Oracle: o, ctx: ctx, stop: cancel, next: map[string]uint64{}}
}

// run reads until it is stopped, and then once more.
func (r *letterReader) run() {
	for pause(r.ctx, pollEvery) {
		r.round(r.ctx)
	}
	ctx, cancel := context.WithTimeout(context.Background(), r.options.Patience)
	defer cancel()
	r.round(ctx)
}

func (r *letterReader) round(ctx context.Context) {
	for _, stream := range r.streams {
		dead := stream + deadSuffix
		err := r.pages(ctx, dead, client.AtSeq(max(r.next[dead], 1)), func(page client.MessagePage) error {
			for _, m := range page.Messages {
				r.next[dead] = m.Seq + 1
				if err := r.letter(m); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil && ctx.Err() == nil && client.CodeOf(err) != protocol.CodeStreamNotFound {
			r.fail(err)
		}
	}
}

func (r *letterReader) letter(m client.Message) error {
	var letter Letter
	if err := json.Unmarshal(m.Payload, &letter); err != nil {
		return fmt.Errorf("oracle: number %d of %s: %w", m.Seq, m.Stream, err)
	}
	r.letters = append(r.letters, letter)
	for _, g := range r.groups {
		if g.Group.Stream == letter.Stream && g.Name == letter.Group {
			g.account(letter.Seq, letter.Seq)
		}
	}
	return nil
}

// startConsumers starts every kind of consumer on each stream. It returns once all
// groups exist, except late ones, so that these groups start with the first message.
func (o *Oracle) startConsumers() error {
	for _, stream := range o.streams {
		if err := o.startFollowers(stream); err != nil {
			return err
		}
		for _, spec := range o.groupSpecs() {
			if err := o.startGroup(o.newGroup(stream, spec)); err != nil {
				return err
			}
		}
	}
	for _, g := range o.groups {
		if g.spec.late {
			continue
		}
		select {
		case <-g.created:
		case <-o.consuming.Done():
		}
	}
	return nil
}

func (o *Oracle) startFollowers(stream string) error {
	for _, spec := range o.followerSpecs(stream) {
		f, err := o.newFollower(stream, spec)
		if err != nil {
			return err
		}
		o.followers = append(o.followers, f.Follower)
		o.consumers.Go(func() { f.run(f) })
	}
	c, err := o.newConsumer(stream, o.target, false)
	if err != nil {
		return err
	}
	p := &pager{c, &Follower{Name: "pages", Stream: stream, Resumes: true}}
	o.followers = append(o.followers, p.Follower)
	o.consumers.Go(p.run)
	return nil
}

func (o *Oracle) startGroup(g *groupRun) error {
	o.groups = append(o.groups, g)
	for i := range o.options.Members {
		m, err := g.newMember(i)
		if err != nil {
			return err
		}
		o.consumers.Go(m.run)
	}
	return nil
}
