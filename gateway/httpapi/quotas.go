package httpapi

import (
	"seagate/gateway"
	"seagate/internal/quota"
	"seagate/protocol"
)

// getQuotas is GET /jails/{jail}/quotas, and GET /quotas for the client's own jail.
func (q *request) getQuotas() (any, error) {
	quotas, err := q.gateway.Quotas(q.principal, q.jail())
	return quotasView(quotas), err
}

// setQuotas is PUT /jails/{jail}/quotas. For a resource that is missing in the body, or null, the
// default holds.
func (q *request) setQuotas() (any, error) {
	own := quota.Own{}
	if err := q.readForm(func(f *form) { own = f.quotas() }); err != nil {
		return nil, err
	}
	quotas, err := q.gateway.SetQuotas(q.r.Context(), q.principal, q.jail(), own)
	return quotasView(quotas), err
}

func (f *form) quotas() quota.Own {
	own, names := quota.Own{}, []string{}
	for _, r := range quota.All() {
		names = append(names, r.String())
		if n := f.count(r.String()); n != nil {
			own[r] = *n
		}
	}
	f.only(names...)
	return own
}

func quotasView(q gateway.JailQuotas) protocol.Quotas {
	named := func(m map[quota.Resource]int64) protocol.Amounts {
		by := make(protocol.Amounts, len(m))
		for r, n := range m {
			by[r.String()] = n
		}
		return by
	}
	return protocol.Quotas{Used: named(q.Used), Limits: named(q.Limits), Set: named(q.Own)}
}
