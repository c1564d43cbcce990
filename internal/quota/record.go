package quota

// smallRecord is the least that the value of a record counts for, in bytes. So a small record can
// always grow a little, such as by one more digit of a number.
const smallRecord = 512

// RecordBytes returns what a stored record counts for.
func RecordBytes(key string, value int) int64 { return int64(len(key) + max(value, smallRecord)) }

// A Record is the charge of one record that is stored for a jail and is neither a message nor a
// definition, such as that of a group. Its bytes count among Records and on Disk, but only the quota
// of Records refuses them: a jail that has filled its disk with messages can still change its
// clients. The zero value is of a record that does not exist. A Record is not safe for concurrent
// use, and must not be copied once it is in use.
type Record struct {
	stored, memory int64
}

// Grow makes the record count for stored bytes on disk and memory bytes in memory. If that is more than
// before, and more than the jail may have, Grow changes nothing and returns an *Exceeded. An eighth
// of the quota is left for GrowAll, with which package auth stores clients. So clients who make
// groups cannot keep an administrator from revoking a token.
func (r *Record) Grow(a *Account, stored, memory int64) error {
	limit := a.Limit(Records)
	return r.grow(a, stored, memory, limit-limit/8)
}

// GrowAll is Grow with the whole quota.
func (r *Record) GrowAll(a *Account, stored, memory int64) error {
	return r.grow(a, stored, memory, a.Limit(Records))
}

func (r *Record) grow(a *Account, stored, memory, limit int64) error {
	if grown := stored - r.stored; grown > 0 {
		if err := a.reserve(Records, grown, limit); err != nil {
			return err
		}
		a.Add(Disk, grown)
		r.stored = stored
	}
	r.Set(a, stored, memory)
	return nil
}

// Set is Grow for what is stored already, or must be: nothing is refused.
func (r *Record) Set(a *Account, stored, memory int64) {
	a.Add(Records, stored-r.stored)
	a.Add(Disk, stored-r.stored)
	a.Add(Memory, memory-r.memory)
	r.stored, r.memory = stored, memory
}
