package gateway

import (
	"context"

	"seagate/auth"
	"seagate/protocol"
)

// Backup makes a consistent copy of everything in a new folder, which the
// caller removes.
func (g *Gateway) Backup(ctx context.Context, p *auth.Principal, dir string) *protocol.Error {
	if e := g.authorize(p, auth.BackUp); e != nil {
		return e
	}
	if err := g.Checkpoint(ctx, dir); err != nil {
		return g.refusal("make a copy of the data", err)
	}
	g.audit(p, "backup made", "")
	return nil
}
