package pebble

import (
	"time"

	"seagate/storage"
	"seagate/storage/internal/once"
)

// forgetEvery is how often the keys of appends that have expired are removed
// from the disk, and how often all logs are looked at for room.
const forgetEvery = 10 * time.Second

// remembered is the keys of appends of all logs. It is owned by the committer.
type remembered struct {
	most  int
	count int
	logs  map[*log]struct{} // that have any, in memory or on disk

	lookedForRoom time.Time
	forgotten     time.Time // when they were removed from the disk
}

func newRemembered(most int) *remembered {
	return &remembered{most: most, logs: make(map[*log]struct{})}
}

// makeRoom returns storage.ErrTooManyKeys if there is none for one more key.
// Each log has a time of its own, see log.now.
func (r *remembered) makeRoom(b *batch, l *log) error {
	r.expire(l, asTime(l.now(b)))
	if now := asTime(b.now); r.count >= r.most && now.Sub(r.lookedForRoom).Abs() >= forgetEvery {
		r.lookedForRoom = now
		for other := range r.logs {
			r.expire(other, asTime(other.now(b)))
		}
	}
	if r.count >= r.most {
		return storage.ErrTooManyKeys
	}
	return nil
}

func (r *remembered) add(l *log, m once.Mark) {
	l.marks.Add(m)
	r.logs[l] = struct{}{}
	r.count++
}

// load is add for what is found on disk. One key may be there twice, if it was
// used again after it had expired; the later one counts.
func (r *remembered) load(l *log, m once.Mark, now time.Time) {
	r.logs[l] = struct{}{}
	if !now.Before(m.Expires) {
		l.expired = true
		return
	}
	if _, found := l.marks.Find(m.Key, now); !found {
		r.add(l, m)
	}
}

func (r *remembered) drop(l *log) {
	r.count -= l.marks.Len()
	l.marks = once.Marks{}
	delete(r.logs, l)
}

// expire forgets in memory what is on disk until forgetKeys comes.
func (r *remembered) expire(l *log, now time.Time) {
	if n := l.marks.Expire(now); n > 0 {
		r.count -= n
		l.expired = true
	}
}

// forgetKeys removes what has expired from the disk, now and then.
func (b *batch) forgetKeys() error {
	r := b.engine.keys
	if asTime(b.now).Sub(r.forgotten).Abs() < forgetEvery {
		return nil
	}
	r.forgotten = asTime(b.now)
	for l := range r.logs {
		now := l.now(b)
		r.expire(l, asTime(now))
		if !l.expired {
			continue
		}
		l.expired = false
		number := l.staged.number
		if err := b.DeleteRange(numberedKey(kindKey, number), expiryKey(number, now+1), nil); err != nil {
			return err
		}
		if l.marks.Len() == 0 {
			delete(r.logs, l)
		}
	}
	return nil
}
