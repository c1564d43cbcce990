package groups_test

import (
	"testing"
	"testing/synctest"
	"time"

	"seagate/groups"
	"seagate/internal/quota"
	"seagate/streams"
)

// The trend has the lag of the last quarter of an hour, takes memory only while there was any, and
// counts it against the quota of the jail.
func TestTrendOfTheLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book := quota.New(quota.Limits{})
		f := newFixture(t, groups.Options{Quotas: book}, streams.Options{})
		m := f.joinExplicitly(t, &member{room: -1})
		synctest.Wait()
		memory := func() int64 { // beyond the group's own, whose numbers grow by some digits
			used := book.Account("jail").Used(quota.Memory) - book.Account("jail").Used(quota.Records)
			return max(0, used-200)
		}
		trend := func() groups.Trend {
			t.Helper()
			synctest.Wait()
			s, err := f.groups().Get(t.Context(), theKey.Name())
			if err != nil {
				t.Fatal(err)
			}
			return s.Trend
		}
		time.Sleep(groups.TrendInterval + time.Second)
		if got := trend(); got != (groups.Trend{}) || memory() != 0 {
			t.Errorf("without lag the trend is %v, and takes %d bytes", got, memory())
		}
		f.sendNumbers(1, 3)
		time.Sleep(groups.TrendInterval)
		f.sendNumbers(4, 5)
		time.Sleep(groups.TrendInterval)
		if got := trend(); got[groups.TrendSamples-3] != 0 || got[groups.TrendSamples-2] != 3 || got[groups.TrendSamples-1] != 5 {
			t.Errorf("the trend is %v", got)
		}
		if memory() == 0 {
			t.Error("the trend takes no memory of the jail")
		}
		synctest.Wait()
		if _, err := m.ms.AckUpTo(5); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * groups.TrendInterval)
		if got := trend(); got[groups.TrendSamples-1] != 0 || got[groups.TrendSamples-3] != 5 {
			t.Errorf("after all were acknowledged the trend is %v", got)
		}
		time.Sleep(groups.TrendSamples * groups.TrendInterval)
		if got := trend(); got != (groups.Trend{}) || memory() != 0 {
			t.Errorf("a quarter of an hour later the trend is %v, and takes %d bytes", got, memory())
		}
	})
}

// A jail without memory has no trends, and everything else works. A group that is deleted gives the
// memory of its trend back.
func TestTrendWithinTheMemoryOfTheJail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book := quota.New(quota.Limits{})
		f := newFixture(t, groups.Options{Quotas: book}, streams.Options{})
		for _, group := range []string{"1", "2"} {
			f.join(t, "c", group, &member{room: 0})
		}
		time.Sleep(2 * time.Second)
		most := book.Account("jail").Used(quota.Memory) + 300
		book.Set("jail", quota.Own{quota.Memory: most})
		f.sendNumbers(1, 3)
		time.Sleep(groups.TrendInterval + time.Second)
		synctest.Wait()
		stats, _, err := f.groups().List(t.Context(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		have := 0
		for _, s := range stats {
			if s.Trend != (groups.Trend{}) {
				have++
			}
		}
		if used := book.Account("jail").Used(quota.Memory); have != 1 || used > most {
			t.Errorf("%d of 2 groups have a trend, in %d bytes", have, used)
		}
		for _, group := range []string{"1", "2"} {
			if err := f.groups().Delete(nameOf("c", group)); err != nil {
				t.Fatal(err)
			}
		}
		if used := book.Account("jail").Used(quota.Memory); used != 0 {
			t.Errorf("%d bytes are taken by groups that are gone", used)
		}
	})
}
