package groups_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seagate/groups"
	"seagate/groups/groupstest"
	"seagate/storage"
	"seagate/storage/memory"
	"seagate/streams"
)

func TestANewGroupIsDurableBeforeJoinReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stored := newRecords()
		f := newFixtureOn(t, memory.New(), stored, groups.Options{}, streams.Options{})
		f.sendNumbers(1, 3)
		release := stored.hold()
		joined := make(chan error)
		m := all()
		go func() {
			ms, err := f.tryJoin(t, "c", "g", m)
			m.ms = ms
			joined <- err
		}()
		synctest.Wait()
		select {
		case <-joined:
			t.Error("joined before the record was written")
		default:
		}
		if page, _, err := f.groups().List(t.Context(), nil, 0); len(page) > 0 || err != nil {
			t.Errorf("listed before it was written: %+v, %v", page, err)
		}
		release()
		if err := <-joined; err != nil {
			t.Fatal(err)
		}
		f.crash(t)
		f.sendNumbers(4, 5)
		f.wantAt(t, 4, 2)
	})
}

func TestAGroupThatCannotBeStoredDoesNotExist(t *testing.T) {
	broken := errors.New("broken")
	stored := newRecords()
	f := newFixtureOn(t, memory.New(), stored, groups.Options{PerClient: 1}, streams.Options{})
	stored.fail(broken, false)
	if _, err := f.tryJoin(t, "c", "g", all()); !errors.Is(err, broken) {
		t.Errorf("joined: %v", err)
	}
	stored.fail(nil, false)
	if _, err := f.groups().Get(t.Context(), theGroup); err != groups.ErrNotFound {
		t.Errorf("found: %v", err)
	}
	if f.out.Topic().Info().Readers > 0 {
		t.Error("the topic is read")
	}
	f.join(t, "c", "g", all())
}

func TestFromCountsForANewGroupOnly(t *testing.T) {
	tests := []struct {
		name string
		from func(since time.Time) streams.StartAt
		want []string
	}{
		{"latest", func(time.Time) streams.StartAt { return streams.Latest() }, nil},
		{"earliest", func(time.Time) streams.StartAt { return streams.Earliest() }, numbers(1, 6)},
		{"number", func(time.Time) streams.StartAt { return streams.At(3) }, numbers(3, 6)},
		{"time", func(since time.Time) streams.StartAt { return streams.Since(since) }, numbers(4, 6)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, groups.Options{}, streams.Options{})
				f.sendNumbers(1, 3)
				time.Sleep(time.Minute)
				since := time.Now()
				f.sendNumbers(4, 6)
				m := f.joinWith(t, "c", "g", all(), groups.JoinOptions{From: test.from(since)})
				synctest.Wait()
				m.want(t, test.want...)
				if p := m.ms.Position(); p != uint64(7-len(test.want)) {
					t.Errorf("joined at %d", p)
				}
				m.ms.Ack(m.tag)
				m.ms.Leave()
				again := f.joinWith(t, "c", "g", all(), groups.JoinOptions{From: streams.Earliest()})
				f.send("7")
				synctest.Wait()
				again.want(t, "7")
			})
		})
	}
}

func TestAnInvalidPositionCreatesNoGroup(t *testing.T) {
	f := newFixture(t, groups.Options{}, streams.Options{})
	_, err := f.groups().Join(t.Context(), f.out.Topic(), theGroup, groups.JoinOptions{From: streams.At(9)}, all())
	if !errors.Is(err, streams.ErrPosition) {
		t.Errorf("joined: %v", err)
	}
	if keys := keysOf(t, f.records); len(keys) > 0 {
		t.Errorf("records %q", keys)
	}
}

func TestAClientHasNoMoreGroupsThanItMay(t *testing.T) {
	f := newFixture(t, groups.Options{PerClient: 2}, streams.Options{})
	f.join(t, "c", "1", all())
	f.join(t, "c", "2", all())
	if _, err := f.tryJoin(t, "c", "3", all()); err != groups.ErrTooManyGroups {
		t.Errorf("a third group: %v", err)
	}
	f.join(t, "c", "2", all())
	f.join(t, "d", "3", all())
	f.restart(t)
	if err := f.groups().Delete(nameOf("c", "1")); err != nil {
		t.Fatal(err)
	}
	f.join(t, "c", "3", all())
	if _, err := f.tryJoin(t, "c", "4", all()); err != groups.ErrTooManyGroups {
		t.Errorf("a third group after a restart: %v", err)
	}
}

