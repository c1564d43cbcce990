package gateway

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"seagate/auth"
	"seagate/internal/secret"
	"seagate/protocol"
)

// Clients returns at most limit clients of the principal's jail in the order of
// their ids, from the first id higher than after. more reports whether others
// follow.
func (g *Gateway) Clients(p *auth.Principal, after string, limit int) (list []auth.Client, more bool, err error) {
	if err := g.look(p, auth.ManageClients, ""); err != nil {
		return nil, false, err
	}
	list, more, err = g.Directory.Clients(p.JailUID, after, limit)
	return list, more, attempted("list the clients", err)
}

// CreateClient makes a client of the principal's jail, durably, with the rights,
// nil for all. The secret is not kept and cannot be shown again.
func (g *Gateway) CreateClient(ctx context.Context, p *auth.Principal, id, description string, rights *auth.Rights) (auth.Client, secret.Text, error) {
	if err := g.manage(p, auth.ManageClients, ""); err != nil {
		return auth.Client{}, secret.Text{}, err
	}
	if err := cmp.Or(protocol.CheckClientID(id), protocol.CheckVisible(id)); err != nil {
		return auth.Client{}, secret.Text{}, err
	}
	client, made, err := g.Directory.By(p, auth.ManageClients).CreateClient(ctx, p.JailUID, id, description, rights)
	if err != nil {
		return auth.Client{}, secret.Text{}, attempted("create the client", err)
	}
	g.audit(p, "client created", id, auditDetail{after: map[string]string{"description": description}})
	return client, made, nil
}

// DeleteClient deletes a client of the principal's jail with its groups,
// durably, and ends its connections.
func (g *Gateway) DeleteClient(ctx context.Context, p *auth.Principal, id string) error {
	if err := g.manage(p, auth.ManageClients, ""); err != nil {
		return err
	}
	client, err := g.Directory.By(p, auth.ManageClients).DeleteClient(ctx, p.JailUID, id)
	if err != nil {
		return attempted("delete the client", err)
	}
	g.audit(p, "client deleted", id)
	g.deleteGroups(p.JailUID, client.UID, id)
	return nil
}

// deleteGroups deletes the groups of a client that was deleted. If an error leaves some,
// the next start deletes them.
func (g *Gateway) deleteGroups(jailUID, clientUID, clientID string) {
	if err := g.Catalog.Groups.DeleteClient(jailUID, clientUID); err != nil {
		g.Log.Warn("the groups of a deleted client are left", "subject", clientID, "error", err)
	}
}

// RotateSecret gives a client of the principal's jail a new secret, durably. The old
// secret, and the connections that rely on it, end after the time keep.
func (g *Gateway) RotateSecret(ctx context.Context, p *auth.Principal, id string, keep time.Duration) (auth.Client, secret.Text, error) {
	if err := g.manage(p, auth.ManageClients, ""); err != nil {
		return auth.Client{}, secret.Text{}, err
	}
	client, made, err := g.Directory.By(p, auth.ManageClients).RotateSecretKeeping(ctx, p.JailUID, id, keep)
	if err != nil {
		return auth.Client{}, secret.Text{}, attempted("rotate the secret", err)
	}
	g.audit(p, "secret rotated", id)
	return client, made, nil
}

// SetRights replaces the rights of a client of the principal's jail, nil for all,
// durably. If it may do less than before, its connections end.
func (g *Gateway) SetRights(ctx context.Context, p *auth.Principal, id string, rights *auth.Rights) (auth.Client, error) {
	if err := g.manage(p, auth.ManageClients, ""); err != nil {
		return auth.Client{}, err
	}
	last, _ := g.Directory.Client(p.JailUID, id) // zero if unknown
	client, err := g.Directory.By(p, auth.ManageClients).SetRights(ctx, p.JailUID, id, rights)
	if err != nil {
		return auth.Client{}, attempted("set the rights", err)
	}
	g.audit(p, "rights set", id, auditDetail{map[string]string{"rights": last.Rights.String()}, map[string]string{"rights": rights.String()}})
	return client, nil
}

