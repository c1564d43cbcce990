package client

import (
	"slices"

	"seagate/protocol"
	"seagate/protocol/msgstream"
)

// A follow is a stream that a RemoteStream follows for its putters. RemoteStream.mu guards
// it.
//
// The gateway has one listener per connection and stream. A new listen with another start
// replaces it: a putter that joins needs the header, and one that was behind needs what it
// has missed. Lines before the answer to the last listen are dropped, since all that a
// putter needs of them comes again.
type follow struct {
	stream   string
	epoch    string // "" before the first answer
	listenID int64  // of the last listen on this connection; 0 if there is none
	joined   bool   // that listen was answered
	putters  []*remotePutter
}

// A remotePutter is a putter with its place in the stream.
type remotePutter struct {
	*putting
	next   uint64 // number of the message that it gets next; 0 if it has no place yet
	joinID int64  // of the listen that gives it a place
	fresh  bool   // the header comes next, if there is one
	behind bool   // its queue was full at next, so it waits for room
}

// Listen calls the putter with the header of the stream, if there is one, and then with
// every later message, until Hangup. It returns at once: what goes wrong is told to the
// putter. It returns an error if the RemoteStream has ended.
func (r *RemoteStream) Listen(stream string, p Putter) error {
	if err := named(protocol.CheckStreamName(stream)); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return r.err
	}
	f := r.follows[stream]
	if f == nil {
		f = &follow{stream: stream}
		r.follows[stream] = f
	}
	l := &remotePutter{}
	l.putting = newPutting(p, r.options.Codec, r.options.QueueBytes, func() { r.hasRoom(f, l) })
	f.putters = append(f.putters, l)
	r.work.Go(l.run)
	r.listenLocked(f)
	return nil
}

// Hangup ends listening of the putter to the stream; "" is all streams. A Put that is
// under way may still end; no other follows.
func (r *RemoteStream) Hangup(stream string, p Putter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, f := range r.follows {
		if stream != "" && name != stream {
			continue
		}
		f.putters = slices.DeleteFunc(f.putters, func(l *remotePutter) bool {
			if l.putter == p {
				l.end()
			}
			return l.putter == p
		})
		if len(f.putters) == 0 {
			r.hangUpLocked(f)
			delete(r.follows, name)
		}
	}
}

// hangUpLocked leaves the stream on the gateway's side.
func (r *RemoteStream) hangUpLocked(f *follow) {
	if f.listenID != 0 && r.line != nil {
		r.line.sendLocked(msgstream.Request{Action: msgstream.ActionHangup, Stream: f.stream})
	}
	f.listenID, f.joined = 0, false
}

// listenLocked begins anew where the putters need it: at the end of the stream, with its
// header, if one has no place yet, and otherwise at the lowest place of those that are not
// behind.
func (r *RemoteStream) listenLocked(f *follow) {
	if r.line == nil {
		return
	}
	r.hangUpLocked(f)
	request := msgstream.Request{Action: msgstream.ActionListen, Stream: f.stream, Meta: true}
	joins := slices.ContainsFunc(f.putters, func(l *remotePutter) bool { return l.next == 0 })
	if from := f.lowestLocked(); !joins && from == 0 {
		return // all are behind
	} else if !joins {
		request.From = protocol.Position{Kind: protocol.PositionSeq, Seq: from}
		request.Epoch = f.epoch
	}
	f.listenID = r.nextIDLocked(&request)
	for _, l := range f.putters {
		if l.next == 0 {
			l.joinID = f.listenID
		}
	}
	r.line.sendLocked(request)
}

// lowestLocked returns the lowest place of the putters that have one and are not behind,
// or 0.
func (f *follow) lowestLocked() (lowest uint64) {
	for _, l := range f.putters {
		if l.next > 0 && !l.behind && (lowest == 0 || l.next < lowest) {
			lowest = l.next
		}
	}
	return lowest
}

