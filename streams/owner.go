package streams

// An Owner has in topics that share a turn. A connection is an example. In one pass over
// the readers of a topic, the in topics of one owner get at most a share of the work. What
// exceeds the share waits for the next pass. So an owner of a thousand in topics delays the
// others little more than an owner of a few.
//
// The in topics of an owner have one shard number, so one worker serves them, and nothing
// here needs a lock.
type Owner struct {
	shard uint32

	// Owned by the worker of the shard.
	pass  *shard // the shard whose turn is counted
	turn  uint64 // the turn of that shard
	spent int    // work in that turn
	full  bool   // a consumer was full in that turn
}

// NewOwner returns an owner whose in topics have the shard number.
func NewOwner(shard uint32) *Owner { return &Owner{shard: shard} }

// An Owned is a Consumer with an owner. It must be opened with Owner.Shard. When another
// consumer of the owner was full, its Resumed is called before anything is offered, without
// a call of InTopic.Resume. If it has no room then, it is offered nothing until that call.
type Owned interface {
	Owner() *Owner // nil for none
}

// Shard returns the shard number of the owner's in topics.
func (o *Owner) Shard() uint32 { return o.shard }

// in begins the count of a turn of the shard, if it is a new one.
func (o *Owner) in(s *shard) *Owner {
	if o.pass != s || o.turn != s.turn {
		o.pass, o.turn, o.spent, o.full = s, s.turn, 0, false
	}
	return o
}
