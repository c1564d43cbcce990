package pebble

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// A storedLog is what the database has of a log's head.
type storedLog struct {
	name string
	head
	hash uint64
}

// readHeads returns the logs in the order of their numbers.
func readHeads(db pebble.Reader) (logs []storedLog, err error) {
	err = each(db, kindHead, func(key, value []byte) error {
		h, err := decodeHead(value)
		if err != nil {
			return fmt.Errorf("log %q: %w", key[1:], err)
		}
		logs = append(logs, storedLog{string(key[1:]), h, headHash(key, value)})
		return nil
	})
	slices.SortFunc(logs, func(a, b storedLog) int { return cmp.Compare(a.number, b.number) })
	return logs, err
}

// allOf bounds an iterator to what is stored of a kind.
func allOf(kind byte) *pebble.IterOptions {
	return &pebble.IterOptions{LowerBound: []byte{kind}, UpperBound: []byte{kind + 1}}
}

// each calls do with all that is stored of a kind. What it is given is good
// until it returns.
func each(db pebble.Reader, kind byte, do func(key, value []byte) error) (err error) {
	it, err := db.NewIter(allOf(kind))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for it.First(); it.Valid(); it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		if err := do(it.Key(), value); err != nil {
			return err
		}
	}
	return nil // Close repeats the iterator's error, if it stopped at one
}

func sumHeads(logs []storedLog) (sum uint64) {
	for _, l := range logs {
		sum += l.hash
	}
	return sum
}

func verifyNumbers(logs []storedLog, most uint64) error {
	last := uint64(0)
	for _, l := range logs {
		if l.number == last || l.number > most {
			return fmt.Errorf("log %q: %w: number %d is not its own", l.name, errMalformed, l.number)
		}
		last = l.number
	}
	return nil
}

// verifyEnds checks that each log begins and ends where its head says, and
// that there are no entries but theirs. It does not look at what is between.
func verifyEnds(db *pebble.DB, logs []storedLog) (err error) {
	it, err := db.NewIter(allOf(kindEntry))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	it.First()
	for _, l := range logs {
		if l.isEmpty() {
			continue
		}
		if err := l.verifyEnds(it); err != nil {
			return fmt.Errorf("log %q: %w", l.name, err)
		}
	}
	if it.Valid() {
		return fmt.Errorf("%w: there is an entry of no log, or beyond the end of one (key %x)", errMissing, it.Key())
	}
	return it.Error()
}

// verifyEnds expects it at the first entry, and leaves it behind the last.
func (l *storedLog) verifyEnds(it *pebble.Iterator) error {
	first, err := l.entryAt(it, l.first)
	if err != nil {
		return err
	}
	it.SeekLT(numberedKey(kindEntry, l.number+1))
	last, err := l.entryAt(it, l.next-1)
	if err != nil {
		return err
	}
	it.Next()
	if first.before != l.before || first.time != l.firstTime || last.end != l.end || last.time != l.lastTime {
		return fmt.Errorf("%w: entries %d and %d are not those that it began and ended with", errMissing, l.first, l.next-1)
	}
	return nil
}

// An outline is an entry without its payload.
type outline struct {
	time        int64
	before, end uint64
}

func (l *storedLog) entryAt(it *pebble.Iterator, seq uint64) (outline, error) {
	switch {
	case it.Error() != nil:
		return outline{}, it.Error()
	case !it.Valid() || !bytes.Equal(it.Key(), entryKey(l.number, seq)):
		return outline{}, fmt.Errorf("%w: it does not begin or end with entry %d", errMissing, seq)
	}
	b, err := it.ValueAndErr()
	if err != nil {
		return outline{}, err
	}
	e, err := decodeEntry(b)
	return outline{e.time, e.before(), e.end}, err
}

// loadLogs makes the logs that are stored.
func (e *Engine) loadLogs() error {
	heads, err := readHeads(e.db)
	if err != nil {
		return err
	}
	byNumber := make(map[uint64]*log, len(heads))
	for _, stored := range heads {
		l := newLog(e, stored.name, stored.head, e.incarnation)
		l.hash = stored.hash
		e.logs[l.name] = l
		byNumber[stored.number] = l
	}
	return e.loadKeys(byNumber)
}

func (e *Engine) loadKeys(logs map[uint64]*log) error {
	now := time.Now().UnixNano()
	return each(e.db, kindKey, func(key, value []byte) error {
		number, m, err := decodeMark(key, value)
		if err != nil {
			return fmt.Errorf("key of an append: %w", err)
		}
		l, found := logs[number]
		if !found {
			return fmt.Errorf("%w: log number %d, whose appends have keys", errMissing, number)
		}
		e.keys.load(l, m, asTime(max(now, l.staged.lastTime)))
		return nil
	})
}