// Old clients make a group for each subscription. The groups that they leave behind
// must not shut them out.
func TestTheLongestIdleGroupIsEvicted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{PerClient: 4}, streams.Options{})
		f.join(t, "other", "first", all()).ms.Leave()
		kept := f.join(t, "c", "kept", all())
		kept.ms.Leave()
		f.join(t, "c", "kept", all()).ms.Leave() // idle for longer than the next ones, but somebody came back
		for _, fresh := range []string{"1", "2"} {
			time.Sleep(time.Second)
			f.join(t, "c", fresh, all()).ms.Leave()
		}
		time.Sleep(time.Second)
		f.join(t, "c", "present", all())
		f.crash(t)
		f.join(t, "c", "present", all())
		f.join(t, "c", "3", all()).ms.Leave()
		f.join(t, "c", "4", all())
		var left []string
		for _, key := range keysOf(t, f.records) {
			left = append(left, strings.TrimPrefix(key, theKey.Topic.Space+"/"+theKey.Topic.Name+"/"))
		}
		slices.Sort(left)
		if want := []string{"c/3", "c/4", "c/kept", "c/present", "other/first"}; !slices.Equal(left, want) {
			t.Errorf("left are %q, want %q", left, want)
		}
	})
}

// The next member gets exactly those messages that were handed out and not
// acknowledged, whatever happened in between.
func TestAGroupWithoutMembersKeepsItsPlace(t *testing.T) {
	between := map[string]func(*testing.T, *fixture){
		"nothing":      func(*testing.T, *fixture) {},
		"a checkpoint": func(*testing.T, *fixture) { time.Sleep(2 * time.Second) },
		"a restart":    func(t *testing.T, f *fixture) { f.restart(t) },
		"a crash":      func(t *testing.T, f *fixture) { time.Sleep(2 * time.Second); f.crash(t) },
		"two crashes": func(t *testing.T, f *fixture) {
			time.Sleep(2 * time.Second)
			f.crash(t)
			time.Sleep(2 * time.Second)
			f.crash(t)
		},
	}
	for name, happen := range between {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, groups.Options{}, streams.Options{TailMessages: 2})
				a := f.joinExplicitly(t, all())
				f.sendNumbers(1, 6)
				synctest.Wait()
				if n, err := a.ms.AckSeqs([]uint64{1, 3, 5}); n != 3 || err != nil {
					t.Fatal(n, err)
				}
				a.ms.Leave()
				f.wantAt(t, 2, 3)
				happen(t, f)
				f.sendNumbers(7, 8)
				f.wantAt(t, 2, 5)
				b := f.join(t, "c", "g", all())
				synctest.Wait()
				b.want(t, "2", "4", "6", "7", "8")
				b.wantAttempts(t, 1, 1, 1, 0, 0)
				b.ms.Ack(b.tag)
				f.wantAt(t, 9, 0)
				if s := f.stat(t); s.Redelivered != 3 {
					t.Errorf("%d redelivered, want 3", s.Redelivered)
				}
			})
		})
	}
}

// After a crash, messages acknowledged since the last checkpoint are delivered
// again, earlier ones are not, and none is missing.
func TestAfterACrashOnlyTheLastIntervalComesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		a := f.join(t, "c", "g", all())
		f.sendNumbers(1, 3)
		synctest.Wait()
		a.ms.Ack(3)
		f.send("4")
		time.Sleep(time.Second)
		synctest.Wait()
		a.ms.Ack(4)
		f.sendNumbers(5, 6)
		synctest.Wait()
		a.ms.Ack(6)
		f.crash(t)
		b := f.join(t, "c", "g", all())
		synctest.Wait()
		b.want(t, "4", "5", "6")
		b.wantAttempts(t, 1, 0, 0) // that 5 and 6 were handed out was not written either
	})
}

