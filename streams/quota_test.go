package streams_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seagate/internal/quota"
	"seagate/storage"
	"seagate/storage/memory"
	"seagate/streams"
)

// sent sends one message and returns its outcome.
func sent(t testing.TB, topic *streams.Topic, key, payload string) error {
	t.Helper()
	result := make(chan error, 1)
	topic.SendOnce(key, [][]byte{[]byte(payload)}, func(_ streams.Sent, err error) { result <- err })
	select {
	case err := <-result:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("the send was not answered")
		return nil
	}
}

func topicIn(t testing.TB, n *streams.Network, space, name string) *streams.Topic {
	t.Helper()
	topic, err := n.Topic(streams.ID{Space: space, Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return topic
}

func setOverrides(t testing.TB, topic *streams.Topic, o streams.Overrides) {
	t.Helper()
	if err := topic.SetOverrides(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

// A jail that keeps everything for ever fills its quota, and not its neighbour's.
func TestJailThatKeepsEverythingIsRefusedAtItsQuota(t *testing.T) {
	book := quota.New(quota.Limits{quota.Disk: 10_000})
	disk := memory.New()
	n := openOn(t, disk, streams.Options{Quotas: book})
	hog, neighbour := topicIn(t, n, "hog", "a"), topicIn(t, n, "small", "a")
	noAge, noBytes := time.Duration(0), int64(0)
	setOverrides(t, hog, streams.Overrides{Age: &noAge, Bytes: &noBytes})
	payload := strings.Repeat("x", 936) // 1,000 with the overhead
	for i := range 10 {
		if err := sent(t, hog, fmt.Sprint(i), payload); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	err := sent(t, hog, "11", payload)
	exceeded, ok := errors.AsType[*quota.Exceeded](err)
	if !ok || exceeded.Resource != quota.Disk || exceeded.Used != 10_000 || exceeded.Limit != 10_000 {
		t.Fatalf("beyond the quota: %v", err)
	}
	if err := sent(t, hog, "9", payload); err != nil {
		t.Errorf("a repeat of what is there: %v", err)
	}
	if err := sent(t, neighbour, "1", payload); err != nil {
		t.Errorf("the neighbour: %v", err)
	}
	if b := hog.Bounds(); b.First != 1 || b.Next != 11 {
		t.Errorf("something was dropped, or added: %+v", b)
	}

	// The use is known again after a restart.
	n.Close()
	again := quota.New(quota.Limits{quota.Disk: 10_000})
	n = openOn(t, disk, streams.Options{Quotas: again})
	hog = topicIn(t, n, "hog", "a")
	if used := again.Account("hog").Used(quota.Disk); used != 10_000 {
		t.Errorf("after a restart: %d are used", used)
	}
	if err := sent(t, hog, "12", payload); err == nil {
		t.Error("after a restart the quota does not hold")
	}

	// What retention and deletions free can be used again.
	two := uint64(2)
	setOverrides(t, hog, streams.Overrides{Messages: &two})
	until(t, func() bool { return again.Account("hog").Used(quota.Disk) == 2000 })
	if err := sent(t, hog, "13", payload); err != nil {
		t.Errorf("after retention: %v", err)
	}
	if err := n.Delete(t.Context(), hog.ID()); err != nil {
		t.Fatal(err)
	}
	if used := again.Account("hog").Used(quota.Disk); used != 0 || again.Total(quota.Disk) != 1000 {
		t.Errorf("after the deletion: %d are used, %d by all", used, again.Total(quota.Disk))
	}
}

// until waits for a condition.
func until(t testing.TB, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not happen")
		}
	}
}

func TestMemoryStreamsAreBounded(t *testing.T) {
	inMemory, noBytes := streams.InMemory, int64(0)
	book := quota.New(quota.Limits{quota.Memory: 10_000})
	n := open(t, streams.Options{Quotas: book, MemoryBytes: 3000})
	topic := topicIn(t, n, "jail", "a")
	setOverrides(t, topic, streams.Overrides{Durability: &inMemory, Bytes: &noBytes})
	if _, holds := topic.Policy(); holds.Retention.Bytes != 3000 {
		t.Errorf("it may keep %d bytes", holds.Retention.Bytes)
	}
	payload := strings.Repeat("x", 1000)
	for range 20 {
		until(t, func() bool { return sent(t, topic, "", payload) == nil }) // retention makes room
	}
	until(t, func() bool { return topic.Bounds().Bytes <= 3000 })
	big := int64(1 << 20)
	setOverrides(t, topic, streams.Overrides{Durability: &inMemory, Bytes: &big})
	var err error
	for i := 0; i < 20 && err == nil; i++ {
		err = sent(t, topic, "", payload)
	}
	if exceeded, ok := errors.AsType[*quota.Exceeded](err); !ok || exceeded.Resource != quota.Memory {
		t.Errorf("beyond the quota of memory: %v", err)
	}
	if used := book.Account("jail").Used(quota.Memory); used > 10_000 || used < 8_000 {
		t.Errorf("%d are used", used)
	}

	refusing := open(t, streams.Options{RefuseMemory: true})
	err = topicIn(t, refusing, "jail", "a").SetOverrides(t.Context(), streams.Overrides{Durability: &inMemory})
	if !errors.Is(err, streams.ErrNotAllowed) {
		t.Errorf("a stream in memory where it is not allowed: %v", err)
	}
}

func TestMaximaOfRetention(t *testing.T) {
	book := quota.New(quota.Limits{quota.RetentionAge: 3600, quota.RetentionBytes: 1000})
	n := open(t, streams.Options{Quotas: book, Policy: streams.Policy{Retention: storage.Retention{Age: 2 * time.Hour}}})
	topic := topicIn(t, n, "jail", "a")
	if _, holds := topic.Policy(); holds.Retention.Age != time.Hour || holds.Retention.Bytes != 1000 {
		t.Errorf("by default: %+v", holds.Retention)
	}
	age, noAge, bytes, noBytes := 30*time.Minute, time.Duration(0), int64(500), int64(0)
	for _, wrong := range []streams.Overrides{{Age: &noAge}, {Bytes: &noBytes}, {Age: &age, Bytes: &noBytes}} {
		if err := topic.SetOverrides(t.Context(), wrong); !errors.Is(err, streams.ErrNotAllowed) {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
	setOverrides(t, topic, streams.Overrides{Age: &age, Bytes: &bytes})
	book.Set("jail", quota.Own{quota.RetentionAge: 60})
	if _, holds := topic.Policy(); holds.Retention.Age != time.Minute || holds.Retention.Bytes != 500 {
		t.Errorf("with a maximum that was lowered: %+v", holds.Retention)
	}
}

// Tails give way: first to what the jail keeps in memory, and then to other jails.
func TestTailsShrinkBeforeAnythingIsRefused(t *testing.T) {
	book := quota.New(quota.Limits{quota.Memory: 20_000})
	n := open(t, streams.Options{Quotas: book})
	payload := strings.Repeat("x", 1000)
	var topics []*streams.Topic
	for i := range 30 {
		topic := topicIn(t, n, "jail", fmt.Sprint(i))
		topics = append(topics, topic)
		if err := sent(t, topic, "", payload); err != nil {
			t.Fatal(err)
		}
	}
	account := book.Account("jail")
	until(t, func() bool { return account.Tails() <= 20_000 })
	inMemory := streams.InMemory
	kept := topicIn(t, n, "jail", "kept")
	setOverrides(t, kept, streams.Overrides{Durability: &inMemory})
	for i := range 15 {
		if err := sent(t, kept, "", payload); err != nil {
			t.Fatalf("message %d in memory: %v", i, err)
		}
	}
	until(t, func() bool { return account.Tails()+account.Used(quota.Memory) <= 20_000 })

	book.SetMemory(30_000)
	other := book.Account("other")
	for i := range 20 {
		if err := sent(t, topicIn(t, n, "other", fmt.Sprint(i)), "", payload); err != nil {
			t.Fatal(err)
		}
	}
	until(t, func() bool { return book.TotalTails()+book.Total(quota.Memory) <= 30_000 })
	if other.Tails() > 20_000 {
		t.Errorf("%d in the tails of the other", other.Tails())
	}
	for i, topic := range topics { // nothing is lost
		messages, err := topic.Read(t.Context(), 1, 10, 1<<20)
		if err != nil || len(messages) != 1 {
			t.Errorf("topic %d: %d messages, %v", i, len(messages), err)
		}
	}
}

func TestHeadersCount(t *testing.T) {
	book := quota.New(quota.Limits{quota.Disk: 1000})
	n := open(t, streams.Options{Quotas: book})
	topic := topicIn(t, n, "jail", "a")
	header := []byte(`"` + strings.Repeat("h", 598) + `"`)
	if err := topic.SetHeader(t.Context(), header); err != nil {
		t.Fatal(err)
	}
	if err := topic.SetHeader(t.Context(), header); err != nil {
		t.Errorf("another header of the same length: %v", err)
	}
	other := topicIn(t, n, "jail", "b")
	if err := other.SetHeader(t.Context(), header); !errors.Is(err, quota.ErrExceeded) {
		t.Errorf("beyond the quota: %v", err)
	}
	if err := topic.SetHeader(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := other.SetHeader(t.Context(), header); err != nil {
		t.Errorf("after the first was removed: %v", err)
	}
	account := book.Account("jail")
	if account.Used(quota.Disk) != 600 || account.Used(quota.Memory) != 600 {
		t.Errorf("%d and %d are used", account.Used(quota.Disk), account.Used(quota.Memory))
	}
}

// The tail of a deleted topic is not counted, also if somebody has not read it. Otherwise the
// charge would stay for ever, and all tails would have to give way to it.
func TestTheTailOfADeletedTopicIsNotCounted(t *testing.T) {
	book := quota.New(quota.Limits{})
	n := open(t, streams.Options{Quotas: book})
	topic := topicIn(t, n, "jail", "deleted")
	in, _, err := topic.In(t.Context(), ignore{}, 0, streams.Latest())
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close() // never started, so it has read nothing
	if err := sent(t, topic, "", strings.Repeat("x", 1000)); err != nil {
		t.Fatal(err)
	}
	account := book.Account("jail")
	until(t, func() bool { return account.Tails() >= 1000 })
	if err := n.Delete(t.Context(), topic.ID()); err != nil {
		t.Fatal(err)
	}
	if account.Tails() != 0 || book.TotalTails() != 0 {
		t.Errorf("%d bytes of tails, %d in all", account.Tails(), book.TotalTails())
	}
}

// The ids that are remembered for all streams of a jail count together. What was accepted
// is not forgotten to make room, and repeats are told what the first one got.
func TestMessageIDsOfAJailAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book := quota.New(quota.Limits{quota.MessageIDs: 3})
		n := openOn(t, memory.New(), streams.Options{Quotas: book, RepeatWindow: time.Minute})
		a, b := topicIn(t, n, "hog", "a"), topicIn(t, n, "hog", "b")
		for i, topic := range []*streams.Topic{a, a, b} {
			if err := sent(t, topic, fmt.Sprint(i), "x"); err != nil {
				t.Fatal(err)
			}
		}
		err := sent(t, b, "more", "x")
		if exceeded, ok := errors.AsType[*quota.Exceeded](err); !ok || exceeded.Resource != quota.MessageIDs || exceeded.Used != 3 {
			t.Fatalf("beyond the quota: %v", err)
		}
		for _, try := range []struct {
			topic *streams.Topic
			key   string
		}{{a, "0"}, {b, "2"}, {b, ""}, {topicIn(t, n, "small", "a"), "1"}} {
			if err := sent(t, try.topic, try.key, "x"); err != nil {
				t.Errorf("with the id %q: %v", try.key, err)
			}
		}
		time.Sleep(2 * time.Minute)
		if err := sent(t, b, "", "x"); err != nil { // the engine notices what has expired
			t.Fatal(err)
		}
		if err := sent(t, a, "again", "x"); err != nil {
			t.Errorf("after the others are forgotten: %v", err)
		}
		n.Close()
	})
}
