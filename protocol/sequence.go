package protocol

// A Sequence holds the requests of one connection to the protocol's order:
// the first has id 1 and authenticates, each later one has exactly one more
// and does not. The zero value waits for the first. Not safe for concurrent
// use: it belongs to whoever reads the connection.
type Sequence struct {
	last int64
}

// Next takes the next request, or returns a *Violation and stays where it is.
func (s *Sequence) Next(req Request) error {
	want := s.last + 1
	authenticates := req.Action == ActionAuthenticate
	switch {
	case req.ID != want:
		return req.violation("The message has id %d where %d was expected: the first message has id 1, each later one exactly one more.", req.ID, want)
	case want == 1 && !authenticates:
		return req.violation("The first message must be %q.", ActionAuthenticate)
	case want > 1 && authenticates:
		return req.violation("Only the first message may be %q.", ActionAuthenticate)
	}
	s.last = want
	return nil
}