func TestACheckpointThatFailsIsTriedAgain(t *testing.T) {
	for _, also := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			stored := newRecords()
			told := 0
			opts := groups.Options{OnError: func(key groups.Key, err error) {
				if told++; key != theKey {
					t.Errorf("told of %v: %v", key, err)
				}
			}}
			f := newFixtureOn(t, memory.New(), stored, opts, streams.Options{})
			a := f.join(t, "c", "g", all())
			f.sendNumbers(1, 2)
			synctest.Wait()
			stored.fail(errors.New("broken"), also)
			a.ms.Ack(2)
			time.Sleep(3 * time.Second)
			synctest.Wait()
			if told == 0 {
				t.Error("nobody was told")
			}
			stored.fail(nil, false)
			time.Sleep(time.Second)
			synctest.Wait()
			f.crash(t)
			f.wantAt(t, 3, 0)
		})
	}
}

func TestOnlyWhatChangedIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stored := newRecords()
		f := newFixtureOn(t, memory.New(), stored, groups.Options{}, streams.Options{})
		a := f.join(t, "c", "g", all())
		f.join(t, "c", "h", all()).ms.Leave()
		time.Sleep(2 * time.Second)
		before := stored.writes()
		time.Sleep(time.Minute)
		f.send("1")
		synctest.Wait()
		time.Sleep(time.Second)
		a.ms.Ack(1)
		a.ms.Ack(1)
		time.Sleep(time.Minute)
		after := stored.writes()
		for key, n := range after {
			want := before[key]
			if strings.HasSuffix(key, "/g") {
				want += 2 // the delivery and the acknowledgement
			} else if want != 2 && want != 1 { // its making and its rest
				t.Errorf("%s was written %d times", key, want)
			}
			if key != "jail/boiler/c/h" && key != "jail/boiler/c/g" || n > want+1 {
				t.Errorf("%s was written %d times, want %d", key, n, want)
			}
		}
	})
}

func TestCloseWritesWhatChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{Checkpoint: time.Hour}, streams.Options{})
		a := f.join(t, "c", "g", all())
		f.sendNumbers(1, 3)
		synctest.Wait()
		a.ms.Ack(3)
		if err := f.registry.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := f.registry.Close(t.Context()); err != nil {
			t.Errorf("second Close: %v", err)
		}
		a.ms.Ack(3)
		a.ms.Resume()
		a.ms.Leave()
		if _, err := f.tryJoin(t, "c", "g", all()); err != groups.ErrClosed {
			t.Errorf("joined a closed registry: %v", err)
		}
		if _, err := f.groups().Move(t.Context(), f.out.Topic(), theGroup, streams.Latest(), false); err != groups.ErrClosed {
			t.Errorf("moved in a closed registry: %v", err)
		}
		f.send("4")
		synctest.Wait()
		a.want(t, "1", "2", "3")
		f.open(t)
		f.wantAt(t, 4, 1)
	})
}

// A topic that was deleted and recreated while the groups were closed has none of
// the messages that they know.
func TestARecreatedLogIsReadFromItsBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		a := f.joinExplicitly(t, all())
		f.sendNumbers(1, 5)
		synctest.Wait()
		if _, err := a.ms.AckSeqs([]uint64{1, 2, 4}); err != nil {
			t.Fatal(err)
		}
		if err := f.registry.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := f.net.Delete(t.Context(), boiler); err != nil {
			t.Fatal(err)
		}
		f.provide(t)
		f.sendNumbers(1, 6)
		f.open(t)
		f.wantAt(t, 1, 6)
		b := f.join(t, "c", "g", all())
		synctest.Wait()
		b.want(t, numbers(1, 6)...)
		b.wantAttempts(t, 0, 0, 0, 0, 0, 0)
	})
}

// If a log loses messages that a group has seen, later messages get the same
// numbers. The group must deliver them.
func TestALogThatCameBackShorter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		a := f.joinExplicitly(t, all())
		f.sendNumbers(1, 3)
		synctest.Wait()
		if _, err := a.ms.AckUpTo(3); err != nil {
			t.Fatal(err)
		}
		id := f.out.Topic().Bounds().ID
		if err := f.registry.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		for group, record := range map[string]string{
			"g": `{"log":%q,"position":9,"createdAt":"2000-01-01T00:00:00Z","lastActive":"2000-01-01T00:00:00Z"}`,
			"h": `{"log":%q,"position":2,"done":[[3,5]],"tried":[[2,2,1,0],[6,7,1,0]],"createdAt":"2000-01-01T00:00:00Z","lastActive":"2000-01-01T00:00:00Z"}`,
		} {
			value := fmt.Sprintf(record, id)
			if _, err := f.records.Put(t.Context(), "groups", "jail/boiler/c/"+group, []byte(value), storage.Always()); err != nil {
				t.Fatal(err)
			}
		}
		f.open(t)
		f.sendNumbers(4, 6)
		f.wantAt(t, 4, 3)
		g, h := f.join(t, "c", "g", all()), f.join(t, "c", "h", all())
		synctest.Wait()
		g.want(t, "4", "5", "6")
		h.want(t, "2", "4", "5", "6")
		h.wantAttempts(t, 1, 0, 0, 0)
	})
}

