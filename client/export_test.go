package client

// Subscriptions returns how many subscriptions the connection still knows.
func (c *Conn) Subscriptions() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.subs)
}
