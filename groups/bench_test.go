package groups_test

import (
	"fmt"
	"testing"

	"seagate/groups"
	"seagate/streams"
)

// takeAll is a member that takes every message and records nothing.
type takeAll struct {
	*member
	seqs []uint64
}

func (q *takeAll) Visible(*streams.Batch) []int { return nil }

func (q *takeAll) Deliver(b *streams.Batch, share []groups.Share) (int, uint64) {
	q.tag += uint64(len(share))
	for _, s := range share {
		q.seqs = append(q.seqs, b.Messages[s.Index].Seq)
	}
	return len(share), q.tag
}

// acknowledge acknowledges all that was taken.
func (q *takeAll) acknowledge(explicit bool) {
	if explicit {
		_, _ = q.ms.AckSeqs(q.seqs)
	} else {
		q.ms.Ack(q.tag)
	}
	q.seqs = q.seqs[:0]
}

// BenchmarkHandOutAndAck hands out batches of size messages and acknowledges each
// message. One operation is one message.
func BenchmarkHandOutAndAck(b *testing.B) {
	for _, explicit := range []bool{false, true} {
		for _, members := range []int{1, 4} {
			for _, size := range []int{1, 256} {
				b.Run(fmt.Sprintf("explicit=%v/members=%d/pass=%d", explicit, members, size), func(b *testing.B) {
					handOutAndAck(b, explicit, members, size)
				})
			}
		}
	}
}

func handOutAndAck(b *testing.B, explicit bool, members, size int) {
	f := newFixture(b, groups.Options{}, streams.Options{})
	var all []*takeAll
	for range members {
		q := &takeAll{member: &member{}}
		opts := groups.JoinOptions{Explicit: explicit, Credit: 1024}
		ms, err := f.groups().Join(b.Context(), f.out.Topic(), theGroup, opts, q)
		if err != nil {
			b.Fatal(err)
		}
		ms.Start()
		q.ms = ms
		all = append(all, q)
	}
	p := &streams.Batch{}
	for range size {
		p.Messages = append(p.Messages, &streams.Message{Payload: make([]byte, 256)})
	}
	reader := f.groups().ReaderOf(theGroup)
	reader.Resumed()
	seq := uint64(0)
	b.ReportAllocs()
	for n := 0; n < b.N; n += size {
		for _, m := range p.Messages {
			seq++
			m.Seq = seq
		}
		if taken := reader.Deliver(p); taken != size {
			b.Fatalf("%d of %d were taken", taken, size)
		}
		for _, q := range all {
			q.acknowledge(explicit)
		}
	}
	b.StopTimer()
}

// BenchmarkOverview measures Registry.Overview with many groups at rest.
func BenchmarkOverview(b *testing.B) {
	const many = 100_000
	f := newFixture(b, groups.Options{PerClient: many}, streams.Options{})
	for i := range many {
		f.join(b, "c", fmt.Sprint(i), &member{}).ms.Leave()
	}
	f.send("1")
	for b.Loop() {
		f.registry.Overview(10)
	}
}
