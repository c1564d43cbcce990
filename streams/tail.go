package streams

// tail is the newest messages of a topic: a ring that grows as needed and
// drops the oldest when it is over either bound. It always keeps the newest
// message, however large.
type tail struct {
	ring  []*Message
	start int // index of the oldest
	count int
	bytes int
}

// append adds m and drops what the bounds ask for, but nothing from keep on.
func (t *tail) append(m *Message, maxCount, maxBytes int, keep uint64) {
	if t.count == len(t.ring) {
		t.grow()
	}
	t.ring[(t.start+t.count)%len(t.ring)] = m
	t.count++
	t.bytes += len(m.Payload)
	t.trim(maxCount, maxBytes, keep)
}

func (t *tail) over(maxCount, maxBytes int) bool { return t.count > maxCount || t.bytes > maxBytes }

func (t *tail) trim(maxCount, maxBytes int, keep uint64) {
	for t.count > 1 && t.over(maxCount, maxBytes) && t.ring[t.start].Seq < keep {
		t.dropOldest()
	}
}

// dropBefore forgets the messages before seq.
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

func (t *tail) grow() {
	bigger := make([]*Message, max(8, 2*len(t.ring)))
	for i := range t.count {
		bigger[i] = t.at(i)
	}
	t.ring, t.start = bigger, 0
}

func (t *tail) at(i int) *Message { return t.ring[(t.start+i)%len(t.ring)] }

// first is the number of the oldest message kept, or next if none is.
func (t *tail) first(next uint64) uint64 {
	if t.count == 0 {
		return next
	}
	return t.at(0).Seq
}

// read returns the messages from seq on and before limit, as many as make a
// pass of so many bytes.
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
	run := make([]*Message, n)
	for k := range run {
		run[k] = t.at(i + k)
	}
	return run
}

// tailFirst is the number of the oldest message in the tail, or of the next one.
func (t *Topic) tailFirst() uint64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.tailFirstLocked()
}

func (t *Topic) tailFirstLocked() uint64 { return t.tail.first(t.next) }
