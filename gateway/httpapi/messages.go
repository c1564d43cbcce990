package httpapi

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/gateway"
	"seagate/protocol"
)

// readMessages is GET /streams/{stream}/messages?from=&limit=&epoch=.
func (q *request) readMessages(stream string) ([]byte, error) {
	from, limit, err := q.readFrom()
	if err != nil {
		return nil, err
	}
	page, err := q.gateway.Messages(q.r.Context(), q.principal, stream, from, limit)
	if err != nil {
		return nil, err
	}
	return appendPage(nil, page), nil
}

// readFrom returns where a page begins, the oldest message if the query does
// not say, and how long it may be.
func (q *request) readFrom() (from gateway.Position, limit int, err error) {
	query, wrong := q.query("from", "limit", "epoch")
	from.Kind = protocol.PositionEarliest
	if text, given := query["from"]; given {
		var err error
		if from.Position, err = protocol.ParsePosition(text); err != nil {
			wrong.Add("query", "from "+protocol.MustBePosition)
		}
	}
	limit, problem := pageLimit(query)
	if problem != "" {
		wrong.Add("query", problem)
	}
	epoch, given := query["epoch"]
	if problem := epochProblem(epoch); given && problem != "" {
		wrong.Add("query", "epoch "+problem)
	}
	from.Epoch = epoch
	return from, limit, refusal(&wrong)
}

// epochProblem returns what is wrong with an epoch, "" if nothing is.
func epochProblem(epoch string) string {
	switch {
	case epoch == "":
		return mustBeString
	case len(epoch) > protocol.MaxEpochBytes:
		return "must have at most " + strconv.Itoa(protocol.MaxEpochBytes) + " bytes"
	}
	return ""
}

// appendPage appends a page of messages. Payloads are as they were published,
// byte for byte, which no encoder would leave them.
//
//	{"messages":[{"seq":1,"time":"2026-11-21T10:00:00.5Z","payload":{...}}],
//	 "epoch":"8f14e45f","firstSeq":1,"nextSeq":18,"next":"2","dropped":3}
//
// Without "dropped", nothing was. "next" is null at the end, which nextSeq, the
// number of the message that is not there yet, continues.
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
