package gateway

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/time/rate"

	"seagate/auth"
	"seagate/internal/turns"
	"seagate/protocol"
	"seagate/schema"
	"seagate/streams"
)

// AuditPolicy is how the gateway notes what administrators do.
type AuditPolicy struct {
	Enabled   bool
	Age       time.Duration // of the entries that are kept; 0 is no bound
	Bytes     int64         // of the entries that are kept; 0 is no bound
	PerMinute int           // entries of one jail, other than the changes of the root jail
}

// auditDefinition is the schema of the audit stream. Later releases may add fields.
const auditDefinition = `{"version":1,"unknownFields":"accept","fields":[
	{"name":"time","type":"string"},
	{"name":"action","type":"string"},
	{"name":"result","type":"string"},
	{"name":"by","type":"string"}
]}`

// An auditor appends to the audit stream.
type auditor struct {
	gateway *Gateway
	policy  AuditPolicy

	topic   atomic.Pointer[streams.Topic] // nil until it is open
	opening turns.Turns                   // held to open it, which waits for the store

	mu    sync.Mutex              // guards what follows
	jails map[string]*auditBudget // by uid
}

// An auditBudget bounds the entries of one jail, so that nobody can push those of others out
// of the stream. Refusals have a smaller bound, since causing them costs a client nothing.
type auditBudget struct {
	changes, refusals *rate.Limiter
	suppressed        int
}

// auditBurst is the number of minutes for which a jail may save up entries that
// it did not use.
const auditBurst = 10

func newAuditor(g *Gateway, policy AuditPolicy) *auditor {
	return &auditor{gateway: g, policy: policy, jails: map[string]*auditBudget{}}
}

// admit reports whether an entry may be written, and how many were left out since the last
// one.
func (a *auditor) admit(p *auth.Principal, refusal bool) (suppressed int, ok bool) {
	if p.Root && !refusal {
		return 0, true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.jails[p.JailUID]
	if b == nil {
		limiter := func(perMinute int) *rate.Limiter {
			return rate.NewLimiter(rate.Limit(perMinute)/60, perMinute*auditBurst)
		}
		b = &auditBudget{changes: limiter(a.policy.PerMinute), refusals: limiter(max(1, a.policy.PerMinute/auditBurst))}
		a.jails[p.JailUID] = b
	}
	limiter := b.changes
	if refusal {
		limiter = b.refusals
	}
	if !limiter.Allow() {
		b.suppressed++
		return 0, false
	}
	suppressed, b.suppressed = b.suppressed, 0
	return suppressed, true
}

// forget drops the budget of a deleted jail.
func (a *auditor) forget(jailUID string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.jails, jailUID)
}

// open returns the topic of the audit stream with the retention of the policy. It makes the
// stream if it does not exist. It fails before there is a root jail.
func (a *auditor) open(ctx context.Context) (*streams.Topic, error) {
	if topic := a.topic.Load(); topic != nil {
		return topic, nil
	}
	if err := a.opening.Take(ctx, ""); err != nil {
		return nil, err
	}
	defer a.opening.Give()
	if topic := a.topic.Load(); topic != nil {
		return topic, nil
	}
	root := a.gateway.Directory.JailUID(auth.RootJailID)
	if root == "" {
		return nil, errNoRoot
	}
	topic, err := a.gateway.openAuditTopic(ctx, streams.ID{Space: root, Name: protocol.AuditStream}, a.policy)
	if err == nil {
		a.topic.Store(topic)
	}
	return topic, err
}

var errNoRoot = errors.New("there is no root jail")

func (g *Gateway) openAuditTopic(ctx context.Context, id streams.ID, policy AuditPolicy) (*streams.Topic, error) {
	if g.Catalog.Lookup(id).Schema() == nil {
		def, err := schema.ParseDefinition([]byte(auditDefinition), id.Name, schema.DefaultLimits())
		if err != nil {
			return nil, err
		}
		if _, err := g.Catalog.Define(ctx, id, def); err != nil {
			return nil, err
		}
	}
	topic, err := g.open(id, g.Catalog.Lookup(id))
	if err != nil {
		return nil, err
	}
	durability, messages := streams.OnDisk, uint64(0)
	want := streams.Overrides{Durability: &durability, Age: &policy.Age, Bytes: &policy.Bytes, Messages: &messages}
	if set, _ := topic.Policy(); !equalOverrides(set, want) {
		return topic, topic.SetOverrides(ctx, want)
	}
	return topic, nil
}

func equalOverrides(a, b streams.Overrides) bool {
	return equalTo(a.Durability, b.Durability) && equalTo(a.Age, b.Age) && equalTo(a.Bytes, b.Bytes) && equalTo(a.Messages, b.Messages)
}

func equalTo[T comparable](a, b *T) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }

// auditTimeout bounds how long a completed change waits until its entry is
// durable.
const auditTimeout = 10 * time.Second

// write appends an entry, and returns once it is durable. If it cannot be written, the change
// stands: an entry must not keep an operator of a full disk from deleting.
func (a *auditor) write(e protocol.AuditEntry) {
	ctx, cancel := context.WithTimeout(context.Background(), auditTimeout)
	defer cancel()
	err := a.append(ctx, e)
	if err == nil || errors.Is(err, errNoRoot) {
		return
	}
	a.gateway.Metrics.AuditLost.Inc()
	a.gateway.Log.Error("an entry of the audit stream could not be written; the change stands", "action", e.Action,
		"jail", e.JailID, "client", e.ClientID, "subject", e.Subject, "error", err)
}

