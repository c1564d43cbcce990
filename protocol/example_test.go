package protocol_test

import (
	"errors"
	"fmt"
	"time"

	"seagate/protocol"
)

// Every message is decoded, checked against the sequence, and read by a view.
func Example() {
	var sequence protocol.Sequence
	answer := func(message string) {
		req, err := protocol.DecodeRequest([]byte(message), protocol.DefaultLimits())
		if err == nil {
			err = sequence.Next(req)
		}
		if v, ok := errors.AsType[*protocol.Violation](err); ok {
			info, _ := v.Refusal.Code.Info()
			fmt.Printf("%s\nclose %d\n", protocol.AppendRefusal(nil, v.ID, v.Action, v.Refusal), info.Close)
			return
		}
		switch req.Action {
		case protocol.ActionAuthenticate:
			fmt.Printf("%s\n", protocol.AppendAuthenticated(nil, req.ID, "some_jail"))
		case protocol.ActionSubscribe:
			sub, err := req.Subscribe()
			if e, ok := errors.AsType[*protocol.Error](err); ok {
				fmt.Printf("%s\n", protocol.AppendRefusal(nil, req.ID, req.Action, e))
				return
			}
			fmt.Printf("%s\n", protocol.AppendSubscribed(nil, req.ID, protocol.ActionSubscription, sub.Stream))
		}
	}
	answer(`{"id":1,"action":"authenticate","payload":{"type":"basic","clientId":"abc","clientSecret":"def123"}}`)
	answer(`{"id":2,"action":"subscribe","payload":"boiler_data"}`)
	answer(`{"id":3,"action":"subscribe","payload":"boiler data"}`)
	answer(`{"id":3,"action":"subscribe","payload":"boiler_data"}`)
	// Output:
	// {"id":1,"action":"authenticate","success":true,"payload":{"jailId":"some_jail"}}
	// {"id":2,"action":"subscription","success":true,"streamName":"boiler_data","payload":2}
	// {"id":3,"action":"subscribe","success":false,"error":{"code":"invalid_name","message":"Invalid stream name: character ' ' at position 7 is not allowed; allowed are letters, marks and digits of any script and - _ . ~ @ + :."}}
	// {"id":3,"action":"subscribe","success":false,"error":{"code":"protocol_violation","message":"The message has id 3 where 4 was expected: the first message has id 1, each later one exactly one more."}}
	// close 1008
}

// The long part of a delivery is encoded once for all subscriptions.
func ExampleAppendDeliveryTail() {
	tail := protocol.AppendDeliveryTail(nil, protocol.ActionSubscription, "boiler_data", []byte(`{"temperature":91,"pressure":3001}`))
	for _, id := range []int64{2, 7} {
		fmt.Printf("%s%s\n", protocol.AppendDeliveryHead(nil, id), tail)
	}
	// Output:
	// {"id":2,"action":"subscription","streamName":"boiler_data","payload":{"temperature":91,"pressure":3001}}
	// {"id":7,"action":"subscription","streamName":"boiler_data","payload":{"temperature":91,"pressure":3001}}
}

// A subscription with meta receives the number of each message. Number and epoch
// together are a position from which another subscription can continue.
func ExampleAppendDeliveryMeta() {
	meta := protocol.DeliveryMeta{Seq: 17, Time: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC), Epoch: "8f14e45f"}
	tail := protocol.AppendDeliveryMeta(nil, protocol.ActionSubscription, "boiler_data", []byte(`{"temperature":91}`), meta)
	fmt.Printf("%s%s\n", protocol.AppendDeliveryHead(nil, 2), tail)

	req, err := protocol.DecodeRequest([]byte(`{"id":3,"action":"subscribe","payload":"boiler_data","from":18,"epoch":"8f14e45f","meta":true}`), protocol.DefaultLimits())
	if err != nil {
		panic(err)
	}
	sub, err := req.Subscribe()
	fmt.Println(sub.From, sub.Epoch, sub.Meta, err)
	// Output:
	// {"id":2,"action":"subscription","streamName":"boiler_data","payload":{"temperature":91},"seq":17,"time":"2026-11-21T10:00:00Z","epoch":"8f14e45f"}
	// 18 8f14e45f true <nil>
}

func ExampleNewProblem() {
	problem := protocol.NewProblem(protocol.Errorf(protocol.CodeStreamNotFound, "There is no stream %q.", "boiler_data"))
	fmt.Printf("%d %s\n%s\n", problem.Status, protocol.ProblemContentType, protocol.AppendProblem(nil, problem))
	// Output:
	// 404 application/problem+json
	// {"type":"/api/v1/errors/stream_not_found","title":"Stream not found","status":404,"detail":"There is no stream \"boiler_data\".","message":"There is no stream \"boiler_data\".","code":"stream_not_found"}
}

func ExampleCheckClientID() {
	fmt.Println(protocol.CheckClientID("ports:antwerp"))
	// Output:
	// invalid_name: Invalid client id: character ':' at position 6 is not allowed; allowed are letters, marks and digits of any script and - _ . ~ @ +.
}
