package gateway

import (
	"cmp"
	"context"

	"seagate/auth"
	"seagate/catalog"
	"seagate/protocol"
	"seagate/schema"
	"seagate/streams"
)

// Define makes or replaces a stream's schema, durably. The outcome's
// definition is the one in force afterwards.
func (g *Gateway) Define(ctx context.Context, p *auth.Principal, stream string, definition []byte) (outcome schema.Outcome, err error) {
	err = g.compiling(ctx, "define", p, definition, func() error {
		def, err := g.readDefinition(p, stream, definition)
		if err != nil {
			return err
		}
		outcome, err = g.define(ctx, p, definitionOf{g.Catalog, "stream", "stream defined", "define"}, streamID(p, stream), def)
		return err
	})
	return outcome, err
}

// definitions are the definitions of all streams, or of all services.
type definitions interface {
	Plan(streams.ID, *schema.Definition) (schema.Outcome, error)
	Define(context.Context, streams.ID, *schema.Definition) (schema.Outcome, error)
}

// definitionOf is what a definition is of.
type definitionOf struct {
	definitions
	what  string // stream or service
	done  string // in the log and the audit stream; written out, so that it can be searched for
	doing string // in errors
}

// define makes or replaces a definition, for a principal that may do so.
func (g *Gateway) define(ctx context.Context, p *auth.Principal, of definitionOf, id streams.ID, def *schema.Definition) (schema.Outcome, error) {
	// Clients define their streams whenever they start, which changes nothing most of the time.
	if planned, err := of.Plan(id, def); err == nil && planned.Change != schema.Unchanged {
		if err := g.spendChange(p); err != nil {
			return schema.Outcome{}, err
		}
	}
	var outcome schema.Outcome
	err := change(p, func() (err error) {
		outcome, err = of.Define(ctx, id, def)
		return err
	})
	if err != nil {
		return schema.Outcome{}, attempted(of.doing, err)
	}
	if outcome.Change != schema.Unchanged {
		version, changed := def.Version.String(), string(outcome.Change)
		g.Log.Info(of.done, "jail", p.JailID, "client", p.ClientID, "address", p.Address, of.what, id.Name, "version", version, "change", changed)
		g.noteChange(p, of.done, id.Name, auditDetail{after: map[string]string{"version": version, "change": changed}})
	}
	return outcome, nil
}

// PlanDefine says what Define would do, and changes nothing. It takes as much work as a change,
// and counts as one.
func (g *Gateway) PlanDefine(ctx context.Context, p *auth.Principal, stream string, definition []byte) (outcome schema.Outcome, err error) {
	err = g.compiling(ctx, "define", p, definition, func() error {
		def, err := g.readDefinition(p, stream, definition)
		if err == nil {
			err = g.spendChange(p)
		}
		if err != nil {
			return err
		}
		outcome, err = g.Catalog.Plan(streamID(p, stream), def)
		return attempted("define", err)
	})
	return outcome, err
}

func (g *Gateway) readDefinition(p *auth.Principal, stream string, definition []byte) (*schema.Definition, error) {
	if err := g.authorize(p, auth.Define, stream); err != nil {
		return nil, err
	}
	if err := cmp.Or(protocol.CheckStreamName(stream), checkWritable(stream)); err != nil {
		return nil, err
	}
	if g.Catalog.Lookup(streamID(p, stream)) == nil {
		if err := protocol.CheckVisible(stream); err != nil {
			return nil, err
		}
	}
	def, err := schema.ParseDefinition(definition, stream, g.settings.Schema)
	return def, g.definitionRefusal(err)
}

// definitionRefusal returns the refusal of a definition that cannot be read, nil for nil.
func (g *Gateway) definitionRefusal(err error) error {
	if err == nil {
		return nil
	}
	refusal := g.Refusal(attempted("define", err))
	if refusal.Code == protocol.CodeInvalidPayload { // a number out of range
		refusal.Code = protocol.CodeInvalidDefinition
	}
	return refusal
}