func (a *auditor) append(ctx context.Context, e protocol.AuditEntry) error {
	topic, err := a.open(ctx)
	if err != nil {
		return err
	}
	if e.Time == "" {
		e.Time = string(protocol.AppendTime(nil, time.Now()))
	}
	payload, err := json.Marshal(e)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	topic.Send([][]byte{payload}, func(_ streams.Sent, err error) { done <- err })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// An auditDetail is the value before a change and the value after it, as the entry shows
// them.
type auditDetail struct{ before, after any }

// audit logs a change that p made, and notes it in the audit stream durably.
func (g *Gateway) audit(p *auth.Principal, what, subject string, more ...auditDetail) {
	g.logChange(p, what, subject)
	g.noteChange(p, what, subject, more...)
}

// noteChange is audit for a change that has a log line of its own.
func (g *Gateway) noteChange(p *auth.Principal, what, subject string, more ...auditDetail) {
	if !g.settings.Audit.Enabled {
		return
	}
	suppressed, ok := g.auditor.admit(p, false)
	if !ok {
		g.Metrics.AuditSuppressed.Inc()
		return
	}
	e := entryOf(p, what, subject)
	e.Result, e.Suppressed = protocol.AuditOK, suppressed
	for _, c := range more {
		e.Before, e.After = told(c.before), told(c.after)
	}
	g.auditor.write(e)
}

// noteOwn is noteChange for what the gateway does by itself.
func (g *Gateway) noteOwn(what, subject string, c auditDetail) {
	if g.settings.Audit.Enabled {
		g.auditor.write(protocol.AuditEntry{
			Action: what, Result: protocol.AuditOK, By: "gateway", Subject: subject, Before: told(c.before), After: told(c.after),
		})
	}
}

func (g *Gateway) logChange(p *auth.Principal, what, subject string) {
	g.Log.Info(what, "jail", p.JailID, "client", p.ClientID, "address", p.Address, "subject", subject)
}

// auditRefusal notes in the audit stream that p may not do something.
func (g *Gateway) auditRefusal(p *auth.Principal, action auth.Action, name string, refusal error) {
	if !g.settings.Audit.Enabled || !action.Administers() {
		return
	}
	suppressed, ok := g.auditor.admit(p, true)
	if !ok {
		g.Metrics.AuditSuppressed.Inc()
		return
	}
	e := entryOf(p, action.String(), name)
	e.Result, e.Message, e.Suppressed = string(protocol.CodeForbidden), refusal.Error(), suppressed
	g.auditor.write(e)
}

// AuditStart notes the start of the gateway in the audit stream, with the epoch of the
// stream. A new epoch shows that a backup was restored, or that the folder has lost data.
func (g *Gateway) AuditStart(version string) {
	if !g.settings.Audit.Enabled {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), auditTimeout)
	defer cancel()
	e := protocol.AuditEntry{Action: "gateway started", Result: protocol.AuditOK, By: "gateway", Subject: version}
	if topic, err := g.auditor.open(ctx); err == nil {
		e.After = told(map[string]string{"epoch": topic.Bounds().Epoch})
	}
	g.auditor.write(e)
}

// AuditEarlier writes entries from before the start into the audit stream, and logs them. It
// returns an error if one of them could not be written.
func (g *Gateway) AuditEarlier(entries []protocol.AuditEntry) error {
	for _, e := range entries {
		g.Log.Info("noted before the start", "action", e.Action, "subject", e.Subject, "at", e.Time)
		if !g.settings.Audit.Enabled {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), auditTimeout)
		err := g.auditor.append(ctx, e)
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

// AuditSettings notes in the audit stream that the gateway has read its configuration again.
// changed are the keys whose values have changed.
func (g *Gateway) AuditSettings(changed []string) {
	g.noteOwn("configuration read", "", auditDetail{after: changed})
}

func entryOf(p *auth.Principal, what, subject string) protocol.AuditEntry {
	e := protocol.AuditEntry{Action: what, JailID: p.JailID, ClientID: p.ClientID, By: "secret", Subject: subject}
	if p.Method == auth.MethodToken {
		e.By = "token"
	}
	if p.Address.IsValid() {
		e.Address = p.Address.String()
	}
	return e
}

// told returns a value as JSON, nil for nil.
func told(v any) jsontext.Value {
	if v == nil {
		return nil
	}
	text, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return nil
	}
	return text
}

// checkReadable refuses the audit stream to everybody but administrators of the root jail.
func checkReadable(p *auth.Principal, stream string) error {
	if stream != protocol.AuditStream || p.May(auth.ManageJails, "") == nil {
		return nil
	}
	return protocol.Errorf(protocol.CodeForbidden, "only administrators of the root jail may read %s", stream)
}

// checkWritable refuses the audit stream, which only the gateway changes.
func checkWritable(stream string) error {
	if stream != protocol.AuditStream {
		return nil
	}
	return protocol.Errorf(protocol.CodeForbidden, "%s is the gateway's own: nobody else may change it; its retention is a setting (audit.retention_age)", stream)
}
