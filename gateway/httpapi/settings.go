package httpapi

import (
	"math"
	"time"

	"seagate/gateway"
	"seagate/protocol"
	"seagate/streams"
)

// settings is GET /streams/{stream}/settings: {"set":{...},"effective":{...}}.
func (q *request) settings(stream string) ([]byte, error) {
	policy, err := q.gateway.Policy(q.principal, stream)
	if err != nil {
		return nil, err
	}
	return q.showSettings(policy)
}

// setSettings is PUT /streams/{stream}/settings. What the body leaves out, or
// has as null, is as it is for all streams.
func (q *request) setSettings(stream string) ([]byte, error) {
	form, err := q.form()
	if err != nil {
		return nil, err
	}
	set := form.overrides()
	if err := form.err(); err != nil {
		return nil, err
	}
	policy, err := q.gateway.SetPolicy(q.r.Context(), q.principal, stream, set)
	if err != nil {
		return nil, err
	}
	return q.showSettings(policy)
}

func (q *request) showSettings(p gateway.StreamPolicy) ([]byte, error) {
	return q.encode(protocol.AppliedSettings{Set: settingsView(p.Set), Effective: settingsView(overridesOf(p.Holds))})
}

// overridesOf returns the overrides that say all of a policy.
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
func (f *form) overrides() streams.Overrides {
	f.only("durability", "retention")
	set := streams.Overrides{Durability: f.durability("durability")}
	retention := f.object("retention")
	retention.only("age", "bytes", "messages")
	set.Age = retention.age("age")
	set.Bytes = retention.count("bytes")
	if n := retention.count("messages"); n != nil {
		messages := uint64(*n)
		set.Messages = &messages
	}
	f.within("retention", retention)
	return set
}

// durability returns the member, nil if it is not there or null.
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
// it is not there or null.
func (f *form) age(name string) *time.Duration {
	var age time.Duration
	ok := false
	switch value := f.members[name].(type) {
	case nil:
		return nil
	case string:
		var err error
		age, err = time.ParseDuration(value)
		ok = err == nil
	case float64:
		ok = value >= 0 && value <= math.MaxInt64/float64(time.Second) && value == math.Trunc(value)
		age = time.Duration(value) * time.Second
	}
	if !ok || age < 0 || age%time.Second != 0 {
		f.Add(name, `must be whole seconds, as text such as "168h" or as a number, 0 for no bound, or null`)
	}
	return &age
}
