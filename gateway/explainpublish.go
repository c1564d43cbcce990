package gateway

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/auth"
	"seagate/auth/fdsl"
	"seagate/groups"
	"seagate/protocol"
	"seagate/storage"
	"seagate/streams"
)

// explainedFilters bounds the filters that are asked about a message that is not published.
const explainedFilters = 200

// ExplainPublish says what would happen if the principal published a message: to one recipient, or
// to all who read the stream, of which it lists at most limit. It stores nothing. A principal that
// may not ask about others is told only their number.
func (g *Gateway) ExplainPublish(ctx context.Context, p *auth.Principal, q ExplainQuery, payload jsontext.Value, limit int) (protocol.Explanation, error) {
	if err := g.mayExplain(p, &q); err != nil {
		return protocol.Explanation{}, err
	}
	asked := q.Client != "" || q.Token.IsSet() || q.HasGroup
	e := newExplaining(g, p, q)
	e.x.DryRun = true
	if e.publishing(payload) {
		if asked {
			if err := e.wouldReach(ctx, payload); err != nil {
				return protocol.Explanation{}, err
			}
		} else if err := e.recipients(ctx, payload, limit); err != nil {
			return protocol.Explanation{}, err
		}
	}
	if !asked {
		e.x.ClientID = ""
	}
	e.x.Verdict, e.x.Summary = conclusion(e.x.Steps, drySummaries)
	return e.x, p.InForce()
}

var drySummaries = map[protocol.Verdict]string{
	protocol.VerdictYes:     "it would be delivered: ",
	protocol.VerdictNo:      "it would not be delivered: ",
	protocol.VerdictWaiting: "it would be kept: ",
	protocol.VerdictUnknown: "unknown: ",
}

// publishing says whether publishing would succeed.
func (e *explaining) publishing(payload jsontext.Value) bool {
	if err := decide(e.asks, auth.Publish, e.q.Stream); err != nil {
		e.refuse(protocol.StepRights, err)
		return false
	}
	e.say(protocol.StepRights, protocol.VerdictYes, "may_publish", "client %s may publish to %s", e.asks.ClientID, e.q.Stream)
	plan, err := e.PlanPublish(e.asks, Publication{Stream: e.q.Stream, Payloads: []jsontext.Value{payload}})
	if err != nil {
		e.refuse(stepOf(e.Refusal(err).Code), err)
		return false
	}
	e.defined = e.Catalog.Lookup(streamID(e.asks, e.q.Stream))
	e.bounds = storage.Bounds{First: 1, Next: 1}
	if e.defined != nil {
		if e.topic, _ = e.defined.Existing(); e.topic != nil {
			e.bounds = e.topic.Bounds()
		}
	}
	if plan.Version != nil {
		e.say(protocol.StepStream, protocol.VerdictYes, "stream_defined", "%s is defined, in version %s", e.q.Stream, plan.Version)
		e.say(protocol.StepSchema, protocol.VerdictYes, "schema_matches", "the message matches version %s", plan.Version)
	} else {
		e.say(protocol.StepStream, protocol.VerdictYes, "stream_without_definition", "nobody has defined %s, and such streams are accepted", e.q.Stream)
		e.say(protocol.StepSchema, protocol.VerdictYes, "schema_none", "nobody has defined the stream, so only the JSON is checked")
	}
	e.x.Seq = plan.Next
	e.say(protocol.StepAccepted, protocol.VerdictYes, "would_be_accepted", "it would be accepted as message %d, with %d bytes", plan.Next, plan.Bytes)
	return true
}

// stepOf returns the step to which a refusal of a publish belongs.
func stepOf(code protocol.Code) string {
	switch code {
	case protocol.CodeForbidden:
		return protocol.StepRights
	case protocol.CodeStreamNotFound, protocol.CodeStreamPaused, protocol.CodeInvalidName:
		return protocol.StepStream
	case protocol.CodeInvalidPayload, protocol.CodeMalformedJSON, protocol.CodeInvalidUTF8, protocol.CodeNestingTooDeep, protocol.CodeTooCostly:
		return protocol.StepSchema
	}
	return protocol.StepAccepted
}

