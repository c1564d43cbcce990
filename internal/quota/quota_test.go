package quota_test

import (
	"errors"
	"math"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"

	"seagate/internal/quota"
)

func TestReserveRefusesWhatExceedsTheLimit(t *testing.T) {
	b := quota.New(quota.Limits{quota.Disk: 100, quota.Streams: 2})
	a := b.Account("jail")
	for _, step := range []struct {
		n    int64
		fits bool
		used int64
	}{{60, true, 60}, {41, false, 60}, {40, true, 100}, {1, false, 100}, {-50, true, 50}, {50, true, 100}} {
		err := a.Reserve(quota.Disk, step.n)
		if (err == nil) != step.fits || a.Used(quota.Disk) != step.used {
			t.Fatalf("%+v: %v, %d are used", step, err, a.Used(quota.Disk))
		}
	}
	err := a.Reserve(quota.Disk, 7)
	exceeded, ok := errors.AsType[*quota.Exceeded](err)
	if !ok || !errors.Is(err, quota.ErrExceeded) || exceeded.Used != 100 || exceeded.Limit != 100 || exceeded.Shared {
		t.Fatalf("%#v", err)
	}
	if got := err.Error(); got != "the jail's quota of disk is exceeded: 100 B of 100 B are used; "+
		"delete streams, let streams keep less, or ask the operator to raise it" {
		t.Error(got)
	}
	if b.Refused(quota.Disk) != 3 || b.Refused(quota.Streams) != 0 || b.Total(quota.Disk) != 100 {
		t.Errorf("refused %d and %d, in all %d", b.Refused(quota.Disk), b.Refused(quota.Streams), b.Total(quota.Disk))
	}
}

func TestOwnLimitsReplaceDefaults(t *testing.T) {
	b := quota.New(quota.Limits{quota.Disk: 100, quota.Groups: 5, quota.Clients: 7})
	b.Set("root", quota.Own{quota.Groups: 3}, quota.Disk, quota.Groups)
	b.Set("acme", quota.Own{quota.Disk: 0, quota.Clients: 1})
	for _, test := range []struct {
		jail string
		r    quota.Resource
		want int64
	}{
		{"root", quota.Disk, 0}, {"root", quota.Groups, 3}, {"root", quota.Clients, 7},
		{"acme", quota.Disk, 0}, {"acme", quota.Groups, 5}, {"acme", quota.Clients, 1},
		{"other", quota.Disk, 100},
	} {
		if got := b.Limit(test.jail, test.r); got != test.want {
			t.Errorf("%s of %s: %d, want %d", test.r, test.jail, got, test.want)
		}
	}
	if err := b.Account("acme").Reserve(quota.Disk, math.MaxInt64/2); err != nil {
		t.Errorf("without a bound: %v", err)
	}
	b.Set("acme", nil)
	if err := b.Account("acme").Reserve(quota.Disk, 1); err == nil {
		t.Error("what is beyond a lower limit does not count")
	}
}

func TestHogIsRefusedWhenTheDiskIsShort(t *testing.T) {
	b := quota.New(quota.Limits{})
	hog, small := b.Account("hog"), b.Account("small")
	hog.Add(quota.Disk, 900)
	small.Add(quota.Disk, 100)
	b.SetFreeDisk(200, true) // 600 for each
	if err := small.Reserve(quota.Disk, 50); err != nil {
		t.Errorf("the small jail: %v", err)
	}
	err := hog.Reserve(quota.Disk, 50)
	if exceeded, ok := errors.AsType[*quota.Exceeded](err); !ok || !exceeded.Shared || exceeded.Limit != 600 {
		t.Errorf("the hog: %v", err)
	}
	b.SetFreeDisk(5000, false)
	if err := b.Account("").Reserve(quota.Disk, 5000); err != nil || b.Total(quota.Disk) != 1050 {
		t.Errorf("what belongs to no jail counts: %v", err)
	}
	if err := hog.Reserve(quota.Disk, 50); err != nil {
		t.Errorf("with room again: %v", err)
	}
	alone := quota.New(quota.Limits{})
	alone.Account("root").Add(quota.Disk, 900)
	alone.SetFreeDisk(200, true)
	if err := alone.Account("root").Reserve(quota.Disk, 150); err != nil {
		t.Errorf("a jail that is alone: %v", err)
	}
}

