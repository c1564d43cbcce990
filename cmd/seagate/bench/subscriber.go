package bench

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"github.com/google/uuid"
)

// maxCredit is how many calls a server has at a time.
const maxCredit = 1024

// subscribe opens the connection of a subscriber, or of a server if publishers call. After an
// error it returns nil.
func (r *Run) subscribe(ctx context.Context, i int) (*socket, error) {
	credentials := r.target.Credentials
	if r.tokens != nil {
		credentials = r.tokens[r.keyOf(i)]
	}
	s, err := dial(ctx, r.url, r.target.TLS, credentials)
	if err != nil {
		return nil, err
	}
	action, members := "subscribe", map[string]any{"payload": r.streamName(r.streamOf(i))}
	switch {
	case r.options.Fetch:
		action = "serve"
		members["payload"] = map[string]any{"service": r.name, "procedures": []string{"echo"}, "credit": maxCredit}
	case r.options.Groups > 0:
		members["groupId"] = r.groupID(i)
		if r.options.Replay {
			members["from"] = "earliest"
		}
	case r.options.Replay:
		members["from"] = "earliest"
	}
	if err := s.request(action, members); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// groupID returns the UUID of a subscriber's group.
func (r *Run) groupID(i int) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "%s %d", r.name, r.groupOf(i))).String()
}

// receive counts what comes until the connection ends.
func (r *Run) receive(s *socket) {
	handle := r.deliver
	if r.options.Fetch {
		handle = r.serve
	}
	var err error
	for err == nil {
		err = handle(s)
	}
	r.fail(fmt.Errorf("a subscriber has lost its connection: %w", err))
}

// deliver counts the deliveries that came together.
func (r *Run) deliver(s *socket) error {
	n := int64(0)
	message, err := s.next()
	for ; message != nil && err == nil; message, err = s.received() {
		due, isDelivery := sentAt(message)
		if !isDelivery {
			continue // what a member of a group is told, for example
		}
		n++
		if !r.options.Replay {
			r.deliveries.Add(s.readAt.Sub(r.began) - due)
		}
	}
	if n > 0 {
		r.delivering.Store(int64(s.readAt.Sub(r.began)))
		r.delivered.Add(n)
	}
	return err
}

// serve answers the calls that came together, each with its body.
func (r *Run) serve(s *socket) error {
	var out, answer []byte
	message, err := s.next()
	for ; message != nil && err == nil; message, err = s.received() {
		call, isCall := numberAfter(message, callMark)
		body := between(message, payloadMark, callerMark)
		if !isCall || body == nil {
			continue
		}
		s.id++
		answer = append(answer[:0], `{"id":`...)
		answer = strconv.AppendInt(answer, int64(s.id), 10)
		answer = append(answer, `,"action":"answer","payload":{"serve":2,"call":`...)
		answer = strconv.AppendInt(answer, int64(call), 10)
		answer = append(answer, `,"result":`...)
		answer = append(append(answer, body...), '}', '}')
		out = appendFrame(out, opText, answer)
	}
	if err == nil && len(out) > 0 {
		_, err = s.Write(out)
	}
	return err
}

// between returns what stands between the first of one mark and the last of another.
func between(message, first, last []byte) []byte {
	begin, end := bytes.Index(message, first), bytes.LastIndex(message, last)
	if begin < 0 || end < begin {
		return nil
	}
	return message[begin+len(first) : end]
}
