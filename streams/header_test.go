package streams_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"seagate/storage"
	"seagate/storage/memory"
	"seagate/streams"
	"seagate/streams/streamstest"
)

func sendWithHeader(t testing.TB, topic *streams.Topic, payload, header string) {
	t.Helper()
	topic.SendWithHeader("", [][]byte{[]byte(payload)}, []byte(header), func(_ streams.Sent, err error) {
		if err != nil {
			t.Errorf("SendWithHeader: %v", err)
		}
	})
}

func wantHeader(t testing.TB, topic *streams.Topic, want string) {
	t.Helper()
	if got := string(topic.Header()); got != want {
		t.Errorf("the header is %s, want %s", got, want)
	}
	if topic.Info().HasHeader != (want != "") {
		t.Errorf("HasHeader is %v", topic.Info().HasHeader)
	}
}

// Of a header that is set and one that is sent, the later one holds, also after a
// restart, and also after retention has dropped the message.
func TestTheLaterHeaderHolds(t *testing.T) {
	ctx := t.Context()
	disk := memory.New()
	n := openOn(t, disk, streams.Options{})
	reopen := func() *streams.Topic {
		n.Close()
		n = openOn(t, disk, streams.Options{})
		return topicOf(t, n)
	}
	set := func(topic *streams.Topic, header []byte) {
		if err := topic.SetHeader(ctx, header); err != nil {
			t.Fatal(err)
		}
	}
	topic := topicOf(t, n)
	set(topic, nil)
	wantHeader(t, topic, "")
	set(topic, []byte("1"))
	wantHeader(t, topic, "1")
	sendWithHeader(t, topic, "a", "2")
	wantHeader(t, topic, "2")
	topic = reopen()
	wantHeader(t, topic, "2")
	sendWithHeader(t, topic, "b", "3")
	set(topic, []byte("4"))
	wantHeader(t, topic, "4")
	topic = reopen()
	wantHeader(t, topic, "4")
	set(topic, nil)
	wantHeader(t, topic, "")
	topic = reopen()
	wantHeader(t, topic, "")
	sendWithHeader(t, topic, "c", "5")
	sendOne(t, topic, "d")
	one := uint64(1)
	if err := topic.SetOverrides(ctx, streams.Overrides{Messages: &one}); err != nil {
		t.Fatal(err)
	}
	topic = reopen()
	wantHeader(t, topic, "5")
	if err := n.Delete(ctx, topicID); err != nil {
		t.Fatal(err)
	}
	wantHeader(t, topicOf(t, n), "")
}

func sendOne(t testing.TB, topic *streams.Topic, payload string) {
	t.Helper()
	topic.Send([][]byte{[]byte(payload)}, func(_ streams.Sent, err error) {
		if err != nil {
			t.Errorf("Send: %v", err)
		}
	})
}

// A header that is sent to a topic in memory lasts as long as its messages. The
// numbers of its next life do not make an older header win.
func TestAHeaderInMemoryLastsAsLongAsTheMessages(t *testing.T) {
	disk := memory.New()
	inMemory := streams.InMemory
	openAgain := func() (*streams.Network, *streams.Topic) {
		n, err := streams.Open(context.Background(), streams.Stores{Records: disk, Disk: disk, Memory: memory.New()}, streamstest.Options(streams.Options{}))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(n.Close)
		return n, topicOf(t, n)
	}
	n, topic := openAgain()
	if err := topic.SetOverrides(t.Context(), streams.Overrides{Durability: &inMemory}); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		sendOne(t, topic, "a")
	}
	if err := topic.SetHeader(t.Context(), []byte("1")); err != nil {
		t.Fatal(err)
	}
	sendWithHeader(t, topic, "b", "2")
	wantHeader(t, topic, "2")
	n.Close()
	_, topic = openAgain()
	wantHeader(t, topic, "1")
	sendWithHeader(t, topic, "a", "3")
	wantHeader(t, topic, "3")
}

// The header of a message that nobody is shown yet is not shown either.
func TestNobodySeesAHeaderBeforeItsMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &slowLogs{Engine: memory.New()}
		n := openOn(t, disk, streams.Options{})
		topic := topicOf(t, n)
		sendWithHeader(t, topic, "a", "1")
		early, joined := join(t, topic, -1, 0)
		early.in.Start()
		if joined.Header != nil {
			t.Errorf("joined with header %s", joined.Header)
		}
		disk.sync()
		_, joined = join(t, topic, -1, 1)
		if string(joined.Header) != "1" || joined.Next != 2 {
			t.Errorf("joined with header %s at %d, want 1 at 2", joined.Header, joined.Next)
		}
		synctest.Wait()
		early.want(t, "1:a")
		n.Close()
	})
}

