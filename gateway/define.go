package gateway

import (
	"context"

	"seagate/auth"
	"seagate/protocol"
	"seagate/schema"
)

// Define makes or replaces a stream's schema, durably. The outcome's
// definition is the one in force afterwards.
func (g *Gateway) Define(ctx context.Context, p *auth.Principal, stream string, definition []byte) (schema.Outcome, error) {
	def, err := g.readDefinition(p, stream, definition)
	if err != nil {
		return schema.Outcome{}, err
	}
	outcome, err := g.Schemas.Define(ctx, p.JailUID, stream, def)
	if err != nil {
		return schema.Outcome{}, attempted("define", err)
	}
	if outcome.Change != schema.Unchanged {
		g.Log.Info("stream defined", "jail", p.JailID, "client", p.ClientID, "stream", stream,
			"version", def.Version.String(), "change", string(outcome.Change))
	}
	return outcome, nil
}

// PlanDefine says what Define would do, and changes nothing.
func (g *Gateway) PlanDefine(p *auth.Principal, stream string, definition []byte) (schema.Outcome, error) {
	def, err := g.readDefinition(p, stream, definition)
	if err != nil {
		return schema.Outcome{}, err
	}
	outcome, err := g.Schemas.Plan(p.JailUID, stream, def)
	return outcome, attempted("define", err)
}

func (g *Gateway) readDefinition(p *auth.Principal, stream string, definition []byte) (*schema.Definition, error) {
	if err := g.authorize(p, auth.Define); err != nil {
		return nil, err
	}
	if err := protocol.CheckStreamName(stream); err != nil {
		return nil, err
	}
	def, err := schema.ParseDefinition(definition, stream, g.settings.Schema)
	if err != nil {
		refusal := g.Refusal(attempted("define", err))
		if refusal.Code == protocol.CodeInvalidPayload { // a number out of range
			refusal.Code = protocol.CodeInvalidDefinition
		}
		return nil, refusal
	}
	return def, nil
}

// Describe returns the definition in force.
func (g *Gateway) Describe(p *auth.Principal, stream string) (*schema.Definition, error) {
	if err := g.authorize(p, auth.Describe); err != nil {
		return nil, err
	}
	current, ok := g.Schemas.Current(p.JailUID, stream)
	if !ok {
		return nil, streamNotFound(stream)
	}
	return current.Definition, nil
}

// Versions returns all definitions that the stream has had, oldest first.
func (g *Gateway) Versions(p *auth.Principal, stream string) ([]*schema.Definition, error) {
	if err := g.authorize(p, auth.Describe); err != nil {
		return nil, err
	}
	versions, err := g.Schemas.Versions(p.JailUID, stream)
	return versions, attempted("list versions", err)
}

// Version returns one of the definitions that the stream has had. The version
// is compared part by part: 1 finds "1.0.0".
func (g *Gateway) Version(p *auth.Principal, stream, version string) (*schema.Definition, error) {
	if err := g.authorize(p, auth.Describe); err != nil {
		return nil, err
	}
	v, err := schema.ParseVersionText(version)
	if err != nil {
		return nil, protocol.Errorf(protocol.CodeInvalidRequest, "%q is not a version: %s", version, plain(err))
	}
	if _, ok := g.Schemas.Current(p.JailUID, stream); !ok {
		return nil, streamNotFound(stream)
	}
	def, err := g.Schemas.Version(p.JailUID, stream, v)
	if err != nil {
		return nil, protocol.Errorf(protocol.CodeVersionNotFound, "the stream %q has no version %s", stream, version)
	}
	return def, nil
}

// VersionsVector returns the versions in force of the streams, in their order,
// nil where there is no such stream.
func (g *Gateway) VersionsVector(p *auth.Principal, names []string) ([]*schema.Version, error) {
	if err := g.authorize(p, auth.Describe); err != nil {
		return nil, err
	}
	vector := make([]*schema.Version, len(names))
	for i, name := range names {
		if current, ok := g.Schemas.Current(p.JailUID, name); ok {
			vector[i] = &current.Definition.Version
		}
	}
	return vector, nil
}

func streamNotFound(stream string) error {
	return protocol.Errorf(protocol.CodeStreamNotFound, "there is no stream %q", stream)
}
