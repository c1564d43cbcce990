package httpapi

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/gateway"
	"seagate/protocol"
)

// readMessages is GET /streams/{stream}/messages?from=&limit=&epoch=&filter=.
func (q *request) readMessages() (any, error) {
	query := q.query("from", "limit", "epoch", "filter")
	from, limit := query.position(), query.limit()
	if epoch, given := query.values["epoch"]; given {
		if problem := epochProblem(epoch); problem != "" {
			query.Add("query", "epoch "+problem)
		}
		from.Epoch = epoch
	}
	if err := query.err(); err != nil {
		return nil, err
	}
	var filter jsontext.Value
	if text, given := query.values["filter"]; given {
		filter = jsontext.Value(text)
	}
	page, err := q.gateway.Search(q.r.Context(), q.principal, q.stream(), from, limit, filter)
	return appendPage(nil, page), err
}

// position returns where a page begins: without "from" at the oldest message.
func (q *query) position() (from gateway.Position) {
	from.Kind = protocol.PositionEarliest
	if text, given := q.values["from"]; given {
		var err error
		if from.Position, err = protocol.ParsePosition(text); err != nil {
			q.Add("query", "from "+protocol.MustBePosition)
		}
	}
	return from
}

// epochProblem returns what is wrong with an epoch, or "".
func epochProblem(epoch string) string {
	switch {
	case epoch == "":
		return mustBeString
	case len(epoch) > protocol.MaxEpochBytes:
		return "must have at most " + strconv.Itoa(protocol.MaxEpochBytes) + " bytes"
	}
	return ""
}

// appendPage appends a page of messages. It keeps the bytes of each payload as
// they were published, which an encoder would not.
//
//	{"messages":[{"seq":1,"time":"2026-11-21T10:00:00.5Z","payload":{...}}],
//	 "epoch":"8f14e45f","firstSeq":1,"nextSeq":18,"next":"2","dropped":3}
//
// "next" is where the next page begins, null on the last page. "nextSeq" is the
// number that the next message will have. "dropped" is left out if it is 0.
func appendPage(dst []byte, page gateway.Page) []byte {
	dst = append(dst, `{"messages":[`...)
	for i, m := range page.Messages {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendUint(append(dst, `{"seq":`...), m.Seq, 10)
		dst = protocol.AppendTime(append(dst, `,"time":"`...), m.Time)
		dst = append(append(dst, `","payload":`...), m.Payload...)
		dst = append(dst, '}')
	}
	// An epoch is letters and digits, so quoting it cannot fail.
	dst, _ = jsontext.AppendQuote(append(dst, `],"epoch":`...), page.Bounds.Epoch)
	dst = strconv.AppendUint(append(dst, `,"firstSeq":`...), page.Bounds.First, 10)
	dst = strconv.AppendUint(append(dst, `,"nextSeq":`...), page.Bounds.Next, 10)
	dst = append(append(dst, `,"next":`...), nextOf(page)...)
	if page.Dropped > 0 {
		dst = strconv.AppendUint(append(dst, `,"dropped":`...), page.Dropped, 10)
	}
	return append(dst, '}')
}

func nextOf(page gateway.Page) string {
	if !page.More {
		return "null"
	}
	return `"` + strconv.FormatUint(page.Next, 10) + `"`
}

// publishAgain is POST /streams/{stream}/messages/{seq}/publish, of a dead letter.
func (q *request) publishAgain() (any, error) {
	id, err := q.idempotencyKey()
	if err != nil {
		return nil, err
	}
	t := receipts.Get().(*receipt)
	stream := q.gateway.PublishAgain(q.r.Context(), q.principal, q.stream(), q.seq(), id, t.done)
	at, err := t.wait(q.r.Context())
	if err != nil {
		return nil, err
	}
	receipts.Put(t)
	return protocol.PublishedAgain{StreamName: stream, Seq: at.Seq, Time: at.Time.UTC(), Epoch: at.Epoch}, nil
}

// checkSeq accepts the number of a message.
func checkSeq(text string) error {
	if seq, err := strconv.ParseUint(text, 10, 64); err != nil || seq == 0 || seq > protocol.MaxInteger {
		return invalidRequest("seq", "must be the number of a message, from 1")
	}
	return nil
}
