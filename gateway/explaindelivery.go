package gateway

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"

	"seagate/auth"
	"seagate/groups"
	"seagate/protocol"
	"seagate/streams"
)

// Bounds of an explanation: how many connections and groups of the recipient it lists, how many
// members of a group it asks, and how many dead letters it searches.
const (
	explainedConnections = 20
	explainedGroups      = 20
	explainedMembers     = 100
	explainedLetters     = 1000
)

// deliveries says what the subscriptions and groups of the recipient did with the message.
func (e *explaining) deliveries(ctx context.Context) error {
	if e.who == nil {
		return nil
	}
	reads := e.reads()
	if !e.q.HasGroup {
		e.subscriptions(ctx, reads)
	}
	names, more := e.groupsOf(reads)
	for _, name := range names {
		if err := e.group(ctx, name, reads); err != nil {
			return err
		}
	}
	if more {
		e.x.Omitted = true
	}
	return nil
}

// A readOf is a subscription of the recipient to the stream. In a group it may also be a
// subscription of another principal of the same client.
type readOf struct {
	login *Login
	slow  bool
	held  Held
	info  ReadInfo
	began uint64
}

// reads returns the subscriptions of the recipient's connections to the stream.
func (e *explaining) reads() (all []readOf) {
	found := e.connections(func(l *Login) bool { return e.isOf(l.principal) })
	for _, l := range found {
		c, ok := l.connection.(Inspectable)
		if !ok {
			continue
		}
		inspected := c.Inspect()
		for _, held := range inspected.Subscriptions {
			for i, info := range held.roles() {
				if info.Stream == e.q.Stream {
					all = append(all, readOf{l, inspected.Slow, held, info, beganAt(held, i)})
				}
			}
		}
	}
	return all
}

// isOf reports whether a principal is the recipient: the client itself, or the bearer of the
// token.
func (e *explaining) isOf(p *auth.Principal) bool {
	if p.ClientUID != e.who.ClientUID || p.Method != e.who.Method {
		return false
	}
	return p.Method != auth.MethodToken || p.FilterID == e.who.FilterID && p.Expires.Equal(e.who.Expires)
}

// beganAt returns the number of the first message of the i-th stream that the
// subscription covers.
func beganAt(held Held, i int) uint64 {
	if held.Merged != nil {
		return held.Merged.Joined(i).Next
	}
	return held.One.current().next
}

// subscriptions says where the subscriptions in no group stand.
func (e *explaining) subscriptions(ctx context.Context, reads []readOf) {
	var plain []readOf
	for _, r := range reads {
		if r.info.Kind != protocol.SubscriptionGroup {
			plain = append(plain, r)
		}
	}
	if len(plain) == 0 {
		e.say(protocol.StepSubscription, protocol.VerdictWaiting, "no_subscription", "no connection of the client reads the stream outside of a group now")
		return
	}
	if len(plain) > explainedConnections {
		plain, e.x.Omitted = plain[:explainedConnections], true
	}
	list := []ConnectionInfo{{}}
	for _, r := range plain {
		list[0].Reads = append(list[0].Reads, r.info)
	}
	ctx, cancel := context.WithTimeout(ctx, positionTimeout)
	defer cancel()
	locate(ctx, list)
	for i, r := range plain {
		r.info = list[0].Reads[i]
		e.subscription(r)
	}
}

func (e *explaining) subscription(r readOf) {
	at, seq := r.info.Position, e.q.Seq
	v, code, text := protocol.VerdictYes, "subscription_past", ""
	switch {
	case r.info.Kind == protocol.SubscriptionWaiting:
		v, code, text = protocol.VerdictWaiting, "subscription_before", "the subscription waits for the stream to be defined"
	case e.hidden:
		v, code, text = protocol.VerdictNo, "subscription_hidden", "the subscription does not get the message, for the reason above"
	case e.message != nil && e.filteredOut(r, e.message.Payload):
		v, code, text = protocol.VerdictNo, "subscription_filtered", filteredText
	case r.began > seq:
		v, code = protocol.VerdictNo, "subscription_later"
		text = fmt.Sprintf("the subscription began at message %d, behind this one", r.began)
	case at == 0:
		v, code, text = protocol.VerdictUnknown, "subscription_unknown", "where the subscription stands is not known at this moment; ask again"
	case at > seq:
		text = fmt.Sprintf("the message was sent to the connection; message %d is next", at)
	default:
		v, code = protocol.VerdictWaiting, "subscription_before"
		text = fmt.Sprintf("the subscription stands at message %d", at)
		if r.slow {
			text += ": its client reads more slowly than messages come"
		}
	}
	step := e.say(protocol.StepSubscription, v, code, "%s, since %s: %s", connectionText(r.login), clockText(r.login.since), text)
	step.ClientID, step.ConnectionID = r.login.principal.ClientID, r.login.id
	step.Cursor = &protocol.ExplainedCursor{Kind: r.info.Kind, Began: r.began, Position: at, Behind: r.info.Behind, Slow: r.slow}
}

