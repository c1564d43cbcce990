package oracle

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-json-experiment/json"
)

// A journal is a file of what one publisher did. It appends a line before it
// does something, and after it has learned something. Each line is one write,
// so that a kill of the process does not take back what was written.
//
//	{"at":17,"do":"send","request":3,"stream":"oracle-1","conn":2,"key":true,"ids":[{"publisher":1,"n":9}]}
//	{"at":25,"do":"repeat","request":3,"conn":5}
//	{"at":31,"do":"acknowledged","request":3,"place":{"first":7,"last":7,"epoch":"Q54L"}}
//	{"at":35,"do":"echoed","request":3,"place":{"first":7,"last":7,"epoch":"Q54L"}}
type journal struct {
	file  *os.File
	clock *clock
	next  int // request
}

// A line of a journal.
type line struct {
	At      Instant `json:"at"`
	Do      string  `json:"do"`
	Request int     `json:"request"`
	Conn    int     `json:"conn,omitzero"`
	Stream  string  `json:"stream,omitzero"`
	Key     bool    `json:"key,omitzero"`
	IDs     []ID    `json:"ids,omitzero"`
	Code    string  `json:"code,omitzero"`
	Place   *Place  `json:"place,omitzero"`
}

const (
	doSend        = "send"
	doRepeat      = "repeat"
	doAcknowledge = "acknowledged"
	doRefuse      = "refused"
	doEcho        = "echoed" // acknowledged once more
)

const (
	journalPattern = "publisher-*.jsonl"
	runFile        = "run.json"
)

// A run is what all journals of a folder belong to.
type run struct {
	URL     string   `json:"url"`
	Seed    uint64   `json:"seed"`
	Streams []string `json:"streams"`
	Trims   bool     `json:"trims"`
}

// createJournals makes the folder for the journals of a run. It refuses a folder
// that has journals.
func createJournals(dir string, r run) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Join(dir, runFile), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("the folder %s has the journals of another run", dir)
	}
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Close())
}

func newJournal(dir string, publisher int, c *clock) (*journal, error) {
	name := filepath.Join(dir, fmt.Sprintf("publisher-%03d.jsonl", publisher))
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	return &journal{file: file, clock: c}, nil
}

// send notes that messages are about to be sent, and returns the number of the
// request.
func (j *journal) send(stream string, conn int, key bool, ids []ID) (int, error) {
	j.next++
	return j.next, j.write(line{Do: doSend, Request: j.next, Stream: stream, Conn: conn, Key: key, IDs: ids})
}

// write appends a line with the present time.
func (j *journal) write(l line) error {
	l.At = j.clock.now()
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if _, err = j.file.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("the journal: %w", err)
	}
	return nil
}

func (j *journal) close() error { return j.file.Close() }

// readJournals returns what all publishers of a run did.
func readJournals(dir string) (run, []Publish, error) {
	var r run
	text, err := os.ReadFile(filepath.Join(dir, runFile))
	if err != nil {
		return r, nil, err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, nil, fmt.Errorf("%s: %w", runFile, err)
	}
	names, err := filepath.Glob(filepath.Join(dir, journalPattern))
	if err != nil {
		return r, nil, err
	}
	var all []Publish
	for _, name := range names {
		some, err := readJournal(name)
		if err != nil {
			return r, nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, some...)
	}
	return r, all, nil
}

// readJournal reads one file. It ignores a last line that was cut off: what that
// was about was not done, or its outcome is unknown.
func readJournal(name string) ([]Publish, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	requests := map[int]*Publish{}
	reader := bufio.NewReaderSize(file, 64<<10)
	for {
		text, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		var l line
		if err == nil {
			err = json.Unmarshal(text, &l)
		}
		if err == nil {
			err = note(requests, l)
		}
		if err != nil {
			return nil, err
		}
	}
	var publishes []Publish
	for _, p := range requests {
		publishes = append(publishes, *p)
	}
	sortPublishes(publishes)
	return publishes, nil
}

func note(requests map[int]*Publish, l line) error {
	p := requests[l.Request]
	if (p == nil) != (l.Do == doSend) {
		return fmt.Errorf("request %d is not sent once, and before anything else", l.Request)
	}
	switch l.Do {
	case doSend:
		requests[l.Request] = &Publish{Stream: l.Stream, IDs: l.IDs, Key: l.Key, Conn: l.Conn, Attempts: 1, SentAt: l.At}
	case doRepeat:
		p.Conn = l.Conn
		p.Attempts++
	case doAcknowledge:
		p.Outcome, p.Answered = Acknowledged, l.At
	case doEcho:
	case doRefuse:
		p.Outcome, p.Answered, p.Code = Refused, l.At, l.Code
	}
	if l.Place != nil {
		p.Answers = append(p.Answers, *l.Place)
	}
	return nil
}
