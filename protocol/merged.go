package protocol

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/internal/jsonpath"
	"seagate/internal/jsonscan"
)

// Bounds of a merged subscription that clients rely on.
const (
	// DefaultMergeWait is the wait of a sync that names none.
	DefaultMergeWait = time.Second
	// MaxMergeWait bounds the wait of a sync.
	MaxMergeWait = time.Hour
	// MaxPathBytes bounds the path of a sync.
	MaxPathBytes = 1024
)

// A Merged asks for the messages of several streams in the order of their
// timestamps (an extension).
type Merged struct {
	Streams []MergedStream
	By      string        // the path of the timestamps; "" is the time of acceptance
	Wait    time.Duration // how long a silent stream may hold the others up
	Meta    bool          // as in Subscribe
}

// A MergedStream is one of the streams of a Merged.
type MergedStream struct {
	Name     string
	From     Position
	Epoch    string // the stream's epoch to which From belongs, or ""
	Priority int
}

// IsMerged reports whether a subscribe request is one for SubscribeMerged: it
// has a list of streams, or sync.
func (r Request) IsMerged() bool { return r.payload.Kind() == '[' || !absent(r.sync) }

// SubscribeMerged reads a subscribe request with several streams, of which
// there may be most. Of sync, every member may be absent or null.
//
//	{"id":9,"action":"subscribe","payload":["a","b"],"sync":{"by":"$.timestamp","priority":{"b":1},"wait":0.5},
//	 "from":{"a":17,"b":4},"epoch":{"a":"8f14e45f"},"meta":true}
//
// The error is an *Error: invalid_request, or invalid_name.
func (r Request) SubscribeMerged(most int) (Merged, error) {
	c := checker{refusal: r.refusal}
	m := Merged{Wait: DefaultMergeWait}
	m.Streams = c.mergedStreams(r.payload, most)
	c.sync(r.sync, &m)
	if !absent(r.from) {
		c.mergedFrom(r.from, m.Streams)
	}
	if !absent(r.epoch) {
		c.byStream("epoch", r.epoch, m.Streams, func(place string, s *MergedStream, raw jsontext.Value) {
			s.Epoch = c.atMost(place, raw, MaxEpochBytes)
		})
	}
	m.Meta = !absent(r.meta) && c.boolean("meta", r.meta)
	for _, member := range []struct {
		name string
		raw  jsontext.Value
	}{{"groupId", r.groupID}, {"ack", r.ack}, {"credit", r.credit}, {"state", r.state}, {"filter", r.filter}} {
		if !absent(member.raw) {
			c.Add(member.name, "must not be there: several streams are subscribed to together, without a group, a state and a filter")
		}
	}
	if err := c.err(); err != nil {
		return Merged{}, err
	}
	for _, s := range m.Streams {
		if err := CheckStreamName(s.Name); err != nil {
			return Merged{}, err
		}
	}
	return m, nil
}

// mergedStreams reads a list of 2 to most distinct names. It stops at the first
// that is one too many.
func (c *checker) mergedStreams(raw jsontext.Value, most int) (list []MergedStream) {
	if raw.Kind() != '[' {
		c.Addf("payload", "must be a list of 2 to %d names of streams: sync is for several streams", most)
		return nil
	}
	ok := true
	jsonscan.Array(raw, math.MaxInt, func(item jsontext.Value) bool {
		name, isText := parseString(item)
		isNew := !slices.ContainsFunc(list, func(s MergedStream) bool { return s.Name == name })
		ok = isText && name != "" && isNew && len(list) < most
		list = append(list, MergedStream{Name: name})
		return ok
	})
	if !ok || len(list) < 2 {
		c.Addf("payload", "must be a list of 2 to %d distinct names of streams", most)
		return nil
	}
	return list
}

func (c *checker) sync(raw jsontext.Value, m *Merged) {
	if absent(raw) {
		c.Add("sync", `must be there, to say how several streams are put in order; {} is by the time of acceptance`)
		return
	}
	_, err := jsonscan.Object(raw, math.MaxInt, func(quoted, value jsontext.Value) {
		name, _ := jsonscan.Text(quoted)
		switch {
		case string(name) != "by" && string(name) != "priority" && string(name) != "wait":
			c.Add("sync", "must have no members but by, priority and wait")
		case absent(value):
		case string(name) == "by":
			m.By = c.path("sync.by", value)
		case string(name) == "wait":
			m.Wait = c.mergeWait("sync.wait", value)
		default:
			c.byStream("sync.priority", value, m.Streams, func(place string, s *MergedStream, raw jsontext.Value) {
				s.Priority = c.priority(place, raw)
			})
		}
	})
	if err != nil {
		c.Add("sync", mustBeObject)
	}
}

func (c *checker) path(place string, raw jsontext.Value) string {
	text := c.atMost(place, raw, MaxPathBytes)
	if text == "" {
		return ""
	}
	if _, err := jsonpath.Parse(text); err != nil {
		c.Addf(place, `must be a path as "$.timestamp": %v`, err)
	}
	return text
}

