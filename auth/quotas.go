package auth

import (
	"context"
	"fmt"
	"math"

	"seagate/internal/quota"
	"seagate/storage"
)

// SetQuotas replaces the limits that are set for the jail alone, durably, and returns the jail.
// It fails with ErrJailNotFound.
func (d *Directory) SetQuotas(ctx context.Context, id string, own quota.Own) (Jail, error) {
	var j Jail
	err := d.change(ctx, func() error {
		found := d.jails[id]
		if found == nil {
			return ErrJailNotFound
		}
		record := found.record
		record.Quotas = nil
		for r, limit := range own {
			if record.Quotas == nil {
				record.Quotas = make(map[string]int64, len(own))
			}
			record.Quotas[r.String()] = limit
		}
		if _, err := d.put(ctx, jailTable, id, record, storage.Always()); err != nil {
			return err
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		found.record.Quotas = record.Quotas
		j = found.view()
		return nil
	})
	return j, err
}

// Jail returns the jail with the id, or ErrJailNotFound.
func (d *Directory) Jail(id string) (Jail, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if j := d.jails[id]; j != nil {
		return j.view(), nil
	}
	return Jail{}, ErrJailNotFound
}

// checkQuotas refuses resources that this release does not know: a newer one wrote them, and the
// next write would lose them.
func (r *jailRecord) checkQuotas() error {
	for name, limit := range r.Quotas {
		if _, known := quota.Parse(name); !known || limit < 0 {
			return fmt.Errorf("it has a quota %q of %d, which this release does not know", name, limit)
		}
	}
	return nil
}

func (r *jailRecord) quotas() quota.Own {
	own := make(quota.Own, len(r.Quotas))
	for name, limit := range r.Quotas {
		if resource, known := quota.Parse(name); known {
			own[resource] = limit
		}
	}
	return own
}

// maxClients returns how many clients the jail may have. Only a change calls it.
func (d *Directory) maxClients(j *jail) int {
	limit, set := j.record.Quotas[quota.Clients.String()]
	switch {
	case !set:
		return d.opts.MaxClientsPerJail
	case limit == 0:
		return math.MaxInt
	}
	return int(min(limit, math.MaxInt32))
}
