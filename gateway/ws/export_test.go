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

// CloseResting makes every attempt to rest fail.
func (s *Server) CloseResting() { s.resting.close() }

// NeverResting returns how many connections have given up to rest.
func (s *Server) NeverResting() (n int) {
	for _, c := range s.all() {
		if c.rest.never.Load() {
			n++
		}
	}
	return n
}
