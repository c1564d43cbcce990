package sockets

// A queue is a list of connections. Each has its place in itself, since a connection enters and
// leaves queues with each HTTP request.
type queue struct {
	front, back *Conn
	len         int
}

// links is where a connection is in a queue.
type links struct{ before, behind *Conn }

// Which links a queue uses: a connection is in one of its pool, and in one of its peer.
const (
	inPool = iota
	inPeer
)

func (q *queue) push(c *Conn, in int) {
	c.links[in] = links{before: q.back}
	if q.back == nil {
		q.front = c
	} else {
		q.back.links[in].behind = c
	}
	q.back = c
	q.len++
}

func (q *queue) remove(c *Conn, in int) {
	l := c.links[in]
	if l.before == nil {
		q.front = l.behind
	} else {
		l.before.links[in].behind = l.behind
	}
	if l.behind == nil {
		q.back = l.before
	} else {
		l.behind.links[in].before = l.before
	}
	c.links[in] = links{}
	q.len--
}