// wouldReach says whether one recipient would get the message.
func (e *explaining) wouldReach(ctx context.Context, payload []byte) error {
	if !e.recipient() || !e.rights() {
		return nil
	}
	if e.who.Filter == nil {
		e.say(protocol.StepFilter, protocol.VerdictYes, "no_filter", "no filter: everything is visible")
	} else if err := e.computing(ctx, "explain", e.asks, func() error { e.evaluate(payload); return nil }); err != nil {
		return err
	}
	reads := e.reads()
	if !e.q.HasGroup || e.topic == nil {
		e.wouldRead(reads, payload)
	}
	if e.topic == nil {
		return nil
	}
	names, more := e.groupsOf(reads)
	e.x.Omitted = e.x.Omitted || more
	for _, name := range names {
		if err := e.wouldTake(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// wouldRead says which subscriptions would get the message.
func (e *explaining) wouldRead(reads []readOf, payload []byte) {
	before := len(e.x.Steps)
	for _, r := range reads {
		if r.info.Kind == protocol.SubscriptionGroup {
			continue
		}
		if len(e.x.Steps)-before == explainedConnections {
			e.x.Omitted = true
			break
		}
		v, code, text := protocol.VerdictYes, "subscription_would_take", "would be sent the message"
		switch {
		case e.hidden:
			v, code, text = protocol.VerdictNo, "subscription_hidden", "would not be sent the message, for the reason above"
		case e.filteredOut(r, payload):
			v, code, text = protocol.VerdictNo, "subscription_filtered", "would not be sent the message: "+filteredText
		}
		step := e.say(protocol.StepSubscription, v, code, "%s %s", connectionText(r.login), text)
		step.ClientID, step.ConnectionID = r.login.principal.ClientID, r.login.id
	}
	if len(e.x.Steps) == before {
		e.say(protocol.StepSubscription, protocol.VerdictWaiting, "no_subscription", "no connection of the client reads the stream outside of a group now")
	}
}

// wouldTake says whether a group of the recipient would hand the message out.
func (e *explaining) wouldTake(ctx context.Context, name namedGroup) error {
	of := e.Catalog.Groups.Topic(e.topic.ID())
	trace, err := of.Trace(ctx, name.Name, e.bounds.Next)
	if err == groups.ErrNotFound {
		e.say(protocol.StepGroup, protocol.VerdictNo, string(protocol.CodeGroupNotFound), "the client has no group %s on this stream", name.text).GroupID = name.text
		return nil
	}
	if err != nil {
		return attempted("read the group", err)
	}
	v, code, text := protocol.VerdictYes, "group_would_take", "would hand the message to one of its members"
	switch t := (&traced{explaining: e, Trace: trace}); {
	case e.hidden:
		v, code, text = protocol.VerdictNo, "group_hidden", "would not hand the message to this client, for the reason above"
	case trace.Members == 0 || trace.IsFull || trace.Able == 0:
		v, code, text = protocol.VerdictWaiting, "group_not_reached", "would keep the message for later: "+t.obstacle()
	}
	step := e.say(protocol.StepGroup, v, code, "group %s %s", name.text, text)
	step.ClientID, step.GroupID = e.q.Client, name.text
	step.Group = &protocol.ExplainedGroup{Position: trace.Position, Members: trace.Members, Able: trace.Able}
	return nil
}

// recipients says who reads the stream, and what their filters say.
func (e *explaining) recipients(ctx context.Context, payload []byte, limit int) error {
	counts := &protocol.ExplainedCounts{}
	if e.topic != nil {
		interest := e.topic.Interest()
		counts.Subscriptions, counts.Groups = interest.Subscribers, interest.Groups
	}
	var list []protocol.ExplainStep
	if decide(e.asks, auth.ExplainOthers, "") == nil && decide(e.asks, auth.Subscribe, e.q.Stream) == nil && e.topic != nil {
		err := e.computing(ctx, "explain", e.asks, func() error {
			list = e.filtersSteps(payload, counts)
			of, err := e.groupSteps(ctx, payload)
			list = append(list, of...)
			return err
		})
		if err != nil {
			return err
		}
	}
	if len(list) > limit {
		counts.Omitted += len(list) - limit
		list = list[:limit]
	}
	v, code, text := protocol.VerdictYes, "recipients_listed", fmt.Sprintf("%s and %s read the stream",
		plural(counts.Subscriptions, "subscription"), plural(counts.Groups, "group"))
	if counts.Subscriptions+counts.Groups == 0 {
		v, code, text = protocol.VerdictWaiting, "recipients_none", "nobody reads the stream now; it keeps the message for those who come"
	}
	switch {
	case counts.Filters == 1 && counts.Pass == 1:
		text += "; the one filter among them passes the message"
	case counts.Filters == 1:
		text += "; the one filter among them hides the message"
	case counts.Filters > 1:
		text += fmt.Sprintf("; of the %d filters among them, %d pass the message", counts.Filters, counts.Pass)
	}
	step := e.say(protocol.StepRecipients, v, code, "%s", text)
	step.Recipients, step.Steps = counts, list
	return nil
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// filtersSteps asks the filters of the stream, beginning with those that most
// subscriptions share.
func (e *explaining) filtersSteps(payload []byte, counts *protocol.ExplainedCounts) (list []protocol.ExplainStep) {
	all := e.filters.of(streamID(e.asks, e.q.Stream))
	counts.Filters = len(all)
	if len(all) > explainedFilters {
		counts.Omitted += len(all) - explainedFilters
		all = all[:explainedFilters]
	}
	for _, f := range all {
		x, ok := explainFilter(e.Gateway, nil, f.filter, payload, e.q.Stream)
		if !ok {
			continue
		}
		v, code, text := filterVerdict(x)
		if v == protocol.VerdictYes {
			counts.Pass++
		} else {
			counts.Hide++
		}
		list = append(list, protocol.ExplainStep{
			Step: protocol.StepFilter, Verdict: v, Code: code, ClientID: f.client, Filter: filterView(x),
			Message: fmt.Sprintf("%s of client %s: %s", plural(f.uses, "subscription"), f.client, text),
		})
	}
	return list
}

// A filterUse is a filter of a stream with how many subscriptions have it.
type filterUse struct {
	filter *fdsl.Filter
	client string // one of those that brought it
	uses   int
}

// of returns the filters of a stream, those with the most subscriptions first.
func (t *filterTable) of(id streams.ID) (all []filterUse) {
	t.mu.Lock()
	s := t.streams[id]
	t.mu.Unlock()
	if s == nil {
		return nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, e := range s.entries {
		all = append(all, filterUse{e.filter, e.client, e.uses})
	}
	slices.SortFunc(all, func(a, b filterUse) int {
		return cmp.Or(cmp.Compare(b.uses, a.uses), strings.Compare(a.filter.Key(), b.filter.Key()))
	})
	return all
}

// groupSteps says which groups of the stream would take the message.
func (e *explaining) groupSteps(ctx context.Context, payload []byte) (list []protocol.ExplainStep, err error) {
	of := e.Catalog.Groups.Topic(e.topic.ID())
	stats, _, err := of.List(ctx, nil, explainedFilters)
	if err != nil {
		return nil, attempted("list the groups", err)
	}
	ids := e.Directory.ClientIDs(e.asks.JailUID)
	for _, s := range stats {
		text := "group " + groupText(s.Key.Group)
		bearers := strings.HasPrefix(s.Key.Group, groups.BearersPrefix)
		if bearers {
			text = "a group of bearers of tokens"
		}
		step := protocol.ExplainStep{
			Step: protocol.StepGroup, Verdict: protocol.VerdictYes, Code: "group_would_take", ClientID: ids[s.Key.Client], GroupID: groupText(s.Key.Group),
			Group: &protocol.ExplainedGroup{Position: s.Position, Members: s.Members},
		}
		did := "would hand the message to one of its members"
		switch {
		case s.Members == 0:
			step.Verdict, step.Code, did = protocol.VerdictWaiting, "group_not_reached", "has no members, and would keep the message for later"
		case bearers && !e.anyPasses(of, s.Key.Name(), payload):
			step.Verdict, step.Code, did = protocol.VerdictNo, "group_skipped", "would pass the message over, since the filters of its members hide it"
		}
		step.Message = fmt.Sprintf("%s of client %s %s", text, step.ClientID, did)
		list = append(list, step)
	}
	return list, nil
}

// anyPasses reports whether a member of a group would see the message. It asks a bounded number of
// members.
func (e *explaining) anyPasses(of *groups.Topic, name groups.Name, payload []byte) bool {
	members, _ := of.Members(name, explainedMembers)
	for _, m := range members {
		s, ok := m.(member)
		if !ok || s.filter == nil {
			return true
		}
		if x, ok := explainFilter(e.Gateway, nil, s.filter.filter, payload, e.q.Stream); ok && x.Passes {
			return true
		}
	}
	return false
}
