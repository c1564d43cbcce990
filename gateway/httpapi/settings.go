package httpapi

import (
	"math"
	"time"

	"seagate/gateway"
	"seagate/internal/days"
	"seagate/protocol"
	"seagate/streams"
)

// getSettings is GET /streams/{stream}/settings: {"set":{...},"effective":{...}}.
func (q *request) getSettings() (any, error) {
	policy, err := q.gateway.Policy(q.principal, q.stream())
	return policyView(policy), err
}

// setSettings is PUT /streams/{stream}/settings. A setting that is missing in
// the body, or null, is as the configuration has it for all streams.
func (q *request) setSettings() (any, error) {
	var set streams.Overrides
	if err := q.readForm(func(f *form) { set = f.overrides() }); err != nil {
		return nil, err
	}
	policy, err := q.gateway.SetPolicy(q.r.Context(), q.principal, q.stream(), set)
	return policyView(policy), err
}

func policyView(p gateway.StreamPolicy) protocol.AppliedSettings {
	return protocol.AppliedSettings{Set: settingsView(p.Set), Effective: settingsView(overridesOf(p.Holds))}
}

// overridesOf returns the overrides that set all of a policy.
func overridesOf(p streams.Policy) streams.Overrides {
	age, size := max(p.Retention.Age, 0), max(p.Retention.Bytes, 0)
	return streams.Overrides{Durability: &p.Durability, Age: &age, Bytes: &size, Messages: &p.Retention.Messages}
}

func settingsView(o streams.Overrides) protocol.StreamSettings {
	return protocol.StreamSettings{
		Durability: (*string)(o.Durability),
		Retention:  protocol.Retention{Age: o.Age, Bytes: o.Bytes, Messages: o.Messages},
	}
}

// overrides reads {"durability":...,"retention":{"age","bytes","messages"}}.
func (f *form) overrides() (set streams.Overrides) {
	f.only("durability", "retention")
	set.Durability = f.durability("durability")
	f.object("retention", func(f *form) {
		f.only("age", "bytes", "messages")
		set.Age = f.age("age")
		set.Bytes = f.count("bytes")
		if n := f.count("messages"); n != nil {
			messages := uint64(*n)
			set.Messages = &messages
		}
	})
	return set
}

// durability returns the member, or nil if it is missing or null.
func (f *form) durability(name string) *streams.Durability {
	value := f.members[name]
	if value == nil {
		return nil
	}
	text, _ := value.(string)
	d := streams.Durability(text)
	if d != streams.OnDisk && d != streams.InMemory {
		f.Addf(name, `must be %q, %q or null`, streams.OnDisk, streams.InMemory)
	}
	return &d
}

// age returns the member, a duration as text or a number of seconds, or nil if
// it is missing or null.
func (f *form) age(name string) *time.Duration {
	var age time.Duration
	ok := false
	switch value := f.members[name].(type) {
	case nil:
		return nil
	case string:
		var err error
		age, err = days.Parse(value)
		ok = err == nil
	case float64:
		ok = value >= 0 && value <= math.MaxInt64/float64(time.Second) && value == math.Trunc(value)
		age = time.Duration(value) * time.Second
	}
	if !ok || age < 0 || age%time.Second != 0 {
		f.Add(name, `must be whole seconds, as text such as "36h" or "7d", or as a number, 0 for no bound, or null`)
	}
	return &age
}
