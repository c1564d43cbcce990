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
