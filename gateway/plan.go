package gateway

import (
	"context"
	"errors"

	"seagate/auth"
	"seagate/protocol"
	"seagate/schema"
	"seagate/storage"
	"seagate/streams"
)

// A PublishPlan is what Publish would do.
type PublishPlan struct {
	Messages int
	Bytes    int             // of the messages as they would be stored
	Version  *schema.Version // against which they were checked; nil on a stream that nobody defined
	Next     uint64          // the number of the first, if nobody publishes meanwhile
	Epoch    string          // "" if nothing was done with the stream
	Interest streams.Interest
}

// PlanPublish says what Publish would do, and stores nothing. It fails as Publish would, with all
// problems of the messages. It takes as much work, so it counts against the client's rate. It does
// not check whether the message id was used before.
func (g *Gateway) PlanPublish(p *auth.Principal, pub Publication) (PublishPlan, error) {
	a, err := g.checkPublication(p, pub)
	if err != nil {
		return PublishPlan{}, err
	}
	plan := PublishPlan{Messages: len(a.messages), Bytes: size(a.messages), Next: 1}
	if current := a.stream.Schema(); current != nil {
		plan.Version = &current.Definition.Version
	}
	if topic := a.existing(); topic != nil {
		if err := topic.MaySend(pub.ID != "", len(a.messages), plan.Bytes+len(a.header)); err != nil {
			return PublishPlan{}, attempted("publish", err)
		}
		info := topic.Info()
		plan.Next, plan.Epoch, plan.Interest = info.Bounds.Next, info.Bounds.Epoch, info.Interest
	}
	return plan, p.InForce()
}

// existing returns the topic of the stream, nil if there is none.
func (a admitted) existing() *streams.Topic {
	if a.stream == nil {
		return nil
	}
	topic, _ := a.stream.Existing()
	return topic
}

// A SchemaTrial is what a definition would do, and which of the latest messages of its stream
// match it.
type SchemaTrial struct {
	Outcome schema.Outcome  // if Refusal is nil
	Refusal *protocol.Error // why Define would refuse the definition

	First, Last uint64 // the numbers of the first and last message that were checked; 0 if there were none
	Messages    int    // that were checked
	Refused     int    // of them do not match
	Problems    []TrialProblem
	Stopped     string // the limit that ended the trial early: "bytes" or "steps"; "" for none
}

// A TrialProblem is what is wrong with a message.
type TrialProblem struct {
	Message *streams.Message
	Refusal *protocol.Error
}

// Bounds of a trial: the bytes of messages, the messages whose problems are told, and the problems
// of each.
const (
	trialBytes    = 4 << 20
	trialMessages = 20
	trialProblems = 10
)

// TrySchema checks at most the last messages of a stream against a definition, and says what Define
// would do. It changes nothing. It needs the right to define the stream, and the right to read it,
// because the problems quote messages. It takes as much work as a change, and counts as one.
func (g *Gateway) TrySchema(ctx context.Context, p *auth.Principal, stream string, definition []byte, last int) (SchemaTrial, error) {
	var t SchemaTrial
	var candidate *schema.Schema
	err := g.compiling(ctx, "define", p, definition, func() (err error) {
		candidate, err = g.candidate(p, stream, definition, &t)
		return err
	})
	if err != nil {
		return SchemaTrial{}, err
	}
	s := g.Catalog.Lookup(streamID(p, stream))
	if s == nil {
		return t, nil
	}
	if topic, ok := s.Existing(); ok {
		if err := g.try(ctx, p, &t, candidate, topic, last); err != nil {
			return SchemaTrial{}, attempted("read the messages", err)
		}
	}
	return t, p.InForce()
}

// candidate compiles the definition, and says what Define would do with it.
func (g *Gateway) candidate(p *auth.Principal, stream string, definition []byte, t *SchemaTrial) (*schema.Schema, error) {
	def, err := g.readDefinition(p, stream, definition)
	if err != nil {
		return nil, err
	}
	if err := g.authorize(p, auth.Subscribe, stream); err != nil {
		return nil, err
	}
	if err := g.spendChange(p); err != nil {
		return nil, err
	}
	if t.Outcome, err = g.Catalog.Plan(streamID(p, stream), def); err != nil {
		t.Refusal = g.Refusal(attempted("define", err))
	}
	candidate, err := g.Catalog.Candidate(def)
	return candidate, attempted("define", err)
}

// try checks the last messages of a topic.
func (g *Gateway) try(ctx context.Context, p *auth.Principal, t *SchemaTrial, candidate *schema.Schema, topic *streams.Topic, last int) error {
	budget := g.budget(p.JailUID)
	bounds := topic.Bounds()
	next := max(bounds.First, bounds.Next-min(uint64(last), bounds.Next))
	for bytes := 0; next < bounds.Next && t.Stopped == ""; {
		run, err := topic.Read(ctx, next, int(bounds.Next-next), pageBytes)
		switch {
		case errors.Is(err, storage.ErrTrimmed): // retention was faster
			next = max(topic.Bounds().First, next+1)
			continue
		case err != nil:
			return err
		case len(run) == 0:
			return nil
		}
		err = g.computing(ctx, "check the messages", p, func() error {
			for _, m := range run {
				if bytes += len(m.Payload); bytes > trialBytes && t.Messages > 0 {
					t.Stopped = "bytes"
					return nil
				}
				if !g.tryOne(t, candidate, &budget, m) {
					return nil
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		next += uint64(len(run))
	}
	return nil
}

// tryOne checks a message. It returns false if no steps are left.
func (g *Gateway) tryOne(t *SchemaTrial, candidate *schema.Schema, budget *schema.Budget, m *streams.Message) bool {
	_, err := candidate.CheckWithin(budget, m.Payload, g.settings.JSONDepth+1) // a dead letter is one level deeper
	if errors.Is(err, schema.ErrTooCostly) {
		t.Stopped = "steps"
		return false
	}
	if t.Messages++; t.Messages == 1 {
		t.First = m.Seq
	}
	t.Last = m.Seq
	if err == nil {
		return true
	}
	t.Refused++
	if len(t.Problems) < trialMessages {
		refusal := g.Refusal(attempted("publish", err))
		if len(refusal.Errors) > trialProblems {
			refusal.Errors = append(refusal.Errors[:trialProblems:trialProblems], "and more")
		}
		t.Problems = append(t.Problems, TrialProblem{m, refusal})
	}
	return true
}
