package oracle

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// What a killed oracle has noted can be read: a line that was cut off had not
// been written.
func TestJournalIsReadBack(t *testing.T) {
	dir := t.TempDir()
	want := run{URL: "http://gateway", Seed: 7, Streams: []string{"a"}, Trims: true}
	if err := createJournals(dir, want); err != nil {
		t.Fatal(err)
	}
	j, err := newJournal(dir, 3, newClock())
	if err != nil {
		t.Fatal(err)
	}
	send := func(key bool, ids ...ID) int {
		request, err := j.send("a", 5, key, ids)
		if err != nil {
			t.Fatal(err)
		}
		return request
	}
	acknowledged, refused, unknown := send(true, ID{3, 0}), send(false, ID{3, 1}, ID{3, 2}), send(true, ID{3, 3})
	for _, err := range []error{
		j.write(line{Do: doAcknowledge, Request: acknowledged, Place: &Place{7, 7, "e"}}),
		j.write(line{Do: doEcho, Request: acknowledged, Place: &Place{8, 8, "e"}}),
		j.write(line{Do: doRefuse, Request: refused, Code: "invalid_payload"}),
		j.write(line{Do: doRepeat, Request: unknown, Conn: 6}),
		j.close(),
		appendTo(filepath.Join(dir, "publisher-003.jsonl"), `{"at":99,"do":"ackno`),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	got, publishes, err := readJournals(dir)
	if err != nil || !reflect.DeepEqual(got, want) || len(publishes) != 3 {
		t.Fatalf("%+v, %d publishes, %v", got, len(publishes), err)
	}
	for i, p := range []Publish{
		{Stream: "a", IDs: []ID{{3, 0}}, Key: true, Conn: 5, Attempts: 1, Outcome: Acknowledged, Answers: []Place{{7, 7, "e"}, {8, 8, "e"}}},
		{Stream: "a", IDs: []ID{{3, 1}, {3, 2}}, Conn: 5, Attempts: 1, Outcome: Refused, Code: "invalid_payload"},
		{Stream: "a", IDs: []ID{{3, 3}}, Key: true, Conn: 6, Attempts: 2},
	} {
		got := publishes[i]
		if (got.Answered == 0) != (p.Outcome == Unknown) || got.SentAt == 0 {
			t.Errorf("sent at %v, answered at %v", got.SentAt, got.Answered)
		}
		got.SentAt, got.Answered = 0, 0
		if !reflect.DeepEqual(got, p) {
			t.Errorf("got %+v, want %+v", got, p)
		}
	}
}

func appendTo(name, text string) error {
	file, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.WriteString(text)
	return err
}

func TestJournalsOfTwoRunsAreNotMixed(t *testing.T) {
	dir := t.TempDir()
	if err := createJournals(dir, run{}); err != nil {
		t.Fatal(err)
	}
	if createJournals(dir, run{}) == nil {
		t.Error("a second run writes into the journals of the first")
	}
}

// A file that is not a journal is not taken for one in which nothing happened.
func TestDamagedJournalsAreRefused(t *testing.T) {
	for _, text := range []string{"nonsense\n", `{"at":1,"do":"acknowledged","request":1}` + "\n"} {
		dir := t.TempDir()
		if err := createJournals(dir, run{}); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "publisher-000.jsonl"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := readJournals(dir); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}

func TestOptionsAreBounded(t *testing.T) {
	good := DefaultOptions()
	good.Journal = "j"
	if err := good.check(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Options){
		"no journal":         func(o *Options) { o.Journal = "" },
		"no publisher":       func(o *Options) { o.Publishers = 0 },
		"too many":           func(o *Options) { o.Publishers = maxPublishers + 1 },
		"too many streams":   func(o *Options) { o.Streams = maxStreams + 1 },
		"too many messages":  func(o *Options) { o.Messages = maxMessages + 1 },
		"too large messages": func(o *Options) { o.Bytes = maxBytes + 1 },
		"no time":            func(o *Options) { o.Duration = 0 },
	} {
		bad := good
		change(&bad)
		if bad.check() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	most := good
	most.Publishers, most.Streams, most.Messages, most.Bytes = maxPublishers, maxStreams, maxMessages, maxBytes
	if err := most.check(); err != nil {
		t.Error(err)
	}
}
