package streams

// tail is the newest messages of a topic: a ring that grows as needed and drops
// the oldest messages beyond its bounds. trim leaves the newest message,
// however large it is.
type tail struct {
	ring  []*Message
	start int // index of the oldest
	count int
	bytes int // of the payloads
}

func (t *tail) append(m *Message) {
	if t.count == len(t.ring) {
		t.grow()
	}
	t.ring[(t.start+t.count)%len(t.ring)] = m
	t.count++
	t.bytes += len(m.Payload)
}

func (t *tail) grow() {
	bigger := make([]*Message, max(8, 2*len(t.ring)))
	for i := range t.count {
		bigger[i] = t.at(i)
	}
	t.ring, t.start = bigger, 0
}

func (t *tail) at(i int) *Message { return t.ring[(t.start+i)%len(t.ring)] }

// first returns the number of the oldest message, or next if there is none.
func (t *tail) first(next uint64) uint64 {
	if t.count == 0 {
		return next
	}
	return t.at(0).Seq
}

// over reports whether the tail exceeds either bound.
func (t *tail) over(maxCount, maxBytes int) bool { return t.count > maxCount || t.bytes > maxBytes }

// trim drops messages beyond the bounds, but none from the number keep on.
func (t *tail) trim(maxCount, maxBytes int, keep uint64) {
	for t.count > 1 && t.over(maxCount, maxBytes) && t.ring[t.start].Seq < keep {
		t.dropOldest()
	}
}

// dropBefore drops the messages before the number seq.
func (t *tail) dropBefore(seq uint64) {
	for t.count > 0 && t.ring[t.start].Seq < seq {
		t.dropOldest()
	}
}

func (t *tail) dropOldest() {
	t.bytes -= len(t.ring[t.start].Payload)
	t.ring[t.start] = nil
	t.start = (t.start + 1) % len(t.ring)
	t.count--
}

// read returns the messages from seq on and before limit, at most
// batchMessages, and no more than maxBytes of payload beyond the first. seq is
// at least the number of the oldest.
func (t *tail) read(seq, limit uint64, maxBytes int) []*Message {
	if t.count == 0 || seq > t.at(t.count-1).Seq || seq >= limit {
		return nil
	}
	i := int(seq - t.at(0).Seq)
	most := min(t.count-i, batchMessages, int(min(limit-seq, batchMessages)))
	n, bytes := 0, 0
	for n < most {
		bytes += len(t.at(i + n).Payload)
		if n > 0 && bytes > maxBytes {
			break
		}
		n++
	}
	messages := make([]*Message, n)
	for k := range messages {
		messages[k] = t.at(i + k)
	}
	return messages
}
