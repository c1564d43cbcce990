package integrity

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"seagate/storage/internal/dedup"
	"seagate/storage/pebble/internal/format"
)

// A Problem is something in a data folder that is not as it was written.
type Problem struct {
	File   string // the damaged file, "" if unknown
	Log    string // the log concerned, "" if none or all
	Text   string // what is wrong
	Advice string // what to do
}

// String describes the problem for people.
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

const adviceLoseEntries = AdviceRestore + ", or go on without the entries that are missing: what is whole can still be read, and the log be deleted"

// Check reads everything in the folder and changes nothing. Damage is in the
// report. An error says why the folder could not be read: ErrNewer, or an error
// of the system. progress is called now and then with the number of bytes read,
// and about how many there are.
func (f Folder) Check(progress func(done, total int64)) (Report, error) {
	c := &check{Folder: f, progress: progress}
	err := c.run()
	return c.report, err
}

type check struct {
	Folder
	report      Report
	progress    func(done, total int64)
	done, total int64
}

func (c *check) add(p Problem) { c.report.Problems = append(c.report.Problems, p) }

// collect adds an error that shows damage to the report, and returns any other.
func (c *check) collect(file, log string, err error) error {
	if err == nil {
		return nil
	}
	if !isDamage(err) && !errors.Is(err, ErrDamaged) {
		return c.failed(err)
	}
	var explained *folderError
	if errors.As(err, &explained) && explained.cause != nil {
		err = explained.cause
	}
	c.add(Problem{file, log, firstLine(err) + Detail(err), AdviceRestore})
	return nil
}

func (c *check) failed(err error) error {
	return fmt.Errorf("check data folder %q: %w", c.Dir, err)
}

func (c *check) advance(n int64) {
	c.done += n
	c.progress(c.done, max(c.total, c.done))
}

func (c *check) run() error {
	version, err := c.Version()
	if errors.Is(err, ErrNewer) {
		return err
	}
	if version == 0 && err == nil {
		c.add(Problem{
			Text:   fmt.Sprintf("there is no file marker.%s.*, so this is no data folder, or one that was not completed", formatMarker),
			Advice: "look whether this is the right folder",
		})
	}
	if err := c.collect("", "", err); err != nil {
		return err
	}
	return c.database()
}

// database checks the tables' files, and what they hold together.
func (c *check) database() error {
	m, err := c.OpenMarker()
	if err != nil {
		return errors.Join(c.tables(nil), c.collect("", "", err))
	}
	defer m.Close()
	db, err := c.openForReading()
	if err != nil {
		return errors.Join(c.tables(nil), c.collect("", "", err))
	}
	return errors.Join(c.tables(db), c.contents(db, m), db.Close())
}

// tables checks every block of every table, so that each damaged file is named.
// It skips files that the database does not list: they are left over from a
// write that failed, and opening the database removes them. If db is nil,
// because the database cannot be opened, it skips none.
func (c *check) tables(db *pebble.DB) error {
	listed := func(string) bool { return true }
	if db != nil {
		listed = listedIn(db)
	}
	names, err := c.FS.List(c.Dir)
	if err != nil {
		return c.failed(err)
	}
	sizes := make(map[string]int64)
	for _, name := range names {
		if !strings.HasSuffix(name, tableSuffix) || !listed(name) {
			continue
		}
		info, err := c.FS.Stat(c.FS.PathJoin(c.Dir, name))
		if err != nil {
			return c.failed(err)
		}
		sizes[name] = info.Size()
		c.total += 2 * info.Size() // contents reads them again
	}
	for name, size := range sizes {
		if err := c.collect(name, "", c.table(name)); err != nil {
			return err
		}
		c.advance(size)
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

// contents makes the comparisons of readContents. It goes on after damage, as
// far as what is left can be compared.
func (c *check) contents(db *pebble.DB, m *DurableMarker) error {
	state, stateErr := format.ReadState(db)
	if err := c.collect("", "", stateErr); err != nil {
		return err
	}
	logs, logsErr := format.ReadLogs(db)
	if err := c.collect("", "", logsErr); err != nil {
		return err
	}
	sum, records, recordsErr := sumRecords(db)
	if err := c.collect("", "", recordsErr); err != nil {
		return err
	}
	c.report.Logs = len(logs)
	if recordsErr == nil {
		c.report.Records = records
	}
	if stateErr == nil { // what these return is damage
		_ = c.collect("", "", verifyRevision(state, m))
		_ = c.collect("", "", verifyNumbers(logs, state.Numbers))
	}
	if stateErr == nil && logsErr == nil && recordsErr == nil {
		_ = c.collect("", "", verifySum(state, sum, logs))
	}
	return errors.Join(c.entries(db, logs), c.appendKeys(db, logs))
}

// appendKeys checks that each key of an append belongs to a log.
func (c *check) appendKeys(db *pebble.DB, logs []format.Log) error {
	numbers := make(map[uint64]bool, len(logs))
	for _, l := range logs {
		numbers[l.Number] = true
	}
	return c.collect("", "", EachAppend(db, func(number uint64, _ dedup.Entry) bool {
		if numbers[number] {
			c.report.Keys++
		}
		return numbers[number]
	}))
}

// EachAppend calls do for each key of an append, with the number of its log. do
// reports whether that log exists.
func EachAppend(db pebble.Reader, do func(number uint64, e dedup.Entry) (found bool)) error {
	return format.Each(db, format.KindAppendKey, func(key, value []byte) error {
		number, e, err := format.DecodeAppend(key, value)
		if err != nil {
			return fmt.Errorf("key of an append: %w", err)
		}
		if !do(number, e) {
			return fmt.Errorf("%w: log number %d, whose appends have keys", ErrMissing, number)
		}
		return nil
	})
}