// A batch that was being delivered when the last member left, or the group moved,
// may reach the group at another position.
func TestWhatAnOldReaderBringsIsIgnored(t *testing.T) {
	for name, happen := range map[string]func(*testing.T, *fixture, *member){
		"left": func(t *testing.T, f *fixture, a *member) { a.ms.Leave(); f.join(t, "c", "g", all()) },
		"moved": func(t *testing.T, f *fixture, a *member) {
			if _, err := f.groups().Move(t.Context(), f.out.Topic(), theGroup, streams.Latest(), false); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, groups.Options{}, streams.Options{})
			a := f.join(t, "c", "g", all())
			old := f.groups().ReaderOf(theGroup)
			happen(t, f, a)
			if n := old.Deliver(&streams.Batch{Messages: []*streams.Message{{Seq: 1}}}); n != 0 {
				t.Errorf("%d messages were taken", n)
			}
			old.Gap(1, 5)
			old.State(streams.State{})
			old.Resumed()
			old.End(errors.New("nothing"))
			old.End(streams.ErrDeleted)
			a.want(t)
			if s := f.stat(t); a.told() != "" || s.Members != 1 || s.Lost != 0 || s.InFlight != 0 {
				t.Errorf("told %q; %+v", a.told(), s)
			}
		})
	}
}

// lateNetwork finds no topic before it is told that it knows them.
type lateNetwork struct {
	*streams.Network
	known bool
}

func (n *lateNetwork) Lookup(id streams.ID) (*streams.Topic, bool) {
	if !n.known {
		return nil, false
	}
	return n.Network.Lookup(id)
}

// noTopics is a network without topics.
type noTopics struct{}

func (noTopics) Lookup(streams.ID) (*streams.Topic, bool) { return nil, false }
func (noTopics) AddGroup(streams.ID)                      {}
func (noTopics) RemoveGroup(streams.ID)                   {}

// Groups may be loaded before their topics are known.
func TestATopicThatIsFoundLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		f.sendNumbers(1, 3)
		record := fmt.Sprintf(`{"log":%q,"position":9,"createdAt":%[2]q,"lastActive":%[2]q}`,
			f.out.Topic().Bounds().ID, time.Now().UTC().Format(time.RFC3339))
		if _, err := f.records.Put(t.Context(), "groups", "jail/boiler/c/g", []byte(record), storage.Always()); err != nil {
			t.Fatal(err)
		}
		_ = f.registry.Close(t.Context())
		late := &lateNetwork{Network: f.net}
		r, err := groups.Open(t.Context(), f.records, late, groupstest.Options(groups.Options{}))
		if err != nil {
			t.Fatal(err)
		}
		f.registry = r
		if s := f.stat(t); s.Lag != 0 || s.Position != 9 {
			t.Errorf("without its topic: %+v", s)
		}
		late.known = true
		m := f.join(t, "c", "g", all())
		f.wantAt(t, 4, 0)
		f.send("4")
		synctest.Wait()
		m.want(t, "4")
	})
}

func TestARecordThatCannotBeReadIsNamed(t *testing.T) {
	for key, value := range map[string]string{"jail/boiler/c/g": `{}`, "what": `{"position":1}`} {
		engine := memory.New()
		if _, err := engine.Put(t.Context(), "groups", key, []byte(value), storage.Always()); err != nil {
			t.Fatal(err)
		}
		if _, err := groups.Open(t.Context(), engine, noTopics{}, groupstest.Options(groups.Options{})); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("opened with a record of %s: %v", value, err)
		}
	}
}
