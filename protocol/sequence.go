package protocol

// A Sequence checks the order of the requests of one connection: the first has
// id 1 and authenticates; each later one has the next id and does not
// authenticate. The zero value expects the first. It is not safe for concurrent
// use: it belongs to the goroutine that reads the connection.
type Sequence struct {
	last int64
}

// Next accepts the next request. For any other it returns a *Violation, and expects the same
// id as before.
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
