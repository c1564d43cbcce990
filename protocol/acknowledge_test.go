package protocol_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"seagate/protocol"
)

// seqList returns a JSON list of n numbers.
func seqList(n int) string { return "[" + strings.Repeat("7,", n-1) + "7]" }

func TestAck(t *testing.T) {
	tests := []struct {
		payload string
		want    protocol.Ack
	}{
		{`{"subscription":2,"seq":17}`, protocol.Ack{Subscription: 2, Seqs: []uint64{17}}},
		{`{"subscription":2,"seq":[17,18,17]}`, protocol.Ack{Subscription: 2, Seqs: []uint64{17, 18, 17}}},
		{`{"subscription":2.0,"seq":[ 1 , 1.8e1 ],"upTo":null,"x":{}}`, protocol.Ack{Subscription: 2, Seqs: []uint64{1, 18}}},
		{`{"subscription":2,"upTo":9007199254740992,"seq":null}`, protocol.Ack{Subscription: 2, UpTo: 1 << 53}},
		{`{"subscription":2,"seq":` + seqList(protocol.MaxAckSeqs) + `}`, protocol.Ack{Subscription: 2, Seqs: slices.Repeat([]uint64{7}, protocol.MaxAckSeqs)}},
	}
	for _, test := range tests {
		got, err := decode(t, `{"id":7,"action":"ack","payload":`+test.payload+`}`).Ack()
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%.80s: got %.80v, %v", test.payload, got, err)
		}
	}
}

const (
	badPayload      = "payload: must be an object"
	badSubscription = "payload.subscription: must be an integer: the id of a subscribe request"
	badSeq          = "payload.seq: must be a message number from 1, or a list of 1 to 10000 of them"
)

func TestAckRefusals(t *testing.T) {
	const (
		either = "payload: must have either seq or upTo"
		upTo   = "payload.upTo: must be a message number from 1"
	)
	tests := []refused{
		{"nothing", ``, protocol.CodeInvalidRequest, []string{badPayload}},
		{"list", `,"payload":[]`, protocol.CodeInvalidRequest, []string{badPayload}},
		{"empty", `,"payload":{}`, protocol.CodeInvalidRequest, []string{badSubscription, either}},
		{"both", `,"payload":{"subscription":2,"seq":1,"upTo":1}`, protocol.CodeInvalidRequest, []string{either}},
		{"everything", `,"payload":{"subscription":"2","upTo":"1"}`, protocol.CodeInvalidRequest, []string{badSubscription, upTo}},
		{"repeated key", `,"payload":{"subscription":2,"seq":1,"seq":2}`, protocol.CodeMalformedJSON, nil},
		{"unpaired surrogate", `,"payload":{"subscription":2,"seq":1,"x":"\ud800"}`, protocol.CodeMalformedJSON, nil},
	}
	for _, value := range []string{`0`, `-1`, `1.5`, `9007199254740993`, `[1]`} {
		tests = append(tests, refused{"upTo " + value, `,"payload":{"subscription":2,"upTo":` + value + `}`, protocol.CodeInvalidRequest, []string{upTo}})
	}
	for _, value := range badSeqs {
		tests = append(tests, refused{"seq " + value[:min(len(value), 20)], `,"payload":{"subscription":2,"seq":` + value + `}`, protocol.CodeInvalidRequest, []string{badSeq}})
	}
	for _, test := range tests {
		test.run(t, func(r protocol.Request) (any, error) { return r.Ack() })
	}
}

var badSeqs = []string{`0`, `"17"`, `[]`, `[0]`, `[1,2.5]`, `[1,[2]]`, `[null]`, `{}`, `true`, seqList(protocol.MaxAckSeqs + 1)}

func TestNack(t *testing.T) {
	longest := strings.Repeat("é", protocol.MaxReasonBytes/2)
	tests := []struct {
		payload string
		want    protocol.Nack
	}{
		{`{"subscription":2,"seq":17}`, protocol.Nack{Subscription: 2, Seqs: []uint64{17}}},
		{`{"subscription":2,"seq":[17,18],"reason":"no \"boiler\"","delay":5,"upTo":"x"}`, protocol.Nack{Subscription: 2, Seqs: []uint64{17, 18}, Reason: `no "boiler"`, Delay: 5 * time.Second}},
		{`{"subscription":2,"seq":1,"reason":null,"delay":null}`, protocol.Nack{Subscription: 2, Seqs: []uint64{1}}},
		{`{"subscription":2,"seq":1,"reason":"","delay":0}`, protocol.Nack{Subscription: 2, Seqs: []uint64{1}}},
		{`{"subscription":2,"seq":1,"delay":0.0015}`, protocol.Nack{Subscription: 2, Seqs: []uint64{1}, Delay: 1500 * time.Microsecond}},
		{`{"subscription":2,"seq":1,"delay":8.64e4,"reason":"` + longest + `"}`, protocol.Nack{Subscription: 2, Seqs: []uint64{1}, Delay: protocol.MaxNackDelay, Reason: longest}},
	}
	for _, test := range tests {
		got, err := decode(t, `{"id":8,"action":"nack","payload":`+test.payload+`}`).Nack()
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%.80s: got %.80v, %v", test.payload, got, err)
		}
	}
}

func TestNackRefusals(t *testing.T) {
	const (
		reason = "payload.reason: must be a string of at most 1024 bytes"
		delay  = "payload.delay: must be a number of seconds from 0 to 86400"
	)
	tests := []refused{
		{"nothing", ``, protocol.CodeInvalidRequest, []string{badPayload}},
		{"empty", `,"payload":{}`, protocol.CodeInvalidRequest, []string{badSubscription, badSeq}},
		{"everything", `,"payload":{"subscription":1.5,"seq":0,"reason":1,"delay":"1"}`, protocol.CodeInvalidRequest, []string{badSubscription, badSeq, reason, delay}},
		{"upTo", `,"payload":{"subscription":2,"upTo":1}`, protocol.CodeInvalidRequest, []string{badSeq}},
		{"long reason", `,"payload":{"subscription":2,"seq":1,"reason":"` + strings.Repeat("r", protocol.MaxReasonBytes+1) + `"}`, protocol.CodeInvalidRequest, []string{reason}},
		{"repeated key", `,"payload":{"subscription":2,"seq":1,"delay":2,"delay":2}`, protocol.CodeMalformedJSON, nil},
	}
	for _, value := range []string{`-0.001`, `86400.001`, `1e400`, `1e30`, `-1e30`, `"5s"`, `true`, `{}`} {
		tests = append(tests, refused{"delay " + value, `,"payload":{"subscription":2,"seq":1,"delay":` + value + `}`, protocol.CodeInvalidRequest, []string{delay}})
	}
	for _, value := range badSeqs {
		tests = append(tests, refused{"seq " + value[:min(len(value), 20)], `,"payload":{"subscription":2,"seq":` + value + `}`, protocol.CodeInvalidRequest, []string{badSeq}})
	}
	for _, test := range tests {
		test.run(t, func(r protocol.Request) (any, error) { return r.Nack() })
	}
}
