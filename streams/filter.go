package streams

import "iter"

// A Filtered is a Consumer that does not need the messages that its filter hides. Batches in
// which everything is hidden need not be offered to it; its cursor still moves past them.
//
// The consumer applies the filter itself to all that it is offered. It may be offered a batch
// in which nothing passes.
type Filtered interface {
	Consumer

	// Filter returns the same filter with each call, or nil for a consumer that is to be
	// offered everything.
	Filter() Filter
}

// A Filter hides messages. It is asked once per batch for all consumers of a shard that
// have it. Filters are compared with ==.
type Filter interface {
	// Passes reports whether messages of the batch may pass. It charges the batch for its
	// work, see Batch.Spend.
	Passes(b *Batch) bool

	// Index returns the index that has the filter, or nil. Without one the filter is asked
	// about each batch. The index must have the filter from before Topic.In until after
	// InTopic.Close.
	Index() FilterIndex
}

// A FilterIndex finds filters by what messages contain, so that a batch costs nothing for
// those that hide it whole. Indexes are compared with ==.
type FilterIndex interface {
	// Find returns all filters of the index that may pass messages of the batch. It charges
	// the batch for its work. It is called by the workers, at the same time too.
	Find(b *Batch) iter.Seq[Filter]
}
