package gateway

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"seagate/auth"
	"seagate/auth/fdsl"
	"seagate/catalog"
	"seagate/internal/jsonpath"
	"seagate/internal/secret"
	"seagate/protocol"
	"seagate/schema"
	"seagate/storage"
	"seagate/streams"
)

// An ExplainQuery asks what happened to a message, or what would happen.
type ExplainQuery struct {
	Stream string
	Seq    uint64
	Epoch  string // in which Seq was read; "" if it does not matter

	Client   string      // the recipient; "" for the client that asks
	Token    secret.Text // of the recipient, which is its bearer then; zero for none
	Group    string      // "" or the group that the question is about
	HasGroup bool        // false: all groups of the recipient
}

// isOwn reports whether a client asks about itself, or the bearers of its tokens.
func (q *ExplainQuery) isOwn(p *auth.Principal) bool { return q.Client == "" || q.Client == p.ClientID }

// Explain says what happened to a message on its way to a recipient: each step with its verdict. A
// client may ask about itself. An administrator of the jail who may read the stream may ask about
// all of its clients. Explain changes nothing. It takes as much work as a change, and counts as
// one.
func (g *Gateway) Explain(ctx context.Context, p *auth.Principal, q ExplainQuery) (protocol.Explanation, error) {
	if err := g.mayExplain(p, &q); err != nil {
		return protocol.Explanation{}, err
	}
	e := newExplaining(g, p, q)
	may := e.recipient() && e.rights()
	if (may || !e.own) && e.stream() {
		if err := e.accepted(ctx); err != nil {
			return protocol.Explanation{}, err
		}
		if e.x.Seq < e.bounds.Next { // it was published
			e.keeping()
			err := g.computing(ctx, "explain", p, func() error {
				e.schema()
				e.filter()
				return nil
			})
			if err == nil {
				err = e.deliveries(ctx)
			}
			if err != nil {
				return protocol.Explanation{}, err
			}
		}
	}
	e.conclude()
	return e.x, p.InForce()
}

// mayExplain authorizes a question. The answer about others shows parts of messages.
func (g *Gateway) mayExplain(p *auth.Principal, q *ExplainQuery) error {
	if err := g.authorize(p, auth.Explain, ""); err != nil {
		return err
	}
	if !q.isOwn(p) {
		if err := g.authorize(p, auth.ExplainOthers, ""); err != nil {
			return err
		}
		if err := g.authorize(p, auth.Subscribe, q.Stream); err != nil {
			return err
		}
	}
	return g.spendChange(p)
}

// explaining is the state of an explanation while it is made.
type explaining struct {
	*Gateway
	asks *auth.Principal
	q    ExplainQuery
	own  bool // somebody asks about itself
	x    protocol.Explanation

	who  *auth.Principal // the recipient; nil if its credentials are not accepted
	tree *fdsl.Tree      // of its token; nil for none

	defined *catalog.Stream
	topic   *streams.Topic // nil if there is none
	bounds  storage.Bounds
	message *streams.Message // nil if it is not kept
	hidden  bool             // a step before delivery hides the message from the recipient
}

func newExplaining(g *Gateway, p *auth.Principal, q ExplainQuery) *explaining {
	e := &explaining{Gateway: g, asks: p, q: q, own: q.isOwn(p)}
	if e.q.Client == "" {
		e.q.Client = p.ClientID
	}
	e.x = protocol.Explanation{StreamName: q.Stream, Seq: q.Seq, ClientID: e.q.Client, Token: q.Token.IsSet()}
	if q.HasGroup {
		e.x.GroupID = groupText(q.Group)
	}
	return e
}

// groupText names a group as the paths of the HTTP API do.
func groupText(group string) string {
	if group == "" {
		return protocol.Ungrouped
	}
	return group
}

// say adds a step. A refusal of the recipient hides the message from it.
func (e *explaining) say(step string, v protocol.Verdict, code, format string, args ...any) *protocol.ExplainStep {
	e.x.Steps = append(e.x.Steps, protocol.ExplainStep{Step: step, Verdict: v, Code: code, Message: fmt.Sprintf(format, args...)})
	return &e.x.Steps[len(e.x.Steps)-1]
}

// refuse adds a step that says no, in the words of an error.
func (e *explaining) refuse(step string, err error) {
	refusal := e.Refusal(err)
	e.say(step, protocol.VerdictNo, string(refusal.Code), "%s", refusal.Message).Errors = refusal.Errors
	e.hidden = true
}