const filteredText = "the subscription has asked for other messages: its own filter hides this one"

// filteredOut reports whether the filter that a subscription has asked for hides a message.
func (e *explaining) filteredOut(r readOf, payload []byte) bool {
	s := r.held.One
	if s == nil || s.request.Filter == nil || s.filter == nil {
		return false
	}
	x, ok := explainFilter(e.Gateway, nil, s.filter.filter, payload, e.q.Stream)
	return !ok || !x.Passes
}

func connectionText(l *Login) string {
	if at := l.principal.Address; at.IsValid() {
		return fmt.Sprintf("connection %s from %s", l.id, at)
	}
	return "connection " + l.id
}

// A namedGroup is a group with the id that the recipient knows it by.
type namedGroup struct {
	groups.Name
	text string
}

// groupsOf returns the groups that the explanation is about.
func (e *explaining) groupsOf(reads []readOf) (names []namedGroup, more bool) {
	if e.q.HasGroup {
		return []namedGroup{{groupName(e.who, e.q.Group), groupText(e.q.Group)}}, false
	}
	seen := map[groups.Name]bool{}
	add := func(name groups.Name, text string) {
		if !seen[name] {
			seen[name] = true
			names = append(names, namedGroup{name, text})
		}
	}
	if e.who.Method != auth.MethodToken {
		of, others := e.Catalog.Groups.Topic(e.topic.ID()).Of(e.who.ClientUID, explainedGroups)
		for _, name := range of {
			add(name, groupText(name.Group))
		}
		return names, others
	}
	for _, r := range reads { // the name of a bearers' group does not contain the id that the bearer gave
		if r.info.Kind == protocol.SubscriptionGroup {
			add(r.held.One.groupName(), groupText(r.held.One.request.Group))
		}
	}
	if len(names) > explainedGroups {
		return names[:explainedGroups], true
	}
	return names, false
}

// group says what a group did with the message.
func (e *explaining) group(ctx context.Context, name namedGroup, reads []readOf) error {
	if e.who.Method == auth.MethodToken && e.q.HasGroup && !e.who.MayJoin(e.q.Group) {
		e.say(protocol.StepGroup, protocol.VerdictNo, "group_hidden", "the token does not let its bearer join the group").GroupID = name.text
		return nil
	}
	trace, err := e.Catalog.Groups.Topic(e.topic.ID()).Trace(ctx, name.Name, e.q.Seq)
	if errors.Is(err, groups.ErrNotFound) {
		e.say(protocol.StepGroup, protocol.VerdictNo, string(protocol.CodeGroupNotFound), "the client has no group %s on this stream", name.text).GroupID = name.text
		return nil
	}
	if err != nil {
		return attempted("read the group", err)
	}
	t := traced{explaining: e, Trace: trace, name: name}
	v, code, text := t.verdict(ctx)
	if v == protocol.VerdictWaiting && e.hidden {
		v, code, text = protocol.VerdictNo, "group_hidden", "the group does not hand the message to this client, for the reason above"
	}
	step := e.say(protocol.StepGroup, v, code, "group %s: %s", name.text, text)
	step.ClientID, step.GroupID = e.q.Client, name.text
	if !trace.At.IsZero() {
		step.At = trace.At
	}
	step.Group = &protocol.ExplainedGroup{
		Position: trace.Position, Members: trace.Members, Able: trace.Able,
		Deliveries: trace.Deliveries, Failures: trace.Failures, Reason: trace.Reason,
	}
	if l := e.loginOf(trace.Member, reads); l != nil {
		step.ConnectionID = l.id
	}
	return nil
}

// loginOf returns the connection of a member.
func (e *explaining) loginOf(m groups.Member, reads []readOf) *Login {
	for _, r := range reads {
		if of, ok := m.(member); ok && of.Subscription == r.held.One {
			return r.login
		}
	}
	return nil
}

// traced is what a group knows of the message.
type traced struct {
	*explaining
	groups.Trace
	name namedGroup
}

