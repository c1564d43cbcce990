package integrity

import (
	"bytes"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"seagate/storage/pebble/internal/format"
)

// entries reads every entry of every log.
func (c *check) entries(db *pebble.DB, logs []format.Log) error {
	it, err := db.NewIter(format.AllOf(format.KindEntry))
	if err != nil {
		return c.collect("", "", err)
	}
	defer it.Close() // returns an error that was collected
	strays := uint64(0)
	it.First()
	for _, l := range logs {
		strays += skipTo(it, l.Number)
		if err := c.logEntries(it, l); err != nil {
			return err
		}
	}
	strays += skipTo(it, 1<<64-1)
	if strays > 0 {
		c.add(Problem{Text: fmt.Sprintf("%d entries are of no log", strays), Advice: AdviceRestore})
	}
	return c.collect("", "", it.Error())
}

// skipTo moves the iterator to the entries of a log, and returns how many
// entries lie before them.
func skipTo(it *pebble.Iterator, number uint64) (skipped uint64) {
	first := format.LogPrefix(format.KindEntry, number)
	for it.Valid() && bytes.Compare(it.Key(), first) < 0 {
		skipped++
		it.Next()
	}
	return skipped
}

// logEntries reads the entries of one log, and leaves the iterator after them.
func (c *check) logEntries(it *pebble.Iterator, l format.Log) error {
	s := scan{check: c, log: l, next: l.First, end: l.Before, time: l.FirstTime}
	prefix := format.LogPrefix(format.KindEntry, l.Number)
	for it.Valid() && bytes.HasPrefix(it.Key(), prefix) {
		b, err := it.ValueAndErr()
		if err != nil {
			break // it.Error returns it as well
		}
		s.entry(it.Key(), b)
		it.Next()
	}
	if err := it.Error(); err != nil {
		err := c.collect("", l.Name, err)
		it.SeekGE(format.LogPrefix(format.KindEntry, l.Number+1)) // other logs may be whole
		return err
	}
	s.finish()
	return nil
}

// A scan compares the entries of one log with each other and with its head.
type scan struct {
	*check
	log format.Log

	next uint64 // number of the entry that should come next
	end  uint64 // of the entry before it
	time int64  // of the entry before it
}

func (s *scan) problem(text string, args ...any) {
	s.add(Problem{Log: s.log.Name, Text: fmt.Sprintf(text, args...), Advice: adviceLoseEntries})
}

func (s *scan) entry(key, value []byte) {
	_, seq, err := format.DecodeEntryKey(key)
	if err != nil {
		s.problem("there is an entry without a number (key %x)", key)
		return
	}
	e, err := format.DecodeEntry(value)
	if err != nil {
		s.problem("entry %d was not written by this program", seq)
		return
	}
	switch {
	case seq < s.log.First || seq >= s.log.Next:
		s.problem("there is an entry %d, but the log has only those from %d to %d", seq, s.log.First, s.log.Next-1)
		return
	case seq > s.next:
		s.problem("entries %d to %d are missing", s.next, seq-1)
	case e.Before() != s.end:
		s.problem("entry %d ends at byte %d with %d bytes, but the one before it ends at %d", seq, e.End, len(e.Payload), s.end)
	}
	if e.Time < s.time {
		s.problem("entry %d is of %s, but the one before it of %s", seq, timeText(e.Time), timeText(s.time))
	}
	s.next, s.end, s.time = seq+1, e.End, e.Time
	s.report.Entries++
	s.report.Bytes += int64(len(e.Payload))
	s.advance(int64(len(e.Payload)))
}

func timeText(nanos int64) string { return format.Time(nanos).Format(time.RFC3339Nano) }

func (s *scan) finish() {
	switch {
	case s.next < s.log.Next:
		s.problem("entries %d to %d are missing", s.next, s.log.Next-1)
	case s.end != s.log.End || !s.log.IsEmpty() && s.time != s.log.LastTime:
		s.problem("entry %d is not the one that the log ended with", s.next-1)
	}
}