// recipient finds the principal that the recipient would have.
func (e *explaining) recipient() bool {
	if e.q.Token.IsSet() {
		return e.bearer()
	}
	who, err := e.asks, error(nil)
	if !e.own {
		who, err = e.Directory.Trusted(e.q.Client, e.asks.JailID)
	}
	if err == nil {
		e.who, err = who, who.InForce()
	}
	if err != nil {
		e.refuse(protocol.StepCredentials, err)
		return false
	}
	e.say(protocol.StepCredentials, protocol.VerdictYes, "credentials_in_force", "client %s is in jail %s", e.q.Client, e.asks.JailID)
	return true
}

func (e *explaining) bearer() bool {
	if _, err := e.Directory.Client(e.asks.JailUID, e.q.Client); err != nil {
		e.refuse(protocol.StepCredentials, err)
		return false
	}
	p, tree, refusal := e.Directory.ExplainToken(e.q.Client, e.q.Token.Reveal(), e.asks.JailID)
	switch {
	case refusal != nil && refusal.Reason == auth.ReasonTokenJail:
		e.say(protocol.StepCredentials, protocol.VerdictNo, "other_jail", "the token is for another jail than %s", e.asks.JailID)
		e.hidden = true
		return false
	case refusal != nil:
		step := e.say(protocol.StepCredentials, protocol.VerdictNo, "token_refused", "the token is refused: %s", refusal.Reason)
		if wrong := (*fdsl.Error)(nil); errors.As(refusal.Cause, &wrong) {
			for _, problem := range wrong.Problems {
				step.Errors = append(step.Errors, problem.String())
			}
		}
		e.hidden = true
		return false
	}
	e.who, e.tree = p, tree
	e.say(protocol.StepCredentials, protocol.VerdictYes, "credentials_in_force",
		"the token of client %s is valid until %s", e.q.Client, clockText(p.Expires)).At = p.Expires.UTC()
	return true
}

// rights asks whether the recipient may read the stream.
func (e *explaining) rights() bool {
	err := decide(e.who, auth.Subscribe, e.q.Stream)
	if err == nil {
		err = checkReadable(e.who, e.q.Stream)
	}
	if err == nil {
		err = e.checkLetters(e.who, e.q.Stream)
	}
	if err != nil {
		e.refuse(protocol.StepRights, err)
		return false
	}
	e.say(protocol.StepRights, protocol.VerdictYes, "may_subscribe", "%s", e.rightsText())
	return true
}

func (e *explaining) rightsText() string {
	text := fmt.Sprintf("client %s has all rights", e.q.Client)
	if rights := e.who.Rights(); rights != nil {
		text = fmt.Sprintf("client %s has the right subscribe for %s", e.q.Client, strings.Join(rights.Of(auth.RightSubscribe), ", "))
	}
	if e.who.Streams != nil {
		text += "; the streams claim of the token lists " + strings.Join(e.who.Streams, ", ")
	}
	return text
}

// stream finds the stream, and makes none.
func (e *explaining) stream() bool {
	e.defined = e.Catalog.Lookup(streamID(e.asks, e.q.Stream))
	e.bounds = storage.Bounds{First: 1, Next: 1}
	if e.defined != nil {
		e.topic, _ = e.defined.Existing()
	}
	if e.topic != nil {
		e.bounds = e.topic.Bounds()
	}
	version := e.defined.Schema()
	switch {
	case version != nil:
		e.say(protocol.StepStream, protocol.VerdictYes, "stream_defined", "%s is defined, in version %s", e.q.Stream, version.Definition.Version)
	case e.topic != nil:
		e.say(protocol.StepStream, protocol.VerdictYes, "stream_without_definition", "nobody has defined %s, and it has messages", e.q.Stream)
	default:
		e.refuse(protocol.StepStream, streamNotFound(e.q.Stream))
		return false
	}
	return true
}

// accepted reads the message.
func (e *explaining) accepted(ctx context.Context) error {
	if e.q.Epoch != "" && e.q.Epoch != e.bounds.Epoch {
		return attempted("explain", &streams.PositionError{Reason: "the position is of epoch " + e.q.Epoch, Bounds: e.bounds})
	}
	if e.q.Seq == 0 || e.q.Seq >= e.bounds.Next {
		e.say(protocol.StepAccepted, protocol.VerdictNo, "not_published", "the stream has no message %d; the next one will be %d", e.q.Seq, e.bounds.Next)
		e.hidden = true
		return nil
	}
	run, err := e.topic.Read(ctx, e.q.Seq, 1, 1)
	if err != nil && !errors.Is(err, storage.ErrTrimmed) {
		return attempted("read the message", err)
	}
	if len(run) == 0 {
		e.bounds = e.topic.Bounds()
		e.say(protocol.StepAccepted, protocol.VerdictYes, "message_accepted", "message %d was accepted once; when is not kept", e.q.Seq)
		return nil
	}
	e.message = run[0]
	e.say(protocol.StepAccepted, protocol.VerdictYes, "message_accepted", "accepted as message %d, with %d bytes, at %s",
		e.q.Seq, len(e.message.Payload), clockText(e.message.Time)).At = e.message.Time.UTC()
	return nil
}

