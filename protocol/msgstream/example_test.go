package msgstream_test

import (
	"fmt"

	"seagate/protocol"
	"seagate/protocol/msgstream"
)

// A gateway decodes the lines of clients and encodes its own.
func Example() {
	wire := msgstream.JSON(msgstream.DefaultLimits())
	for _, line := range []string{
		`{"action":"put","id":1,"stream":"job-17","message":{"done":3},"header":{"done":3}}`,
		`{"action":"shout","id":2,"stream":"job-17"}`,
	} {
		request, err := wire.Requests.Decode([]byte(line))
		answer := msgstream.Event{Action: request.Action, ID: request.ID, Stream: request.Stream}
		if refusal, is := err.(*protocol.Error); is {
			answer.Action, answer.Error = msgstream.ActionError, refusal
		}
		text, _ := wire.Events.Encode(nil, answer)
		fmt.Printf("%s\n", text)
	}
	// Output:
	// {"action":"put","id":1,"stream":"job-17"}
	// {"action":"error","id":2,"message":"The line is not well formed: see errors","code":"invalid_request","errors":["action: must be one of listen, hangup, put, header, delete, close, authenticate"],"stream":"job-17"}
}

// Steps is how far a computation has come.
type Steps struct {
	Done  int64  `json:"done"`
	Units string `json:"units"`
}

// A registered type travels as a typed object. What is not registered stays as it came.
func ExampleRegistry() {
	r := &msgstream.Registry{}
	if err := msgstream.Register[Steps](r, "fit.steps", "1.0"); err != nil {
		fmt.Println(err)
		return
	}
	text, err := r.Encode(nil, map[string]any{"job": 17, "steps": Steps{3, "iterations"}})
	fmt.Printf("%s %v\n", text, err)

	v, err := r.Decode([]byte(`[{".class":"fit.steps",".version":"0.9",".state":{"done":4}},{".class":"fit.curve",".version":"1.0",".state":{}}]`))
	list := v.([]any)
	fmt.Printf("%T %v; %T %v; %v\n", list[0], list[0], list[1], list[1], err)
	// Output:
	// {"job":17,"steps":{".class":"fit.steps",".version":"1.0",".state":{"done":3,"units":"iterations"}}} <nil>
	// msgstream_test.Steps {4 }; msgstream.Plain {".class":"fit.curve",".version":"1.0",".state":{}}; <nil>
}
