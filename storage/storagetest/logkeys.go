package storagetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"seagate/storage"
)

// appendOnce appends under a key.
func appendOnce(l storage.Log, key string, texts ...string) Result {
	return AppendTo(l, storage.Append{Payloads: Payloads(texts...), Key: key, Window: time.Hour})
}

func wantOnce(t testing.TB, l storage.Log, first uint64, repeat bool, key string, texts ...string) {
	t.Helper()
	if got := appendOnce(l, key, texts...); got.Err != nil || got.First != first || got.Repeat != repeat {
		t.Fatalf("Append with key %q: %+v, want first %d, repeat %v", key, got, first, repeat)
	}
}

func testLogKeys(t *testing.T, e storage.Engine) {
	l, other := MustOpenLog(t, e, "log"), MustOpenLog(t, e, "other")
	wantOnce(t, l, 1, false, "key", "a", "b")
	made := mustRead(t, l, 1, 1, 0)[0].Time
	MustAppend(t, l, "between")
	wantOnce(t, l, 1, true, "key", "a", "b")
	if got := appendOnce(l, "key", "a", "b"); got.Time != made {
		t.Errorf("a repeat has time %v, the first append %v", got.Time, made)
	}
	for _, texts := range [][]string{{"a"}, {"a", "b", ""}, {"ab"}, {"ab", ""}, {"b", "a"}, {"a", "c"}} {
		wantError(t, fmt.Sprintf("key with %q", texts), appendOnce(l, "key", texts...).Err, storage.ErrKeyReused)
	}
	wantOnce(t, l, 4, false, "another key", "a", "b")
	wantOnce(t, other, 1, false, "key", "of another log")
	wantEntries(t, l, 1, "a", "b", "between", "a", "b")

	forgotten := storage.Append{Payloads: Payloads("x"), Key: "no window"}
	for range 2 {
		if got := AppendTo(l, forgotten); got.Err != nil || got.Repeat {
			t.Errorf("append with a key and no window: %+v", got)
		}
	}
	mustDeleteLog(t, e, "log")
	wantOnce(t, MustOpenLog(t, e, "log"), 1, false, "key", "other text")
}

func testLogKeyRefusals(t *testing.T, e storage.Engine) {
	l := MustOpenLog(t, e, "log")
	refusal := errors.New("not now")
	refused := func(key string, texts ...string) Result {
		return AppendTo(l, storage.Append{Payloads: Payloads(texts...), Key: key, Window: time.Hour, Refusal: refusal})
	}
	wantError(t, "refused", refused("", "x").Err, refusal)
	wantError(t, "refused with a key", refused("key", "x").Err, refusal)
	wantEntries(t, l, 1)
	wantOnce(t, l, 1, false, "key", "x")
	if got := refused("key", "x"); got.Err != nil || got.First != 1 || !got.Repeat {
		t.Errorf("refused repeat: %+v", got)
	}
	wantError(t, "refused with other payloads", refused("key", "y").Err, storage.ErrKeyReused)
	wantEntries(t, l, 1, "x")
}

// testLogKeysAtOnce has several goroutines append under one key.
func testLogKeysAtOnce(t *testing.T, e storage.Engine) {
	l := MustOpenLog(t, e, "log")
	for round := range 10 {
		var mu sync.Mutex
		var results []Result
		together(func(int) {
			got := appendOnce(l, fmt.Sprint(round), "text", fmt.Sprint(round))
			mu.Lock()
			defer mu.Unlock()
			results = append(results, got)
		})
		firsts := 0
		for _, got := range results {
			if got.Err != nil || got.First != uint64(2*round+1) {
				t.Errorf("result of round %d: %+v", round, got)
			}
			if !got.Repeat {
				firsts++
			}
		}
		if b := l.Bounds(); firsts != 1 || b.Next != uint64(2*round+3) {
			t.Fatalf("round %d: %d of the appends are no repeat, bounds %+v", round, firsts, b)
		}
	}
}

func testLogKeyOutlivesEntries(t *testing.T, e storage.Engine) {
	l := MustOpenLog(t, e, "log")
	wantOnce(t, l, 1, false, "key", "x")
	fill(t, l, 5)
	MustTrim(t, l, storage.Retention{Messages: 1})
	wantOnce(t, l, 1, true, "key", "x")
	wantEntries(t, l, 6, "6")
}

func testLogKeyWindow(t *testing.T, e storage.Engine) {
	l := MustOpenLog(t, e, "log")
	for round := range 3 { // an expired key is a new one
		first := l.Bounds().Next
		wantOnce(t, l, first, false, "key", fmt.Sprint(round))
		short := storage.Append{Payloads: Payloads("short"), Key: "short", Window: time.Minute}
		if got := AppendTo(l, short); got.Err != nil || got.Repeat {
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

func testLogKeyLimit(t *testing.T, e storage.Engine, limit int) {
	log := func(i int) storage.Log { return MustOpenLog(t, e, fmt.Sprint("log ", i%3)) }
	for round := range 3 {
		for i := range limit {
			if got := appendOnce(log(i), fmt.Sprint(i), "x"); got.Err != nil || got.Repeat {
				t.Fatalf("round %d, key %d of %d: %+v", round, i, limit, got)
			}
		}
		wantError(t, "one more key", appendOnce(log(0), "more", "x").Err, storage.ErrTooManyKeys)
		if got := appendOnce(log(0), "0", "x"); got.Err != nil || !got.Repeat {
			t.Fatalf("repeat while there are too many keys: %+v", got)
		}
		MustAppend(t, log(0), "without a key")
		mustDeleteLog(t, e, "log 1")
		if got := appendOnce(log(0), "more", "x"); got.Err != nil {
			t.Fatalf("after a log was deleted with its keys: %v", got.Err)
		}
		time.Sleep(time.Hour)
	}
}