// A SetHeader during which a message with a header is accepted counts as earlier,
// in memory as after a restart.
func TestAHeaderSentDuringSetHeaderIsLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := memory.New()
		records := &slowRecords{Engine: disk, gate: make(chan struct{})}
		n, err := streams.Open(context.Background(), streams.Stores{Records: records, Disk: disk, Memory: memory.New()}, streamstest.Options(streams.Options{}))
		if err != nil {
			t.Fatal(err)
		}
		topic := topicOf(t, n)
		set := make(chan error)
		go func() { set <- topic.SetHeader(t.Context(), []byte("1")) }()
		synctest.Wait() // it is being written
		sendWithHeader(t, topic, "a", "2")
		close(records.gate)
		if err := <-set; err != nil {
			t.Fatal(err)
		}
		wantHeader(t, topic, "2")
		n.Close()
		n = openOn(t, disk, streams.Options{})
		wantHeader(t, topicOf(t, n), "2")
		n.Close()
	})
}

// slowRecords writes records when the gate is closed.
type slowRecords struct {
	storage.Engine
	gate chan struct{}
}

func (s *slowRecords) Put(ctx context.Context, table, key string, value []byte, cond storage.Condition) (uint64, error) {
	<-s.gate
	return s.Engine.Put(ctx, table, key, value, cond)
}

// listener checks what it is sent, and asks to be closed behind some messages.
type listener struct {
	counter
	streamstest.JoinChecker
	err  error
	most int
	full chan struct{}
}

func (l *listener) Deliver(b *streams.Batch) int {
	for _, m := range b.Messages {
		if err := l.Message(m.Payload); err != nil && l.err == nil {
			l.err = err
		}
		if l.Seen() == l.most {
			close(l.full)
		}
	}
	return len(b.Messages)
}

func (l *listener) End(err error) { l.err = err }

// The header and the join under fire: 50 listeners join and leave a topic while it gets
// 10,000 messages, of which each 50th brings a new header. They are sent at 5,000 a second,
// or as fast as the topic takes them if that is slower.
func TestTheHeaderAndTheJoinUnderFire(t *testing.T) {
	n := open(t, streams.Options{})
	topic := topicOf(t, n)
	stop := make(chan struct{})
	var sender, listeners sync.WaitGroup
	sender.Go(func() { sendMarked(topic, stop) })
	for topic.Header() == nil {
		runtime.Gosched()
	}
	var joins, seen atomic.Int64
	begun := time.Now()
	for i := range 50 {
		listeners.Go(func() {
			for first := true; first || topic.Bounds().Next <= 10_000; first = false {
				l := &listener{most: 1 + joinsOf(i), full: make(chan struct{})}
				in, joined, err := topic.In(context.Background(), l, uint32(i), streams.Latest())
				if err != nil {
					t.Error(err)
					return
				}
				if err := l.Header(joined.Header); err != nil {
					t.Error(err)
				}
				in.Start()
				<-l.full
				in.Close()
				joins.Add(1)
				seen.Add(int64(l.most))
				if l.err != nil {
					t.Error(l.err)
					return
				}
			}
		})
	}
	listeners.Wait()
	close(stop)
	sender.Wait()
	t.Logf("%d messages in %v, %d joins, which saw %d messages", topic.Bounds().Next-1, time.Since(begun), joins.Load(), seen.Load())
	if joins.Load() < 50 {
		t.Errorf("only %d joins", joins.Load())
	}
}

// joinsOf spreads how long listeners stay, in messages.
func joinsOf(i int) int { return i * i % 200 }

// sendMarked sends 50 messages for every 10 ms that pass, the first of them with a
// header.
func sendMarked(topic *streams.Topic, stop <-chan struct{}) {
	var marker streamstest.Marker
	begun, sent := time.Now(), time.Duration(0)
	for {
		payload, header := marker.NextWithHeader()
		topic.SendWithHeader("", [][]byte{payload}, header, func(streams.Sent, error) {})
		for range 49 {
			topic.Send([][]byte{marker.Next()}, func(streams.Sent, error) {})
		}
		sent += 10 * time.Millisecond
		select {
		case <-time.After(time.Until(begun.Add(sent))):
		case <-stop:
			return
		}
	}
}

// The checker itself notices what it is for.
func TestTheJoinCheckerNoticesViolations(t *testing.T) {
	var marker streamstest.Marker
	m1, h1 := marker.NextWithHeader()
	m2 := marker.Next()
	m3, h2 := marker.NextWithHeader()
	m4 := marker.Next()
	for name, test := range map[string]struct {
		header   []byte
		messages [][]byte
		ok       bool
	}{
		"old header, then the message":             {h1, [][]byte{m3, m4}, true},
		"new header, and not the message":          {h2, [][]byte{m4}, true},
		"everything":                               {h1, [][]byte{m2, m3, m4}, true},
		"new header, and the message again":        {h2, [][]byte{m3, m4}, false},
		"the message that came with the header":    {h1, [][]byte{m1, m2}, false},
		"old header, and the message missing":      {h1, [][]byte{m4}, false},
		"a hole":                                   {h1, [][]byte{m2, m4}, false},
		"no header":                                {nil, [][]byte{m1}, false},
		"messages that belong to an older header":  {h2, [][]byte{m2, m3}, false},
		"the same message twice, without a header": {h1, [][]byte{m2, m2}, false},
	} {
		var c streamstest.JoinChecker
		var errs []error
		if test.header != nil {
			errs = append(errs, c.Header(test.header))
		}
		for _, m := range test.messages {
			errs = append(errs, c.Message(m))
		}
		if err := errors.Join(errs...); (err == nil) != test.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
