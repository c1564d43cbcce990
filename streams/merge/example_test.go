package merge_test

import (
	"context"
	"fmt"
	"time"

	"seagate/storage/memory"
	"seagate/streams"
	"seagate/streams/merge"
	"seagate/streams/streamstest"
)

// printer is a sink that prints what comes.
type printer struct{ left chan struct{} }

func (p printer) Deliver(items []merge.Item) int {
	for _, item := range items {
		fmt.Printf("%d: %s\n", item.Source, item.Message.Payload)
		p.left <- struct{}{}
	}
	return len(items)
}

func (p printer) Dropped(source int, why merge.Reason, n int) {
	fmt.Printf("%d: dropped %d, %v\n", source, n, why)
}
func (printer) Gap(int, uint64, uint64) {}
func (printer) End(int, error)          {}

// Two sensors whose messages are read in the order of their own clock, from the
// beginning.
func Example() {
	ctx := context.Background()
	disk := memory.New()
	network, err := streams.Open(ctx, streams.Stores{Records: disk, Disk: disk, Memory: memory.New()}, streamstest.Options(streams.Options{}))
	if err != nil {
		panic(err)
	}
	defer network.Close()

	var sources []merge.Source
	for name, payloads := range map[string][]string{
		"inlet":  {`{"at":1,"bar":2.1}`, `{"at":3,"bar":2.2}`},
		"outlet": {`{"at":2,"bar":1.8}`, `{"bar":1.9}`, `{"at":3,"bar":1.7}`},
	} {
		topic, err := network.Topic(streams.ID{Space: "plant", Name: name})
		if err != nil {
			panic(err)
		}
		if err := sendTo(topic, payloads...); err != nil {
			panic(err)
		}
		sources = append(sources, merge.Source{Topic: topic, From: streams.Earliest()})
	}
	if sources[0].Topic.ID().Name == "outlet" { // a map has no order
		sources[0], sources[1] = sources[1], sources[0]
	}
	sources[1].Priority = 1

	by, err := merge.Path("$.at")
	if err != nil {
		panic(err)
	}
	p := printer{left: make(chan struct{}, 4)}
	m, err := merge.Open(ctx, sources, merge.Options{By: by, Wait: 10 * time.Millisecond}, p)
	if err != nil {
		panic(err)
	}
	defer m.Close()
	m.Start()
	for range cap(p.left) {
		<-p.left
	}
	// Unordered output:
	// 0: {"at":1,"bar":2.1}
	// 1: {"at":2,"bar":1.8}
	// 1: dropped 1, untimed
	// 1: {"at":3,"bar":1.7}
	// 0: {"at":3,"bar":2.2}
}
