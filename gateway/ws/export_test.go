package ws

// Resting returns how many connections have no goroutine.
func (s *Server) Resting() (n int) {
	for _, c := range s.all() {
		if c.rest.asleep.Load() {
			n++
		}
	}
	return n
}