// clockText is a time as people read it.
func clockText(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05.000 UTC") }

// keeping says whether retention has removed the message, and why.
func (e *explaining) keeping() {
	_, holds := e.topic.Policy()
	keep := holds.Retention
	detail := &protocol.ExplainedKeeping{
		FirstSeq: e.bounds.First, NextSeq: e.bounds.Next, Epoch: e.bounds.Epoch,
		AgeSeconds: int64(max(0, keep.Age) / time.Second), Bytes: max(0, keep.Bytes), Messages: keep.Messages,
	}
	if e.message != nil {
		text := "it is kept, without a limit of age"
		if keep.Age > 0 {
			text = "it is kept, by its age until " + clockText(e.message.Time.Add(keep.Age))
		}
		e.say(protocol.StepRetention, protocol.VerdictYes, "message_kept", "%s", text).Retention = detail
		return
	}
	trim, known := e.topic.Trimmed(e.q.Seq)
	text := fmt.Sprintf("retention has removed it; the oldest message that is kept is %d", e.bounds.First)
	if known {
		detail.RemovedBy = removedBy(trim)
		text = fmt.Sprintf("retention has removed it, at %s, since the stream had more than its limit of %s",
			clockText(trim.At), strings.Join(detail.RemovedBy, " and "))
	}
	step := e.say(protocol.StepRetention, protocol.VerdictNo, "message_removed", "%s", text)
	step.Retention, step.At = detail, trim.At
}

func removedBy(t streams.Trim) (by []string) {
	if t.Age {
		by = append(by, "age")
	}
	if t.Bytes {
		by = append(by, "bytes")
	}
	if t.Messages {
		by = append(by, "messages")
	}
	return by
}

// explainedVersions bounds the versions that a message is checked against. Each is compiled.
const explainedVersions = 5

// schema says under which version the message was accepted, and which versions would
// accept it now.
func (e *explaining) schema() {
	history := e.defined.History()
	detail := &protocol.ExplainedSchema{Versions: len(history.Versions()), Accepts: []string{}, Refuses: []string{}}
	if current := history.Current(); current != nil {
		detail.Current = current.Definition.Version.String()
	}
	var then *schema.Definition
	known := false
	if e.message != nil {
		then, known = history.InForce(e.message.Time)
		e.tryVersions(detail, history, then)
	}
	if then != nil {
		detail.InForce = then.Version.String()
	}
	v, code, text := protocol.VerdictYes, "", ""
	switch {
	case !known:
		v, code = protocol.VerdictUnknown, "schema_unknown"
		text = "the version that was in force then is not known" + acceptText(detail)
	case then == nil:
		code, text = "schema_none", "nobody had defined the stream then, so only its JSON was checked"+acceptText(detail)
	default:
		code, text = "schema_in_force", "version "+detail.InForce+" was in force then"+acceptText(detail)
	}
	e.say(protocol.StepSchema, v, code, "%s", text).Schema = detail
}

// tryVersions checks the message against the newest versions, and against then,
// under which it was accepted.
func (e *explaining) tryVersions(detail *protocol.ExplainedSchema, history *schema.History, then *schema.Definition) {
	versions := history.Versions()
	newest := max(0, len(versions)-explainedVersions)
	budget := e.budget(e.asks.JailUID)
	for i, def := range versions {
		if i < newest && def != then {
			continue
		}
		candidate, err := e.Catalog.Candidate(def)
		if err == nil {
			_, err = candidate.CheckWithin(&budget, e.message.Payload, e.settings.JSONDepth+1) // a dead letter is one level deeper
		}
		if errors.Is(err, schema.ErrTooCostly) {
			return
		}
		if err != nil {
			detail.Refuses = append(detail.Refuses, def.Version.String())
		} else {
			detail.Accepts = append(detail.Accepts, def.Version.String())
		}
	}
}

func acceptText(d *protocol.ExplainedSchema) (text string) {
	if len(d.Accepts) > 0 {
		text += "; accepted by version " + strings.Join(d.Accepts, ", ")
	}
	if len(d.Refuses) > 0 {
		text += "; refused by version " + strings.Join(d.Refuses, ", ")
	}
	return text
}

// filter evaluates the filter of the recipient.
func (e *explaining) filter() {
	switch {
	case e.who == nil:
	case e.who.Filter == nil:
		e.say(protocol.StepFilter, protocol.VerdictYes, "no_filter", "no filter: everything is visible")
	case e.message == nil:
		e.say(protocol.StepFilter, protocol.VerdictUnknown, "filter_unknown", "the message is gone, so the filter cannot be asked")
	default:
		e.evaluate(e.message.Payload)
	}
}

func (e *explaining) evaluate(payload []byte) {
	x, ok := explainFilter(e.Gateway, e.tree, e.who.Filter, payload, e.q.Stream)
	if !ok {
		e.say(protocol.StepFilter, protocol.VerdictNo, "filter_hides", "the message is not JSON, so no filter passes it")
		e.hidden = true
		return
	}
	v, code, text := filterVerdict(x)
	e.say(protocol.StepFilter, v, code, "%s", text).Filter = filterView(x)
	e.hidden = e.hidden || v == protocol.VerdictNo
}

// explainFilter asks the evaluator. tree is what the filter was compiled from, or nil.
func explainFilter(g *Gateway, tree *fdsl.Tree, filter *fdsl.Filter, payload []byte, stream string) (x fdsl.Explanation, ok bool) {
	var asked interface {
		Paths() iter.Seq[jsonpath.Path]
		Explain(doc any, streamName string, steps int) fdsl.Explanation
	} = filter
	if tree != nil {
		asked = tree
	}
	var document jsonpath.Document
	if !jsonpath.SetOf(asked.Paths()).Read(payload, &document) {
		return x, false
	}
	return asked.Explain(document.Value, stream, g.filters.steps), true
}

func filterVerdict(x fdsl.Explanation) (v protocol.Verdict, code, text string) {
	switch {
	case x.Passes:
		return protocol.VerdictYes, "filter_passes", "the filter passes the message"
	case x.TooCostly:
		return protocol.VerdictNo, "filter_too_costly", "the filter takes too many steps for the message, which hides it"
	case x.Root.Outcome == fdsl.Failed:
		return protocol.VerdictNo, "filter_hides", "the filter hides the message, since it asks for something that the message does not have"
	}
	return protocol.VerdictNo, "filter_hides", "the filter hides the message"
}

// conclude sets the verdict of all steps together.
func (e *explaining) conclude() {
	e.x.Verdict, e.x.Summary = conclusion(e.x.Steps, summaries)
}

// isDelivery reports whether a step says what a subscription or group did with the message.
// Earlier steps only say whether it could arrive.
func isDelivery(step string) bool {
	return step == protocol.StepSubscription || step == protocol.StepGroup || step == protocol.StepRecipients
}

// conclusion returns the verdict of all steps with the reason. The steps about deliveries count
// most: a message that was acknowledged was delivered, even if it was removed afterwards.
func conclusion(steps []protocol.ExplainStep, summaries map[protocol.Verdict]string) (protocol.Verdict, string) {
	for _, v := range []protocol.Verdict{protocol.VerdictYes, protocol.VerdictWaiting, protocol.VerdictUnknown} {
		for _, s := range steps {
			if isDelivery(s.Step) && s.Verdict == v && s.Code != "no_subscription" {
				return v, summaries[v] + s.Message
			}
		}
	}
	// The first that says no is the reason. That a group began later says nothing about the others.
	for _, s := range steps {
		if s.Verdict == protocol.VerdictNo && s.Code != groupBeganLater {
			return protocol.VerdictNo, summaries[protocol.VerdictNo] + s.Message
		}
	}
	decides := steps[len(steps)-1]
	if i := slices.IndexFunc(steps, func(s protocol.ExplainStep) bool { return isDelivery(s.Step) }); i >= 0 {
		decides = steps[i]
	}
	return decides.Verdict, summaries[decides.Verdict] + decides.Message
}

var summaries = map[protocol.Verdict]string{
	protocol.VerdictYes:     "delivered: ",
	protocol.VerdictNo:      "not delivered: ",
	protocol.VerdictWaiting: "not delivered yet: ",
	protocol.VerdictUnknown: "unknown: ",
}
