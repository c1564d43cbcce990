package streams_test

import (
	"context"
	"fmt"

	"seagate/storage/memory"
	"seagate/streams"
	"seagate/streams/streamstest"
)

// sensor is a producer that works only while somebody wants its messages.
type sensor struct{ wanted chan bool }

func (s sensor) Requested(i streams.Interest) { s.wanted <- i.Requested() }
func (s sensor) End(error)                    { close(s.wanted) }

func ExampleTopic_Out() {
	store := memory.New()
	network, err := streams.Open(context.Background(), streams.Stores{Records: store, Disk: store, Memory: store}, streamstest.Options(streams.Options{}))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer network.Close()
	topic, err := network.Topic(streams.ID{Space: "plant", Name: "boiler"})
	if err != nil {
		fmt.Println(err)
		return
	}
	s := sensor{make(chan bool, 2)} // Requested must not block
	out, now, err := topic.Out(s)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer out.Close()
	fmt.Println("wanted:", now.Requested())
	out.Start()

	in, joined, err := topic.In(context.Background(), &counter{}, 0, streams.Latest())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("registered:", joined.Registered)
	fmt.Println("wanted:", <-s.wanted)
	in.Close()
	fmt.Println("wanted:", <-s.wanted)
	// Output:
	// wanted: false
	// registered: true
	// wanted: true
	// wanted: false
}