func TestHogIsRefusedWhenMemoryIsShort(t *testing.T) {
	b := quota.New(quota.Limits{})
	b.SetMemory(1000)
	hog, small := b.Account("hog"), b.Account("small")
	small.Add(quota.Memory, 10)
	if err := hog.Reserve(quota.Memory, 860); err != nil {
		t.Fatal(err)
	}
	if err := hog.Reserve(quota.Memory, 20); err == nil {
		t.Error("the hog gets more than its share of what is left")
	}
	if err := small.Reserve(quota.Memory, 100); err != nil {
		t.Errorf("the small jail: %v", err)
	}
	if err := small.Reserve(quota.Memory, 100); err == nil {
		t.Error("the budget is exceeded")
	}
	hog.Add(quota.Memory, -600)
	if err := hog.Reserve(quota.Memory, 100); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

func TestTailsNeverRefuse(t *testing.T) {
	b := quota.New(quota.Limits{quota.Memory: 100})
	a := b.Account("jail")
	if a.AddTail(90) {
		t.Error("crowded below the limit")
	}
	if err := a.Reserve(quota.Memory, 80); err != nil {
		t.Fatalf("tails count: %v", err)
	}
	if !a.AddTail(1) || a.Tails() != 91 {
		t.Error("not crowded above the limit")
	}
	if a.AddTail(-80) {
		t.Error("crowded after the tails shrank")
	}
	b.SetMemory(50)
	if !b.Account("other").AddTail(1) {
		t.Error("not crowded above the budget")
	}
}

func TestConcurrentReservesStayBelowTheLimit(t *testing.T) {
	b := quota.New(quota.Limits{quota.Streams: 100})
	a := b.Account("jail")
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := 0
	for range 16 {
		wg.Go(func() {
			for range 50 {
				if a.Reserve(quota.Streams, 1) == nil {
					mu.Lock()
					got++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if got > 100 || a.Used(quota.Streams) != int64(got) {
		t.Errorf("%d were reserved, %d are used", got, a.Used(quota.Streams))
	}
}

func TestNilBookCountsNothing(t *testing.T) {
	var b *quota.Book
	a := b.Account("jail")
	a.Add(quota.Disk, 5)
	b.Set("jail", nil)
	b.Remove("jail")
	b.SetFreeDisk(0, true)
	if err := a.Reserve(quota.Disk, 5); err != nil || a.AddTail(5) || a.Used(quota.Disk) != 0 || b.Limit("jail", quota.Disk) != 0 {
		t.Error(err)
	}
}

func TestReserveAllocatesNothing(t *testing.T) {
	a := quota.New(quota.Limits{quota.Disk: math.MaxInt64}).Account("jail")
	if n := testing.AllocsPerRun(100, func() {
		_ = a.Reserve(quota.Disk, 10)
		a.Add(quota.Disk, -10)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestLimitsAreWrittenByName(t *testing.T) {
	if text, err := json.Marshal(quota.Own{quota.Disk: 1 << 30}); err != nil || string(text) != `{"disk":1073741824}` {
		t.Errorf("%s, %v", text, err)
	}
}

func TestNoBookCountsNothing(t *testing.T) {
	var b *quota.Book
	b.SetMemory(1)
	b.SetFreeDisk(0, true)
	b.Set("acme", quota.Own{quota.Memory: 1})
	b.Remove("acme")
	a := b.Account("acme")
	if err := a.Reserve(quota.Memory, 100); err != nil {
		t.Error(err)
	}
	if a.AddTail(100) || a.Crowded() || a.BeyondOwn() || b.MemoryCrowded() {
		t.Error("it is crowded")
	}
	if a.Jail() != "" || a.Used(quota.Memory)+a.Limit(quota.Memory)+a.Tails() != 0 {
		t.Error("the account counts")
	}
	if b.MemoryBudget()+b.Total(quota.Memory)+b.TotalTails()+b.Limit("acme", quota.Memory) != 0 || b.Refused(quota.Memory) != 0 {
		t.Error("the book counts")
	}
	b.Each(func(*quota.Account) { t.Error("there is an account") })
}
