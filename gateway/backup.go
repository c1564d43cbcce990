package gateway

import (
	"context"

	"seagate/auth"
)

// Backup makes a consistent copy of everything in a new folder, which the
// caller removes.
func (g *Gateway) Backup(ctx context.Context, p *auth.Principal, dir string) error {
	if err := g.authorize(p, auth.BackUp, ""); err != nil {
		return err
	}
	if err := g.Checkpoint(ctx, dir); err != nil {
		return attempted("make a copy of the data", err)
	}
	g.audit(p, "backup made", "")
	return nil
}