func (c *checker) mergeWait(place string, raw jsontext.Value) time.Duration {
	wait, ok := parseSeconds(raw)
	if !ok || wait < 0 || wait > MaxMergeWait {
		c.Addf(place, "must be a number of seconds from 0 to %.0f", MaxMergeWait.Seconds())
	}
	return wait
}

func (c *checker) priority(place string, raw jsontext.Value) int {
	n, ok := parseInteger(raw)
	if !ok {
		c.Add(place, "must be an integer")
	}
	return int(n)
}

// mergedFrom reads a position for all streams, or an object with a message
// number for each.
func (c *checker) mergedFrom(raw jsontext.Value, list []MergedStream) {
	if raw.Kind() != '{' {
		from, err := decodePosition(raw)
		if err != nil || from.Kind == PositionSeq {
			c.Add("from", `must be "latest", "earliest", an RFC 3339 time, or an object with a message number for each stream`)
		}
		for i := range list {
			list[i].From = from
		}
		return
	}
	c.byStream("from", raw, list, func(place string, s *MergedStream, raw jsontext.Value) {
		s.From = Position{Kind: PositionSeq, Seq: c.seq(place, raw)}
	})
	for _, s := range list {
		if s.From.Kind != PositionSeq {
			c.Addf("from", "must have a message number for each stream; that of %s is missing", quote(s.Name))
		}
	}
}

// byStream calls set for each member of an object whose names are streams of
// the list.
func (c *checker) byStream(place string, raw jsontext.Value, list []MergedStream, set func(place string, s *MergedStream, raw jsontext.Value)) {
	seen := map[string]bool{}
	_, err := jsonscan.Object(raw, math.MaxInt, func(quoted, value jsontext.Value) {
		name, _ := parseString(quoted)
		i := slices.IndexFunc(list, func(s MergedStream) bool { return s.Name == name })
		switch {
		case i < 0:
			if list != nil { // otherwise the list itself is wrong
				c.Addf(place, "must name streams of the list alone, not %s", quote(name))
			}
		case seen[name]:
			c.Addf(place, "must name %s once", quote(name))
		default:
			seen[name] = true
			set(place+"."+name, &list[i], value)
		}
	})
	if errors.Is(err, jsonscan.ErrNotObject) {
		c.Add(place, "must be an object with a member for each stream")
	}
}

// AppendMerged appends the answer to a subscribe for several streams that
// succeeded. The action is as in AppendSubscribed. For a subscription with meta, at has
// where it begins in each stream; otherwise it is nil.
//
//	{"id":9,"action":"subscription","success":true,"streamNames":["a","b"],"payload":9,
//	 "positions":{"a":{"epoch":"...","firstSeq":1,"nextSeq":18},"b":{...}}}
func AppendMerged(dst []byte, id int64, action string, streams []string, at []Joined) []byte {
	dst = append(appendAnswer(dst, id, action, true), `,"streamNames":[`...)
	for i, name := range streams {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, name)
	}
	dst = strconv.AppendInt(append(dst, `],"payload":`...), id, 10)
	for i, joined := range at {
		before := `},`
		if i == 0 {
			before = `,"positions":{`
		}
		dst = append(appendString(append(dst, before...), streams[i]), ":{"...)
		dst = appendJoined(dst, joined)
	}
	if len(at) > 0 {
		dst = append(dst, '}', '}')
	}
	return append(dst, '}')
}

// Dropped is how many messages of a stream a merged subscription dropped.
type Dropped struct {
	Late    int `json:"late"`    // they came after one with a later timestamp
	Untimed int `json:"untimed"` // they have no timestamp
}

// AppendDropped appends the message that tells a merged subscription with meta
// what was dropped since the last one about this stream.
//
//	{"id":9,"action":"subscription","streamName":"a","dropped":{"late":2,"untimed":0}}
func AppendDropped(dst []byte, id int64, action, stream string, d Dropped) []byte {
	dst = appendText(AppendDeliveryHead(dst, id), `,"action":`, action)
	dst = appendText(dst, `,"streamName":`, stream)
	dst = strconv.AppendInt(append(dst, `,"dropped":{"late":`...), int64(d.Late), 10)
	dst = strconv.AppendInt(append(dst, `,"untimed":`...), int64(d.Untimed), 10)
	return append(dst, '}', '}')
}

// AppendMergedEnded appends the message that tells a merged subscription with
// meta that nothing follows of one of its streams.
//
//	{"id":9,"action":"subscription","streamName":"a","ended":"stream_deleted"}
func AppendMergedEnded(dst []byte, id int64, action, stream string, code Code) []byte {
	dst = appendText(AppendDeliveryHead(dst, id), `,"action":`, action)
	dst = appendText(dst, `,"streamName":`, stream)
	return append(appendText(dst, `,"ended":`, string(code)), '}')
}
