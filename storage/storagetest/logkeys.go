package storagetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"seagate/storage"
)

func once(l storage.Log, key string, texts ...string) answer {
	return appendTo(l, storage.Append{Payloads: payloads(texts...), Key: key, Window: time.Hour})
}

func wantOnce(t testing.TB, l storage.Log, first uint64, repeat bool, key string, texts ...string) {
	t.Helper()
	if got := once(l, key, texts...); got.err != nil || got.First != first || got.Repeat != repeat {
		t.Fatalf("Append with key %q: %+v, want first %d, repeat %v", key, got, first, repeat)
	}
}

func testLogKeys(t *testing.T, e storage.Engine) {
	l, other := mustOpenLog(t, e, "log"), mustOpenLog(t, e, "other")
	wantOnce(t, l, 1, false, "key", "a", "b")
	made := mustRead(t, l, 1, 1, 0)[0].Time
	mustAppend(t, l, "between")
	wantOnce(t, l, 1, true, "key", "a", "b")
	if got := once(l, "key", "a", "b"); got.Time != made {
		t.Errorf("a repeat has time %v, want that of the first, %v", got.Time, made)
	}
	for _, texts := range [][]string{{"a"}, {"a", "b", ""}, {"ab"}, {"ab", ""}, {"b", "a"}, {"a", "c"}} {
		wantError(t, fmt.Sprintf("key with %q", texts), once(l, "key", texts...).err, storage.ErrKeyReused)
	}
	wantOnce(t, l, 4, false, "another key", "a", "b")
	wantOnce(t, other, 1, false, "key", "of another log")
	wantEntries(t, l, 1, "a", "b", "between", "a", "b")

	forgotten := storage.Append{Payloads: payloads("x"), Key: "no window"}
	for range 2 {
		if got := appendTo(l, forgotten); got.err != nil || got.Repeat {
			t.Errorf("append with a key and no window: %+v", got)
		}
	}
	wantError(t, "DeleteLog", e.DeleteLog(t.Context(), "log"), nil)
	wantOnce(t, mustOpenLog(t, e, "log"), 1, false, "key", "other text")
}

func testLogKeyRefusals(t *testing.T, e storage.Engine) {
	l := mustOpenLog(t, e, "log")
	refusal := errors.New("not now")
	refused := func(key string, texts ...string) answer {
		return appendTo(l, storage.Append{Payloads: payloads(texts...), Key: key, Window: time.Hour, Refusal: refusal})
	}
	wantError(t, "refused", refused("", "x").err, refusal)
	wantError(t, "refused with a key", refused("key", "x").err, refusal)
	wantEntries(t, l, 1)
	wantOnce(t, l, 1, false, "key", "x")
	if got := refused("key", "x"); got.err != nil || got.First != 1 || !got.Repeat {
		t.Errorf("refused repeat: %+v", got)
	}
	wantError(t, "refused with other payloads", refused("key", "y").err, storage.ErrKeyReused)
	wantEntries(t, l, 1, "x")
}

// testLogKeysAtOnce has many goroutines append under one key.
func testLogKeysAtOnce(t *testing.T, e storage.Engine) {
	l := mustOpenLog(t, e, "log")
	for round := range 10 {
		var mu sync.Mutex
		var answers []answer
		together(func(int) {
			got := once(l, fmt.Sprint(round), "text", fmt.Sprint(round))
			mu.Lock()
			defer mu.Unlock()
			answers = append(answers, got)
		})
		firsts := 0
		for _, got := range answers {
			if got.err != nil || got.First != uint64(2*round+1) {
				t.Errorf("answer of round %d: %+v", round, got)
			}
			if !got.Repeat {
				firsts++
			}
		}
		if b := l.Bounds(); firsts != 1 || b.Next != uint64(2*round+3) {
			t.Fatalf("round %d: %d of the same appends were no repeat, bounds %+v", round, firsts, b)
		}
	}
}

func testLogKeyOutlivesEntries(t *testing.T, e storage.Engine) {
	l := mustOpenLog(t, e, "log")
	wantOnce(t, l, 1, false, "key", "x")
	fill(t, l, 5)
	mustTrim(t, l, storage.Retention{Messages: 1})
	wantOnce(t, l, 1, true, "key", "x")
	wantEntries(t, l, 6, "6")
}

func testLogKeyWindow(t *testing.T, e storage.Engine) {
	l := mustOpenLog(t, e, "log")
	for round := range 3 { // a key that is forgotten is a new one
		first := l.Bounds().Next
		wantOnce(t, l, first, false, "key", fmt.Sprint(round))
		short := storage.Append{Payloads: payloads("short"), Key: "short", Window: time.Minute}
		if got := appendTo(l, short); got.err != nil || got.Repeat {
			t.Fatalf("round %d: %+v", round, got)
		}
		time.Sleep(time.Hour - 1)
		wantOnce(t, l, first, true, "key", fmt.Sprint(round))
		time.Sleep(time.Nanosecond)
	}
	if b := l.Bounds(); b.Next != 7 {
		t.Errorf("Bounds: %+v", b)
	}
}

func testLogKeyBound(t *testing.T, e storage.Engine, most int) {
	log := func(i int) storage.Log { return mustOpenLog(t, e, fmt.Sprint("log ", i%3)) }
	for round := range 3 {
		for i := range most {
			if got := once(log(i), fmt.Sprint(i), "x"); got.err != nil || got.Repeat {
				t.Fatalf("round %d, key %d of %d: %+v", round, i, most, got)
			}
		}
		wantError(t, "one more key", once(log(0), "more", "x").err, storage.ErrTooManyKeys)
		if got := once(log(0), "0", "x"); got.err != nil || !got.Repeat {
			t.Fatalf("repeat while there are too many keys: %+v", got)
		}
		mustAppend(t, log(0), "without a key")
		wantError(t, "DeleteLog", e.DeleteLog(t.Context(), "log 1"), nil)
		if got := once(log(0), "more", "x"); got.err != nil {
			t.Fatalf("after a log was deleted with its keys: %v", got.err)
		}
		time.Sleep(time.Hour)
	}
}
