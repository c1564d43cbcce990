package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/protocol"
)

// A MessagePage is a part of a stream, in its order.
type MessagePage struct {
	// Messages have all that a subscription with Meta knows of them.
	Messages []Message
	// Epoch is that of the stream. With Next it is where to read on, also in
	// SubscribeOptions.
	Epoch string
	// FirstSeq is the number of the oldest message that the stream keeps,
	// NextSeq the one that the next message to be published gets.
	FirstSeq, NextSeq uint64
	// Dropped is how many messages the stream no longer keeps of those that
	// were asked for.
	Dropped uint64
	// Next is where the following page begins. There is none yet if AtEnd.
	Next  Position
	AtEnd bool
}

// Messages returns messages of the stream from a position on: as many as the
// gateway gives, and at most limit unless that is 0. After the last page go on
// at AtSeq(NextSeq). Give the Epoch of what the position was learned from, or
// "". The codes to expect are stream_not_found and position_lost.
func (c *Client) Messages(ctx context.Context, stream string, from Position, limit int, epoch string) (MessagePage, error) {
	r, err := streamCall("read messages of", http.MethodGet, stream, "messages")
	if err != nil {
		return MessagePage{}, err
	}
	r.query = url.Values{"from": {from.String()}}
	if limit != 0 {
		r.query.Set("limit", strconv.Itoa(limit))
	}
	if epoch != "" {
		r.query.Set("epoch", epoch)
	}
	var answer messagesAnswer
	if err := c.do(ctx, r, &answer); err != nil {
		return MessagePage{}, err
	}
	page, err := answer.page(stream)
	if err != nil {
		return MessagePage{}, fmt.Errorf("client: %s: %w", r.doing, notOurs(err))
	}
	return page, nil
}

// messagesAnswer is a page on the wire.
//
//	{"messages":[{"seq":1,"time":"...","payload":...}],"epoch":"...","firstSeq":1,"nextSeq":18,"next":"18"}
type messagesAnswer struct {
	Messages []struct {
		numbering
		Payload jsontext.Value `json:"payload"`
	} `json:"messages"`
	Epoch    string         `json:"epoch"`
	FirstSeq uint64         `json:"firstSeq"`
	NextSeq  uint64         `json:"nextSeq"`
	Dropped  uint64         `json:"dropped"`
	Next     jsontext.Value `json:"next"` // a number, a text as in a query, or null
}

func (a messagesAnswer) page(stream string) (MessagePage, error) {
	page := MessagePage{Epoch: a.Epoch, FirstSeq: a.FirstSeq, NextSeq: a.NextSeq, Dropped: a.Dropped}
	for _, m := range a.Messages {
		page.Messages = append(page.Messages, Message{
			Stream:  stream,
			Payload: m.Payload,
			Seq:     m.Seq,
			Time:    m.Time,
			Epoch:   a.Epoch,
		})
	}
	var err error
	page.Next, page.AtEnd, err = readNext(a.Next)
	return page, err
}

func readNext(raw jsontext.Value) (next Position, atEnd bool, err error) {
	switch raw.Kind() {
	case 0, 'n':
		return Position{}, true, nil
	case '"':
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return Position{}, false, err
		}
		next, err = protocol.ParsePosition(text)
		return next, false, err
	}
	err = json.Unmarshal(raw, &next)
	return next, false, err
}
