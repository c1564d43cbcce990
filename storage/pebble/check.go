package pebble

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// A Problem is something in a data folder that is not as it was written.
type Problem struct {
	File   string // in which it was found, "" if that cannot be told
	Log    string // the log that it belongs to, "" if none or all
	Text   string // what is wrong
	Advice string // what to do
}

func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		fmt.Fprintf(&b, "file %s: ", p.File)
	}
	if p.Log != "" {
		fmt.Fprintf(&b, "log %q: ", p.Log)
	}
	fmt.Fprintf(&b, "%s: %s", p.Text, p.Advice)
	return b.String()
}

// A Report is what Check found.
type Report struct {
	Records, Logs, Keys int // records, logs and keys of appends
	Entries             uint64
	Bytes               int64 // of the entries' payloads
	Problems            []Problem
}

const (
	adviceRestore  = "keep a copy of the folder as it is, then restore it from a backup"
	adviceLoseLogs = adviceRestore + ", or go on without the entries that are missing: what is whole can still be read, and the log be deleted"
)

// Check reads all that is in a data folder, which must not be open, and
// changes nothing but its lock file. What is wrong with the folder is in the
// report; an error says why it could not be looked at: ErrInUse, ErrNewer, or
// that of the system. progress, if it is not nil, is called now and then with
// how many bytes were read, of about how many.
func Check(dir string, opts Options, progress func(done, total int64)) (Report, error) {
	dir, err := opts.complete(dir)
	if err != nil {
		return Report{}, err
	}
	if _, err := opts.FS.Stat(dir); err != nil {
		return Report{}, fmt.Errorf("check data folder %q: %w", dir, err)
	}
	f, err := lockedFolder(dir, opts)
	if err != nil {
		return Report{}, err
	}
	if progress == nil {
		progress = func(int64, int64) {}
	}
	c := &check{folder: f, progress: progress}
	err = errors.Join(c.run(), f.lock.Close())
	return c.report, err
}

type check struct {
	*folder
	report      Report
	progress    func(done, total int64)
	done, total int64
}

func (c *check) add(p Problem) { c.report.Problems = append(c.report.Problems, p) }

// found takes err, if it is damage, into the report, and returns any other.
func (c *check) found(file, log string, err error) error {
	if err == nil {
		return nil
	}
	var told *folderError
	if isDamage(err) || errors.Is(err, ErrDamaged) {
		if errors.As(err, &told) && told.cause != nil {
			err = told.cause
		}
		text, _, _ := strings.Cut(err.Error(), "\n")
		c.add(Problem{file, log, text + detail(err), adviceRestore})
		return nil
	}
	return fmt.Errorf("check data folder %q: %w", c.dir, err)
}

func (c *check) step(n int64) {
	c.done += n
	c.progress(c.done, max(c.total, c.done))
}

func (c *check) run() error {
	version, err := readFormat(c.files, c.dir)
	if errors.Is(err, ErrNewer) {
		return err
	}
	if err := c.found("", "", err); err != nil {
		return err
	}
	if version == 0 && err == nil {
		c.add(Problem{Text: fmt.Sprintf("there is no file marker.%s.*, so this is no data folder, or one that was not completed", formatMarker), Advice: "look whether this is the right folder"})
	}
	return c.database()
}

// tables checks every block of every table, so that each damaged file is named.
// What a database does not use is left over from a write that failed, and is
// deleted when it is opened. nil is a database that cannot be asked.
func (c *check) tables(db *pebble.DB) error {
	inUse := func(string) bool { return true }
	if db != nil {
		inUse = tablesOf(db)
	}
	names, err := c.files.List(c.dir)
	if err != nil {
		return fmt.Errorf("check data folder %q: %w", c.dir, err)
	}
	sizes := make(map[string]int64)
	for _, name := range names {
		if !strings.HasSuffix(name, ".sst") || !inUse(name) {
			continue
		}
		info, err := c.files.Stat(c.files.PathJoin(c.dir, name))
		if err != nil {
			return fmt.Errorf("check data folder %q: %w", c.dir, err)
		}
		sizes[name] = info.Size()
		c.total += 2 * info.Size() // they are read again as logs
	}
	for name, size := range sizes {
		if err := c.found(name, "", c.table(name)); err != nil {
			return err
		}
		c.step(size)
	}
	return nil
}

func (c *check) table(name string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", pebble.ErrCorruption, r)
		}
	}()
	r, err := c.openTable(name)
	if err != nil {
		return err
	}
	return errors.Join(r.ValidateBlockChecksums(), r.Close())
}

// database checks what the database holds, and that nothing is missing.
func (c *check) database() error {
	w, err := openWitness(c.files, c.dir)
	if err != nil {
		return errors.Join(c.tables(nil), c.found("", "", err))
	}
	defer w.marker.Close()
	db, err := c.openForReading()
	if err != nil {
		return errors.Join(c.tables(nil), c.found("", "", err))
	}
	return errors.Join(c.tables(db), c.contents(db, w), db.Close())
}

