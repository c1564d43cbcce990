// Package quota counts what each jail uses, and refuses what would exceed its quotas.
//
// A Book has an Account for each jail. Whoever keeps something for a jail charges its account
// before it is kept (Reserve), and takes the charge back when it is gone (Add). So nothing that
// was accepted is ever dropped to make room. Charging takes no lock and allocates nothing.
//
// Use is not stored. The parts count it again from what is stored when they start.
//
// A nil Book and a nil Account count nothing and refuse nothing.
package quota

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// A Resource is something that a jail has a quota of, or a maximum that the operator sets for what
// the jail may choose.
type Resource uint8

// The resources. Disk, Memory, Definitions, Records, RetentionBytes and MessageBytes are in bytes,
// RetentionAge is in seconds, and the others are numbers of things.
const (
	Disk        Resource = iota // messages, headers, definitions and Records that are stored
	Memory                      // messages of streams in memory, headers, definitions and Records
	Streams                     // that are defined
	Definitions                 // all versions that streams and services have had
	Records                     // what is stored of groups and clients: see Record
	Groups                      // with and without members
	Clients
	MessageIDs // that are remembered

	RetentionAge   // the longest that a stream may keep messages
	RetentionBytes // the most that a stream may keep
	MessageBytes   // of one message

	count
)

var names = [count]string{"disk", "memory", "streams", "definitions", "records", "groups", "clients", "messageIds",
	"retentionAge", "retentionBytes", "messageBytes"}

// All returns all resources in the order in which they are shown.
func All() []Resource {
	all := make([]Resource, count)
	for i := range all {
		all[i] = Resource(i)
	}
	return all
}

// Parse returns the resource with the name.
func Parse(name string) (r Resource, ok bool) {
	for i, known := range names {
		if name == known {
			return Resource(i), true
		}
	}
	return 0, false
}

// String returns the name of the resource in JSON, in flags and in metrics.
func (r Resource) String() string { return names[r] }

// MarshalText implements encoding.TextMarshaler: limits are written by name.
func (r Resource) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// IsMaximum reports whether the resource is a maximum for what a jail may choose. Nothing of it is
// used up.
func (r Resource) IsMaximum() bool { return r >= RetentionAge }

// Limits say how much of each resource a jail may have. 0 is no bound.
type Limits [count]int64

// Own are the limits that are set for one jail. For a resource that is not in it, the defaults
// hold. Own is not changed once it is in use.
type Own map[Resource]int64

// ErrExceeded reports that a jail would use more than its quota. Errors that wrap it are
// *Exceeded.
var ErrExceeded = errors.New("the jail's quota is exceeded")

// Exceeded says which quota would be exceeded.
type Exceeded struct {
	Resource    Resource
	Used, Limit int64 // before the refusal
	Shared      bool  // the limit is the jail's share of what all jails have, which is short
}

// Error implements error.
func (e *Exceeded) Error() string {
	of := "the jail's quota of " + e.Resource.words()
	if e.Shared {
		of = "the jail's share of the server's " + e.Resource.words() + ", which is nearly used up,"
	}
	return fmt.Sprintf("%s is exceeded: %s of %s are used; %s", of,
		e.Resource.Show(e.Used), e.Resource.Show(e.Limit), e.Resource.advice())
}

// Unwrap makes errors.Is find ErrExceeded.
func (e *Exceeded) Unwrap() error { return ErrExceeded }

func (r Resource) words() string {
	switch r {
	case MessageIDs:
		return "message ids"
	case Definitions:
		return "definitions"
	}
	return r.String()
}

func (r Resource) advice() string {
	switch r {
	case Disk:
		return "delete streams, let streams keep less, or ask the operator to raise it"
	case Memory:
		return "delete streams in memory, let them keep less, or ask the operator to raise it"
	case Definitions:
		return "delete streams or services that are no longer used, or ask the operator to raise it"
	case Records:
		return "delete groups and clients that are no longer used, let groups acknowledge what they have, " +
			"or ask the operator to raise it"
	}
	return "delete what is no longer used, or ask the operator to raise it"
}

// Show returns n of the resource in words, such as "10GiB", "1.5MiB", "48h0m0s" or "12".
func (r Resource) Show(n int64) string {
	switch r {
	case Disk, Memory, Definitions, Records, RetentionBytes, MessageBytes:
		return showBytes(n)
	case RetentionAge:
		return (time.Duration(n) * time.Second).String()
	}
	return fmt.Sprint(n)
}

// IsBytes reports whether the resource is counted in bytes.
func (r Resource) IsBytes() bool {
	return r <= Memory || r == Definitions || r == Records || r == RetentionBytes || r == MessageBytes
}

func showBytes(n int64) string {
	const unit = 1 << 10
	value, prefixes := float64(n), "KMGTP"
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	i := -1
	for value >= unit && i < len(prefixes)-1 {
		value /= unit
		i++
	}
	text := strings.TrimSuffix(fmt.Sprintf("%.1f", value), ".0")
	return text + string(prefixes[i]) + "iB"
}