// joinedLocked handles the answer to a listen.
func (r *RemoteStream) joinedLocked(f *follow, e msgstream.Event) {
	if f.epoch != "" && e.Epoch != f.epoch { // a new listen has found another stream
		f.loseLocked()
	}
	f.joined, f.epoch = true, e.Epoch
	for _, l := range f.putters {
		l.fresh = l.next == 0 && l.joinID == f.listenID
		if l.fresh {
			l.next = e.Next
		}
	}
	if f.lowestLocked() < e.Next {
		r.listenLocked(f) // the header of this one still comes before
	}
}

// loseLocked tells the putters that have a place that the place is no longer valid.
func (f *follow) loseLocked() {
	for _, l := range f.putters {
		if l.next > 0 {
			l.offer(StreamMessage{Stream: f.stream, Epoch: f.epoch, Missing: Missing{From: l.next}}, nil, true)
			l.next, l.behind, l.joinID = 0, false, f.listenID
		}
	}
	f.epoch = ""
}

func (f *follow) headerLocked(e msgstream.Event) {
	for _, l := range f.putters {
		if l.fresh {
			l.offer(StreamMessage{Stream: f.stream, Header: true, Epoch: e.Epoch}, e.Message, true)
			l.fresh = false
		}
	}
}

func (r *RemoteStream) deliverLocked(f *follow, e msgstream.Event) {
	m := StreamMessage{Stream: f.stream, Seq: e.Seq, Time: e.Time, Epoch: e.Epoch}
	r.offerLocked(f, e.Seq, func(l *remotePutter) bool {
		if e.Seq < l.next {
			return true
		}
		if !l.offer(m, e.Message, false) {
			return false
		}
		l.next = e.Seq + 1
		return true
	})
}

func (r *RemoteStream) gapLocked(f *follow, e msgstream.Event) {
	r.offerLocked(f, e.To, func(l *remotePutter) bool {
		if e.To < l.next {
			return true
		}
		missing := Missing{From: max(l.next, e.From), To: e.To}
		if !l.offer(StreamMessage{Stream: f.stream, Epoch: f.epoch, Missing: missing}, nil, false) {
			return false
		}
		l.next = e.To + 1
		return true
	})
}

// offerLocked offers the line that ends with the number seq to each putter that is not
// behind. When one falls behind, the others need not wait for messages that only that one needs.
func (r *RemoteStream) offerLocked(f *follow, seq uint64, offer func(*remotePutter) bool) {
	fell := false
	for _, l := range f.putters {
		if l.next == 0 || l.behind {
			continue
		}
		l.fresh = false
		if !offer(l) {
			l.behind, fell = true, true
		}
	}
	if lowest := f.lowestLocked(); fell && lowest == 0 {
		r.hangUpLocked(f)
	} else if fell && lowest > seq+1 {
		r.listenLocked(f)
	}
}

// hasRoom lets a putter that was behind go on.
func (r *RemoteStream) hasRoom(f *follow, l *remotePutter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l.behind && r.follows[f.stream] == f {
		l.behind = false
		r.listenLocked(f)
	}
}

// refusedLocked handles the refusal of a listen. What may pass ends the connection, which
// is made again later.
func (r *RemoteStream) refusedLocked(f *follow, e *protocol.Error) error {
	reason := lineError(e)
	switch {
	case e.Code == protocol.CodePositionLost:
		f.loseLocked()
		r.listenLocked(f)
	case mayPass(reason):
		return reason
	default:
		r.closedLocked(f, reason)
	}
	return nil
}

// closedLocked ends a stream.
func (r *RemoteStream) closedLocked(f *follow, reason error) {
	for _, l := range f.putters {
		l.offer(StreamMessage{Stream: f.stream, Epoch: f.epoch, Closed: true, Err: reason}, nil, true)
	}
	r.hangUpLocked(f)
	delete(r.follows, f.stream)
}
