package peer

// Kept returns how many in and out topics a client and its link keep.
func (c *Client) Kept() (ins, linkIns, linkOuts int) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	l := c.Link.(*link)
	l.topics.Lock()
	defer l.topics.Unlock()
	return len(c.ins), len(l.ins), len(l.outs)
}

// EachService calls visit with each service that List lists, and whether calls have to wait
// at that moment.
func EachService(l Link, visit func(one Service, locked bool)) {
	sp := l.(*link).space
	for one := range sp.servicesAfter("") {
		free := sp.mu.TryLock()
		if free {
			sp.mu.Unlock()
		}
		visit(one, !free)
	}
}
