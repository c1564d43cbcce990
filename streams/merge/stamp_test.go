package merge_test

import (
	"testing"
	"time"

	"seagate/streams"
	"seagate/streams/merge"
)

func stampOf(t *testing.T, value string) (merge.Stamp, bool) {
	t.Helper()
	by, err := merge.Path("$.at")
	if err != nil {
		t.Fatal(err)
	}
	return by.Stamp(&streams.Message{Payload: []byte(`{"at":` + value + `}`)})
}

// Each value is lower than the next. Times in nanoseconds are exact.
func TestStampsCompare(t *testing.T) {
	values := []string{"-1e300", "-9223372036854775808", "-2", "-1.5", "-1", "0", "0.25", "1", `"1970-01-01T00:00:01.5Z"`,
		`"2026-11-28T10:00:00.000000001+01:00"`, `"2026-11-28T09:00:00.000000002Z"`,
		"1764320400000000001", "1764320400000000002", "9223372036854775807", "9223372036854775808", "1e300"}
	for i := 1; i < len(values); i++ {
		low, ok1 := stampOf(t, values[i-1])
		high, ok2 := stampOf(t, values[i])
		if !ok1 || !ok2 || low.Compare(high) != -1 || high.Compare(low) != 1 || low.Compare(low) != 0 {
			t.Errorf("%s is not below %s", values[i-1], values[i])
		}
	}
	for _, equal := range [][2]string{{"1", "1.0"}, {"1e3", "1000"}, {`"1970-01-01T00:00:10Z"`, "10"}, {"-0", "0"}} {
		a, _ := stampOf(t, equal[0])
		b, _ := stampOf(t, equal[1])
		if a.Compare(b) != 0 {
			t.Errorf("%s and %s are not equal", equal[0], equal[1])
		}
	}
}

func TestValuesThatAreNoTimestamp(t *testing.T) {
	for _, value := range []string{"null", "true", "[]", "{}", `""`, `"10"`, `"2026-11-28"`, `"2026-11-28 10:00:00Z"`, "1e999"} {
		if _, ok := stampOf(t, value); ok {
			t.Errorf("%s is a timestamp", value)
		}
	}
	by, _ := merge.Path("$.other")
	if _, ok := by.Stamp(&streams.Message{Payload: []byte(`{"at":1}`)}); ok {
		t.Error("a message without the place has a timestamp")
	}
	if _, err := merge.Path("$.*"); err == nil {
		t.Error("a path to several places is accepted")
	}
}

func TestWithoutAPathTheTimeOfAcceptanceCounts(t *testing.T) {
	now := time.Date(2026, 11, 28, 10, 0, 0, 1, time.UTC)
	a, ok := merge.Accepted().Stamp(&streams.Message{Time: now})
	b, _ := merge.Accepted().Stamp(&streams.Message{Time: now.Add(1)})
	if !ok || a.Compare(b) != -1 {
		t.Errorf("%v is not below %v", a, b)
	}
}
