package streams

import "context"

// Positions returns where each of the in topics stands: the number of the message that its consumer
// is offered next, whether the consumer takes it or not. It is 0 for an in topic that has ended, and
// if the worker has not answered before ctx ends. The workers answer between two jobs, so delivery
// needs no lock for it.
func Positions(ctx context.Context, all []*InTopic) []uint64 {
	at := make([]uint64, len(all))
	asked := map[*worker]*positionJob{}
	for i, in := range all {
		w := in.shard.worker
		if asked[w] == nil {
			asked[w] = &positionJob{place: in.shard.place, answer: make(chan []uint64, 1)}
		}
		asked[w].indexes, asked[w].of = append(asked[w].indexes, i), append(asked[w].of, in)
	}
	for w, job := range asked {
		w.enqueue(job)
	}
	for _, job := range asked {
		select {
		case told := <-job.answer:
			for i, seq := range told {
				at[job.indexes[i]] = seq
			}
		case <-ctx.Done():
		}
	}
	return at
}

// A positionJob reads the cursors of in topics that one worker serves.
type positionJob struct {
	place   *lane // of any of them
	of      []*InTopic
	indexes []int         // of each in the list that was asked for
	answer  chan []uint64 // has room, so that the worker waits for nobody
}

func (j *positionJob) lane() *lane { return j.place }

func (j *positionJob) run() (work int, more bool) {
	told := make([]uint64, len(j.of))
	for i, in := range j.of {
		if in.phase != ended {
			told[i] = in.shard.position(in)
		}
	}
	j.answer <- told
	return taskWork + len(told), false
}
