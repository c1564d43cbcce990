package gateway

import (
	"context"
	"math"

	"seagate/auth"
	"seagate/internal/quota"
)

// JailQuotas is what a jail uses, what it may use, and which limits are set for
// it alone.
type JailQuotas struct {
	Used   map[quota.Resource]int64 // none for maxima
	Limits map[quota.Resource]int64 // 0: no bound
	Own    quota.Own
}

// exempt are the quotas whose defaults do not apply to the root jail, which belongs to the
// operator.
var exempt = []quota.Resource{
	quota.Disk, quota.Memory, quota.Definitions, quota.Records, quota.Groups, quota.MessageIDs,
	quota.RetentionAge, quota.RetentionBytes, quota.MessageBytes,
}

// ApplyQuotas puts the stored quotas of all jails into force. Those of a jail that is made later are in force from then
// on, except for the root jail, which the Directory makes alone.
func (g *Gateway) ApplyQuotas() {
	jails, _ := g.Directory.Jails("", math.MaxInt)
	for _, j := range jails {
		g.applyQuotasOf(j)
	}
}

func (g *Gateway) applyQuotasOf(j auth.Jail) {
	if j.ID == auth.RootJailID {
		g.Catalog.Quotas.Set(j.UID, j.Quotas, exempt...)
		return
	}
	g.Catalog.Quotas.Set(j.UID, j.Quotas)
}

// Quotas returns what a jail uses and may use. id names the jail; "" is the principal's own,
// which each of its clients may ask about.
func (g *Gateway) Quotas(p *auth.Principal, id string) (JailQuotas, error) {
	action := auth.ManageJails
	if id == "" || id == p.JailID {
		id, action = p.JailID, auth.ListStreams
	}
	if err := g.authorize(p, action, ""); err != nil {
		return JailQuotas{}, err
	}
	j, err := g.Directory.Jail(id)
	if err != nil {
		return JailQuotas{}, attempted("read the quotas", err)
	}
	return g.QuotasOf(j), nil
}

// QuotasOf is Quotas without authorization, for a jail that an authorized call
// has returned.
func (g *Gateway) QuotasOf(j auth.Jail) JailQuotas {
	q := JailQuotas{Used: map[quota.Resource]int64{}, Limits: map[quota.Resource]int64{}, Own: j.Quotas}
	account := g.Catalog.Quotas.Account(j.UID)
	for _, r := range quota.All() {
		q.Limits[r] = account.Limit(r)
		if !r.IsMaximum() {
			q.Used[r] = account.Used(r)
		}
	}
	q.Used[quota.Clients] = int64(j.Clients)
	return q
}

// SetQuotas replaces the limits that are set for the jail alone, durably; the defaults hold for
// the others. What the jail has beyond a lower limit stays.
func (g *Gateway) SetQuotas(ctx context.Context, p *auth.Principal, id string, own quota.Own) (JailQuotas, error) {
	if err := g.manage(p, auth.ManageJails, ""); err != nil {
		return JailQuotas{}, err
	}
	g.quotasMu.Lock() // so that the limits in force are those that are stored
	defer g.quotasMu.Unlock()
	last, _ := g.Directory.Jail(id) // zero if unknown
	j, err := g.Directory.By(p, auth.ManageJails).SetQuotas(ctx, id, own)
	if err != nil {
		return JailQuotas{}, attempted("set the quotas", err)
	}
	g.applyQuotasOf(j)
	g.audit(p, "quotas set", id, auditDetail{last.Quotas, j.Quotas})
	return g.QuotasOf(j), nil
}