func (c *check) contents(db *pebble.DB, w *witness) error {
	want, stateErr := readState(db)
	if err := c.found("", "", stateErr); err != nil {
		return err
	}
	logs, headsErr := readHeads(db)
	if err := c.found("", "", headsErr); err != nil {
		return err
	}
	sum, records, recordsErr := sumRecords(db)
	if err := c.found("", "", recordsErr); err != nil {
		return err
	}
	c.report.Logs = len(logs)
	if recordsErr == nil {
		c.report.Records = records
	}
	if stateErr == nil {
		_ = c.found("", "", want.verifyRevision(w)) // all of these are damage
		_ = c.found("", "", verifyNumbers(logs, want.numbers))
	}
	if stateErr == nil && headsErr == nil && recordsErr == nil {
		_ = c.found("", "", want.verifySum(sum+sumHeads(logs)))
	}
	return errors.Join(c.logs(db, logs), c.keys(db, logs))
}

// keys looks whether each key of an append belongs to a log.
func (c *check) keys(db *pebble.DB, logs []storedLog) error {
	numbers := make(map[uint64]bool, len(logs))
	for _, l := range logs {
		numbers[l.number] = true
	}
	return c.found("", "", each(db, kindKey, func(key, value []byte) error {
		number, _, err := decodeMark(key, value)
		switch {
		case err != nil:
			return fmt.Errorf("key of an append: %w", err)
		case !numbers[number]:
			return fmt.Errorf("%w: log number %d, whose appends have keys", errMissing, number)
		}
		c.report.Keys++
		return nil
	}))
}

// logs reads every entry of every log.
func (c *check) logs(db *pebble.DB, logs []storedLog) error {
	it, err := db.NewIter(allOf(kindEntry))
	if err != nil {
		return c.found("", "", err)
	}
	defer it.Close() // repeats an error that was found
	strays := uint64(0)
	it.First()
	for _, l := range logs {
		strays += skip(it, l.number)
		if err := c.log(it, l); err != nil {
			return err
		}
	}
	strays += skip(it, 1<<64-1)
	if strays > 0 {
		c.add(Problem{Text: fmt.Sprintf("%d entries are of no log", strays), Advice: adviceRestore})
	}
	return c.found("", "", it.Error())
}

// skip goes on to the entries of the log with that number.
func skip(it *pebble.Iterator, number uint64) (skipped uint64) {
	first := numberedKey(kindEntry, number)
	for it.Valid() && bytes.Compare(it.Key(), first) < 0 {
		skipped++
		it.Next()
	}
	return skipped
}

// log reads the entries of one log, and leaves the iterator behind them.
func (c *check) log(it *pebble.Iterator, l storedLog) error {
	s := scan{check: c, log: l, next: l.first, end: l.before, time: l.firstTime}
	prefix := numberedKey(kindEntry, l.number)
	for it.Valid() && bytes.HasPrefix(it.Key(), prefix) {
		b, err := it.ValueAndErr()
		if err != nil {
			break // the iterator repeats it
		}
		s.entry(it.Key(), b)
		it.Next()
	}
	if err := it.Error(); err != nil {
		found := c.found("", l.name, err)
		it.SeekGE(numberedKey(kindEntry, l.number+1)) // the other logs may be whole
		return found
	}
	s.finish()
	return nil
}

// A scan is the reading of one log from its first entry to the last.
type scan struct {
	*check
	log storedLog

	next uint64 // what the next entry is to be, and what the one before was
	end  uint64
	time int64
}

func (s *scan) say(format string, args ...any) {
	s.add(Problem{Log: s.log.name, Text: fmt.Sprintf(format, args...), Advice: adviceLoseLogs})
}

func (s *scan) entry(key, value []byte) {
	_, seq, err := decodeEntryKey(key)
	if err != nil {
		s.say("there is an entry without a number (key %x)", key)
		return
	}
	e, err := decodeEntry(value)
	if err != nil {
		s.say("entry %d was not written by this program", seq)
		return
	}
	switch {
	case seq < s.log.first || seq >= s.log.next:
		s.say("there is an entry %d, but the log has only those from %d to %d", seq, s.log.first, s.log.next-1)
		return
	case seq > s.next:
		s.say("entries %d to %d are missing", s.next, seq-1)
	case e.before() != s.end:
		s.say("entry %d ends at byte %d with %d bytes, but the one before it ends at %d", seq, e.end, len(e.payload), s.end)
	}
	if e.time < s.time {
		s.say("entry %d is of %s, but the one before it of %s", seq, asTime(e.time).Format(time.RFC3339Nano), asTime(s.time).Format(time.RFC3339Nano))
	}
	s.next, s.end, s.time = seq+1, e.end, e.time
	s.report.Entries++
	s.report.Bytes += int64(len(e.payload))
	s.step(int64(len(e.payload)))
}

func (s *scan) finish() {
	switch {
	case s.next < s.log.next:
		s.say("entries %d to %d are missing", s.next, s.log.next-1)
	case s.end != s.log.end || !s.log.isEmpty() && s.time != s.log.lastTime:
		s.say("entry %d is not the one that the log ended with", s.next-1)
	}
}
