package client

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// A MessageStream holds message streams within a process, with the methods of a RemoteStream.
// A stream exists while it is used, and keeps nothing but its header and a number. Values
// are handed over as they are, so nobody must change them afterwards. Safe for concurrent
// use.
//
// A putter whose queue is full misses what comes meanwhile, and is told how much: there
// is no log to read it from.
type MessageStream struct {
	queueBytes int

	mu      sync.Mutex // guards what follows
	streams map[string]*localStream
	closed  bool
	work    sync.WaitGroup
}

type localStream struct {
	header  any
	headed  bool
	next    uint64 // number of the next message
	putters []*localPutter
}

type localPutter struct {
	*putting
	missed uint64 // messages since the last one that was queued
}

// messageSize is what a queued value counts, in bytes: its real size is not known.
const messageSize = queuedOverhead

// NewMessageStream returns a MessageStream without streams. queue is how many messages
// wait for each putter at most; 0 is 8,192.
func NewMessageStream(queue int) *MessageStream {
	if queue <= 0 {
		queue = 8192
	}
	return &MessageStream{queueBytes: queue * messageSize, streams: map[string]*localStream{}}
}

// Listen calls the putter with the header, if there is one, and then with every message,
// until Hangup. It returns ErrClosed after Close.
func (s *MessageStream) Listen(stream string, p Putter) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	to := s.streamLocked(stream)
	l := &localPutter{}
	l.putting = newPutting(p, nil, s.queueBytes, func() { s.tellMissed(stream, l) })
	to.putters = append(to.putters, l)
	if to.headed {
		l.offer(StreamMessage{Stream: stream, Value: to.header, Header: true}, nil, true)
	}
	s.work.Go(l.run)
	return nil
}

// tellMissed tells a putter that has room again what it has missed meanwhile.
func (s *MessageStream) tellMissed(stream string, l *localPutter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if to := s.streams[stream]; to != nil && slices.Contains(to.putters, l) {
		l.tell(stream, to.next)
	}
}

// tell queues what the putter has missed before the message with the number next, and
// reports whether it misses nothing.
func (l *localPutter) tell(stream string, next uint64) bool {
	if l.missed > 0 && l.offer(StreamMessage{Stream: stream, Missing: Missing{From: next - l.missed, To: next - 1}}, nil, false) {
		l.missed = 0
	}
	return l.missed == 0
}

func (s *MessageStream) streamLocked(name string) *localStream {
	to := s.streams[name]
	if to == nil {
		to = &localStream{next: 1}
		s.streams[name] = to
	}
	return to
}

// Hangup ends listening of the putter to the stream; "" is all streams. A Put that is
// under way may still end; no other follows.
func (s *MessageStream) Hangup(stream string, p Putter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, of := range s.streams {
		if stream == "" || name == stream {
			of.putters = slices.DeleteFunc(of.putters, func(l *localPutter) bool {
				if l.putter == p {
					l.end()
				}
				return l.putter == p
			})
			s.dropUnusedLocked(name)
		}
	}
}

// dropUnusedLocked forgets a stream that nobody listens to and that has no header.
func (s *MessageStream) dropUnusedLocked(stream string) {
	if of := s.streams[stream]; len(of.putters) == 0 && !of.headed {
		delete(s.streams, stream)
	}
}

// Put hands the message to every putter of the stream.
func (s *MessageStream) Put(_ context.Context, stream string, message any) error {
	return s.put(stream, func(to *localStream) { to.put(stream, message) })
}

// PutWithHeader is Put, and makes header the header that holds after the message, in one
// step.
func (s *MessageStream) PutWithHeader(_ context.Context, stream string, message, header any) error {
	return s.put(stream, func(to *localStream) {
		to.put(stream, message)
		to.header, to.headed = header, true
	})
}

// SetHeader replaces the header. Those who listen already are not told. A nil header is
// none.
func (s *MessageStream) SetHeader(_ context.Context, stream string, header any) error {
	return s.put(stream, func(to *localStream) { to.header, to.headed = header, header != nil })
}

func (s *MessageStream) put(stream string, do func(*localStream)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	do(s.streamLocked(stream))
	s.dropUnusedLocked(stream)
	return nil
}

func (to *localStream) put(stream string, message any) {
	seq := to.next
	to.next++
	m := StreamMessage{Stream: stream, Value: message, Seq: seq, Time: time.Now()}
	for _, l := range to.putters {
		if !l.tell(stream, seq) || !l.offer(m, nil, false) {
			l.missed++
		}
	}
}

// Delete ends the stream: each putter is told that it is Closed, and the header is gone.
func (s *MessageStream) Delete(_ context.Context, stream string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if of := s.streams[stream]; of != nil {
		for _, l := range of.putters {
			if l.missed > 0 {
				l.offer(StreamMessage{Stream: stream, Missing: Missing{From: of.next - l.missed, To: of.next - 1}}, nil, true)
			}
			l.offer(StreamMessage{Stream: stream, Closed: true}, nil, true)
		}
		delete(s.streams, stream)
	}
	return nil
}

// Close ends listening of all putters, and waits for the calls that are under way. The
// error is always nil. It can be called twice.
func (s *MessageStream) Close() error {
	s.mu.Lock()
	s.closed = true
	for of := range maps.Values(s.streams) {
		for _, l := range of.putters {
			l.end()
		}
	}
	clear(s.streams)
	s.mu.Unlock()
	s.work.Wait()
	return nil
}
