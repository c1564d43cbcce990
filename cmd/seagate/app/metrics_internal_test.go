package app

import (
	"context"
	"math"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"seagate/auth"
	"seagate/auth/authtest"
	"seagate/groups"
	"seagate/groups/groupstest"
	"seagate/internal/panics/panicstest"
	"seagate/storage/memory"
	"seagate/streams"
	"seagate/streams/streamstest"
)

type nobody struct{}

func (nobody) Visible(*streams.Batch) []int                         { return nil }
func (nobody) Deliver(*streams.Batch, []groups.Share) (int, uint64) { return 0, 0 }
func (nobody) Gap(_, _ uint64) (uint64, bool)                       { return 0, true }
func (nobody) End(error)                                            {}

// Groups can outlive their clients: after a crash between the two steps of
// DeleteClient, or if the second step fails, which is only logged. The metrics of two
// such groups must not have the same labels.
func TestMetricsOfGroupsOfDeletedClients(t *testing.T) {
	ctx := context.Background()
	records := memory.New()
	dir := authtest.Open(t, records, authtest.Options())
	network, _ := streams.Open(ctx, streams.Stores{Records: records, Disk: memory.New(), Memory: memory.New()}, streamstest.Options(streams.Options{}))
	defer network.Close()
	registry, err := groups.Open(ctx, records, network, groupstest.Options(groups.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	defer registry.Close(ctx)
	topic, _ := network.Topic(streams.ID{Space: "jail", Name: "s"})
	out, _, _ := topic.Out(nil)
	for _, uid := range []string{"deleted1", "deleted2"} {
		if _, err := registry.Topic(topic.ID()).Join(ctx, topic, groups.Name{Client: uid}, groups.JoinOptions{}, nobody{}); err != nil {
			t.Fatal(err)
		}
	}
	out.Send([][]byte{[]byte("1")}, func(streams.Sent, error) {})
	r := prometheus.NewRegistry()
	r.MustRegister(&groupMetrics{registry, dir, 100})
	if _, err := r.Gather(); err != nil {
		t.Errorf("all metrics fail: %v", err)
	}
}

// A tenant that knew the uid of a deleted client could make a client of that id, whose
// series was then the same.
func TestNobodyCanTakeTheLabelsOfADeletedClient(t *testing.T) {
	ctx := t.Context()
	records := memory.New()
	dir := authtest.Open(t, records, authtest.Options())
	authtest.NewRoot(t, dir, "deleted1")
	root := dir.JailUID(auth.RootJailID)
	client, err := dir.Client(root, "deleted1")
	if err != nil {
		t.Fatal(err)
	}
	network, _ := streams.Open(ctx, streams.Stores{Records: records, Disk: memory.New(), Memory: memory.New()}, streamstest.Options(streams.Options{}))
	defer network.Close()
	registry, err := groups.Open(ctx, records, network, groupstest.Options(groups.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	defer registry.Close(ctx)
	topic, _ := network.Topic(streams.ID{Space: root, Name: "s"})
	out, _, _ := topic.Out(nil)
	for _, uid := range []string{"deleted1", client.UID} {
		if _, err := registry.Topic(topic.ID()).Join(ctx, topic, groups.Name{Client: uid}, groups.JoinOptions{}, nobody{}); err != nil {
			t.Fatal(err)
		}
	}
	out.Send([][]byte{[]byte("1")}, func(streams.Sent, error) {})
	r := prometheus.NewRegistry()
	r.MustRegister(&groupMetrics{registry, dir, 100})
	if _, err := r.Gather(); err != nil {
		t.Errorf("all metrics fail: %v", err)
	}
}

func TestAPanickingCollectorFailsAlone(t *testing.T) {
	a := &App{metrics: prometheus.NewRegistry()}
	a.gauge("broken", "Broken.", func() float64 { panic("broken") })
	a.gauge("whole", "Whole.", func() float64 { return 7 })
	a.metrics.MustRegister(containedCollector{&groupMetrics{}})
	contained := panicstest.Begin(t, "metrics")
	families, err := a.metrics.Gather()
	if err == nil || len(families) != 2 {
		t.Fatalf("%v %v, want an error of the groups and two gauges", families, err)
	}
	for _, f := range families {
		broken := math.IsNaN(f.Metric[0].Gauge.GetValue())
		if (f.GetName() == "seagate_broken") != broken {
			t.Errorf("%v", f)
		}
	}
	contained.Want(2)
}
