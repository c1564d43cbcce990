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

// A MessagePage is a part of the messages of a stream, in order.
type MessagePage struct {
	// Messages have everything that a subscription with Meta has.
	Messages []Message
	// Epoch is that of the stream. Continue with it and Next, also in
	// SubscribeOptions.
	Epoch string
	// FirstSeq is the number of the oldest message that the stream keeps. NextSeq
	// is the number of the next message that is published.
	FirstSeq, NextSeq uint64
	// Dropped is how many of the requested messages the stream no longer keeps.
	Dropped uint64
	// Next is where the next page begins, unless AtEnd.
	Next  Position
	AtEnd bool
}

// Messages returns messages of the stream from a position on. The gateway bounds
// their number; if limit is not 0, there are at most limit. After the last page,
// continue at AtSeq(NextSeq). The epoch is the one of the position, or "". The codes
// to expect are stream_not_found and position_lost.
func (c *Client) Messages(ctx context.Context, stream string, from Position, limit int, epoch string) (MessagePage, error) {
	return c.Search(ctx, stream, nil, from, limit, epoch)
}

// Search is Messages for those that pass a filter in the language of tokens; nil passes all.
// The gateway bounds how many it looks at, so a page may be empty and not AtEnd. A gateway
// that knows no filters here returns all messages.
func (c *Client) Search(ctx context.Context, stream string, filter jsontext.Value, from Position, limit int, epoch string) (MessagePage, error) {
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
	if filter != nil {
		r.query.Set("filter", string(filter))
	}
	var answer messagesAnswer
	if err := c.do(ctx, r, &answer); err != nil {
		return MessagePage{}, err
	}
	page, err := answer.page(stream)
	if err != nil {
		return MessagePage{}, fmt.Errorf("client: %s: %w", r.doing, unreadable(err))
	}
	return page, nil
}

// messagesAnswer is a page in JSON.
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
	Next     jsontext.Value `json:"next"` // a number, a text such as in a query, or null
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