// SetPublicKey makes the key the only one that a client's tokens are verified with, or
// clears its keys if pem is empty, durably, and ends the connections that rely on the
// others.
func (g *Gateway) SetPublicKey(ctx context.Context, p *auth.Principal, id, pem string) (auth.Client, error) {
	if err := g.manage(p, auth.ManageClients, ""); err != nil {
		return auth.Client{}, err
	}
	client, err := g.Directory.By(p, auth.ManageClients).SetPublicKey(ctx, p.JailUID, id, pem)
	if err != nil {
		return auth.Client{}, attempted("set the public key", err)
	}
	what := "public key set"
	if pem == "" {
		what = "public key cleared"
	}
	g.audit(p, what, id, auditDetail{after: map[string]string{"sha256": fingerprint(pem)}})
	return client, nil
}

// keyDisplaced notes that a client has lost a key.
func (g *Gateway) keyDisplaced(lost auth.Displacement) {
	const what = "public key displaced"
	g.Log.Warn(what, "jail", lost.JailID, "subject", lost.ClientID, "key", lost.KeyID,
		"advice", "a client of this id in another jail has proven that the private half of the key is its own")
	subject := lost.JailID + "/" + lost.ClientID
	before := auditDetail{before: map[string]string{"id": lost.KeyID, "sha256": fingerprint(lost.PEM)}}
	if lost.By == nil {
		g.noteOwn(what, subject, before)
		return
	}
	g.noteChange(lost.By, what, subject, before)
}

// fingerprint returns a short text that differs between keys, or "" for no key.
func fingerprint(pem string) string {
	if pem == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(pem))
	return hex.EncodeToString(sum[:])
}

// Jails returns at most limit jails in the order of their ids, from the first id
// higher than after. more reports whether others follow.
func (g *Gateway) Jails(p *auth.Principal, after string, limit int) (list []auth.Jail, more bool, err error) {
	if err := g.look(p, auth.ManageJails, ""); err != nil {
		return nil, false, err
	}
	list, more = g.Directory.Jails(after, limit)
	return list, more, nil
}

// CreateJail makes a jail and its first client, durably. The secret is not
// kept and cannot be shown again.
func (g *Gateway) CreateJail(ctx context.Context, p *auth.Principal, id, name, client string) (auth.Jail, secret.Text, error) {
	if err := g.manage(p, auth.ManageJails, ""); err != nil {
		return auth.Jail{}, secret.Text{}, err
	}
	for _, err := range []error{protocol.CheckJailID(id), protocol.CheckClientID(client), protocol.CheckVisible(id), protocol.CheckVisible(client)} {
		if err != nil {
			return auth.Jail{}, secret.Text{}, err
		}
	}
	jail, made, err := g.Directory.By(p, auth.ManageJails).CreateJail(ctx, id, name, client)
	if err != nil {
		return auth.Jail{}, secret.Text{}, attempted("create the jail", err)
	}
	g.audit(p, "jail created", id, auditDetail{after: map[string]string{"name": name, "clientId": client}})
	return jail, made, nil
}

// DeleteJail deletes a jail with its clients and streams, durably, and ends
// all its connections. The root jail stays.
func (g *Gateway) DeleteJail(ctx context.Context, p *auth.Principal, id string) error {
	if err := g.manage(p, auth.ManageJails, ""); err != nil {
		return err
	}
	jail, err := g.Directory.By(p, auth.ManageJails).DeleteJail(ctx, id)
	if err != nil {
		return attempted("delete the jail", err)
	}
	g.audit(p, "jail deleted", id, auditDetail{before: map[string]string{"name": jail.Name}})
	g.auditor.forget(jail.UID)
	defer g.Catalog.Quotas.Remove(jail.UID)
	// The jail is gone, so nobody sees its streams. If an error leaves some, the
	// next start removes them.
	if err := g.Catalog.DeleteJail(ctx, jail.UID); err != nil {
		g.Log.Error("a deleted jail's streams were not all removed", "jail", id, "error", err)
	}
	return nil
}
