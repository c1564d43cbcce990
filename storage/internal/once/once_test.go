package once_test

import (
	"fmt"
	"testing"
	"time"

	"seagate/storage/internal/once"
)

func TestMarks(t *testing.T) {
	start := time.Unix(1000, 0)
	var m once.Marks
	for _, i := range []int{3, 1, 2} {
		m.Add(once.Mark{Key: once.KeyOf(fmt.Sprint(i)), First: uint64(i), Expires: start.Add(time.Duration(i))})
	}
	for now := range 5 {
		for i := 1; i <= 3; i++ {
			mark, found := m.Find(once.KeyOf(fmt.Sprint(i)), start.Add(time.Duration(now)))
			if want := now < i; found != want || found && mark.First != uint64(i) {
				t.Errorf("at %d mark %d is %+v, %v", now, i, mark, found)
			}
		}
		m.Expire(start.Add(time.Duration(now)))
		if want := min(3, 3-now); m.Len() != max(0, want) {
			t.Errorf("at %d there are %d marks, want %d", now, m.Len(), want)
		}
	}
	m.Add(once.Mark{Key: once.KeyOf("1"), Expires: start.Add(1)})
	if m.Len() != 1 {
		t.Error("a forgotten key cannot be remembered again")
	}
}

// TestSumOf tells apart payloads that are the same bytes, put together.
func TestSumOf(t *testing.T) {
	seen := make(map[uint64]string)
	for _, texts := range [][]string{{}, {""}, {"", ""}, {"ab"}, {"a", "b"}, {"", "ab"}, {"ab", ""}, {"b", "a"}} {
		var payloads [][]byte
		for _, text := range texts {
			payloads = append(payloads, []byte(text))
		}
		sum := once.SumOf(payloads)
		if other, found := seen[sum]; found {
			t.Errorf("%q has the sum of %s", texts, other)
		}
		seen[sum] = fmt.Sprintf("%q", texts)
	}
}