// defined returns the stream for whoever may describe it.
func (g *Gateway) defined(p *auth.Principal, stream string) (*catalog.Stream, error) {
	if err := g.authorize(p, auth.Describe, stream); err != nil {
		return nil, err
	}
	if err := checkReadable(p, stream); err != nil {
		return nil, err
	}
	s := g.Catalog.Lookup(streamID(p, stream))
	if s.Schema() == nil {
		return nil, streamNotFound(stream)
	}
	return s, nil
}

// Describe returns the definition in force.
func (g *Gateway) Describe(p *auth.Principal, stream string) (*schema.Definition, error) {
	s, err := g.defined(p, stream)
	if err != nil {
		return nil, err
	}
	if current := s.Schema(); current != nil { // it may have been deleted meanwhile
		return current.Definition, nil
	}
	return nil, streamNotFound(stream)
}

// Versions returns all definitions that the stream has had, the lowest version
// first.
func (g *Gateway) Versions(p *auth.Principal, stream string) ([]*schema.Definition, error) {
	s, err := g.defined(p, stream)
	if err == nil {
		err = g.spendRead(p)
	}
	if err != nil {
		return nil, err
	}
	return s.History().Versions(), nil
}

// Version returns one of the definitions that the stream has had. The version
// is compared part by part: 1 finds "1.0.0".
func (g *Gateway) Version(p *auth.Principal, stream, version string) (*schema.Definition, error) {
	if err := g.authorize(p, auth.Describe, stream); err != nil {
		return nil, err
	}
	v, err := parseVersion(version)
	if err != nil {
		return nil, err
	}
	s, err := g.defined(p, stream)
	if err != nil {
		return nil, err
	}
	return versionOf(s.History(), stream, v)
}

func parseVersion(text string) (schema.Version, error) {
	v, err := schema.ParseVersionText(text)
	if err != nil {
		return v, protocol.Errorf(protocol.CodeInvalidRequest, "%q is not a version: %s", text, plain(err))
	}
	return v, nil
}

func versionOf(h *schema.History, stream string, v schema.Version) (*schema.Definition, error) {
	if def := h.Version(v); def != nil {
		return def, nil
	}
	return nil, protocol.Errorf(protocol.CodeVersionNotFound, "the stream %q has no version %s", stream, v)
}

// A Comparison says how two definitions that a stream has had differ.
type Comparison struct {
	Old, New    *schema.Definition
	Differences []schema.Difference // from Old to New
}

// Compare compares two definitions that the stream has had, by the rules in force. If old is the
// higher version, the result says what going back would break.
func (g *Gateway) Compare(ctx context.Context, p *auth.Principal, stream, old, new string) (c Comparison, err error) {
	if err := g.look(p, auth.Describe, stream); err != nil {
		return c, err
	}
	var versions [2]schema.Version
	for i, text := range []string{old, new} {
		if versions[i], err = parseVersion(text); err != nil {
			return c, err
		}
	}
	s, err := g.defined(p, stream)
	if err != nil {
		return c, err
	}
	history := s.History()
	if c.Old, err = versionOf(history, stream, versions[0]); err != nil {
		return c, err
	}
	if c.New, err = versionOf(history, stream, versions[1]); err != nil {
		return c, err
	}
	err = g.computing(ctx, "compare", p, func() error {
		c.Differences = history.Compare(c.Old, c.New)
		return nil
	})
	return c, err
}

// VersionsVector returns the versions in force of the streams, in their order,
// nil where there is no such stream or the principal may not describe it.
func (g *Gateway) VersionsVector(p *auth.Principal, names []string) ([]*schema.Version, error) {
	if err := g.authorize(p, auth.ListStreams, ""); err != nil {
		return nil, err
	}
	vector := make([]*schema.Version, len(names))
	for i, name := range names {
		if p.May(auth.Describe, name) != nil || checkReadable(p, name) != nil {
			continue
		}
		if current := g.Catalog.Lookup(streamID(p, name)).Schema(); current != nil {
			vector[i] = &current.Definition.Version
		}
	}
	return vector, nil
}

func streamNotFound(stream string) error {
	return protocol.Errorf(protocol.CodeStreamNotFound, "there is no stream %q", stream)
}