// verdict puts the trace into words.
func (t *traced) verdict(ctx context.Context) (v protocol.Verdict, code, text string) {
	switch t.State {
	case groups.InFlight:
		text = fmt.Sprintf("%s has it, handed out %s, and has not acknowledged it", t.who(), times(t.Deliveries))
		if !t.At.IsZero() {
			text += "; it is handed out again at " + clockText(t.At)
		}
		return protocol.VerdictYes, "group_in_flight", text
	case groups.Waiting:
		return protocol.VerdictWaiting, "group_waiting",
			fmt.Sprintf("handed out %s, and waits to be handed out again; %s", times(t.Deliveries), t.obstacle())
	case groups.Delayed:
		return protocol.VerdictWaiting, "group_delayed",
			fmt.Sprintf("handed out %s, returned, and handed out again at %s", times(t.Deliveries), clockText(t.At))
	case groups.DeadLettering:
		text = fmt.Sprintf("failed %s, and is about to become a dead letter", times(t.Failures))
		if t.Members == 0 {
			text += ", at the latest when the group has a member again"
		}
		return protocol.VerdictNo, "group_dead_lettering", text
	case groups.Done:
		return t.done(ctx)
	}
	if t.message == nil {
		return protocol.VerdictNo, "group_lost", "retention removed it before the group handed it out"
	}
	return protocol.VerdictWaiting, "group_not_reached", "not handed out yet; " + t.obstacle()
}

// who returns text that names the member which has, or had, the message.
func (t *traced) who() string {
	if m, ok := t.Member.(member); ok {
		if at := m.principal.Address; at.IsValid() {
			return "the member at " + at.String()
		}
		return "a member"
	}
	return "a member that has left"
}

// obstacle says what the group waits for.
func (t *traced) obstacle() string {
	switch {
	case t.Members == 0:
		return "the group has no members"
	case t.IsFull:
		return fmt.Sprintf("the group stands at message %d, and goes no further before that is acknowledged", t.Position)
	case t.Leaving == t.Members:
		return "its members leave, and take nothing new"
	case t.Able == 0:
		return "no member has room: they have to acknowledge, or to read, what they were handed"
	}
	return fmt.Sprintf("the group stands at message %d", t.Position)
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// groupBeganLater is the code of a group that never was to have the message.
const groupBeganLater = "group_began_later"

func (t *traced) done(ctx context.Context) (v protocol.Verdict, code, text string) {
	switch t.Settlement {
	case groups.Acknowledged:
		return protocol.VerdictYes, "group_acknowledged",
			fmt.Sprintf("%s acknowledged it at %s, handed out %s", t.who(), clockText(t.At), times(t.Deliveries))
	case groups.Skipped:
		return protocol.VerdictNo, "group_skipped", "no member that was there could see it, so the group passed it over"
	case groups.Lost:
		return protocol.VerdictNo, "group_lost", "retention removed it before the group handed it out"
	case groups.Moved:
		return protocol.VerdictNo, "group_moved", "the group was moved behind it at " + clockText(t.At)
	case groups.NotBegun:
		return protocol.VerdictNo, groupBeganLater,
			fmt.Sprintf("the group began at message %d, behind this one, at %s", t.Began, clockText(t.CreatedAt))
	}
	stream := t.deadLetterStream(t.q.Stream)
	if letter, ok := t.letter(ctx, stream); ok {
		return protocol.VerdictNo, "group_dead_lettered", fmt.Sprintf("handed out %s, and given up: message %d of %s is the dead letter (%s)",
			times(letter.Deliveries), letter.at, stream, letter.Reason)
	}
	if t.Settlement == groups.DeadLettered {
		return protocol.VerdictNo, "group_dead_lettered", fmt.Sprintf("handed out %s, and given up at %s: see %s", times(t.Deliveries), clockText(t.At), stream)
	}
	return protocol.VerdictUnknown, "group_done", "the group is done with it, most likely since a member acknowledged it; how and when is remembered for the latest messages alone"
}

// A foundLetter is a dead letter with its number.
type foundLetter struct {
	deadLetter
	at uint64
}

// letter looks for the dead letter of the message, if whoever asks may read it. The search is
// bounded.
func (t *traced) letter(ctx context.Context, stream string) (found foundLetter, ok bool) {
	if t.isDeadLetterStream(t.q.Stream) || decide(t.asks, auth.Subscribe, stream) != nil {
		return found, false
	}
	letters := t.Catalog.Lookup(streamID(t.asks, stream))
	if letters == nil {
		return found, false
	}
	topic, ok := letters.Existing()
	if !ok {
		return found, false
	}
	since := t.CreatedAt
	if t.message != nil {
		since = t.message.Time
	}
	at, err := topic.Locate(ctx, streams.Since(since))
	for left := explainedLetters; err == nil && left > 0; {
		var run []*streams.Message
		if run, err = topic.Read(ctx, at, left, pageBytes); len(run) == 0 {
			break
		}
		for _, m := range run {
			found = foundLetter{at: m.Seq}
			if json.Unmarshal(m.Payload, &found.deadLetter) == nil && found.Stream == t.q.Stream && found.Seq == t.q.Seq && found.Client == t.q.Client && found.Group == t.name.Group {
				return found, true
			}
		}
		at, left = at+uint64(len(run)), left-len(run)
	}
	return found, false
}
