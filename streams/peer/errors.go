package peer

import "errors"

// Link.Fetch and Link.Signal return these at once.
var (
	ErrNoSuchService   = errors.New("peer: no such service")
	ErrNoSuchProcedure = errors.New("peer: no such procedure")
	// ErrBusy reports that every server of the service has as many calls under
	// way as it takes, or has no room.
	ErrBusy = errors.New("peer: all servers are busy")
	// ErrTooManyCalls reports that the link or its client has as many calls
	// under way as it may have, or that they hold as much memory as they may.
	ErrTooManyCalls = errors.New("peer: too many calls under way")
	ErrTooLarge     = errors.New("peer: the body is too large")
	ErrTimeoutRange = errors.New("peer: the timeout must be above 0 and at most 5 minutes")
)

// ErrGivenUp is the end of a call whose caller is gone or has cancelled it.
// Nobody but Options.Ended is told.
var ErrGivenUp = errors.New("peer: the caller gave the call up")

// Replies.Done gets these, or a *ServerError.
var (
	ErrServerGone = errors.New("peer: the server is gone")
	ErrTimeout    = errors.New("peer: no answer in time")
	// ErrBadAnswer reports an answer that the network refused.
	ErrBadAnswer = errors.New("peer: the server's answer was refused")
	// ErrFull reports that a result, or a part of one, came while the caller had no room.
	ErrFull = errors.New("peer: the caller does not read fast enough")
)

// Link.Serve returns these.
var (
	// ErrServiceTaken reports that the service has a sole server, or has servers
	// where a sole one was to be.
	ErrServiceTaken = errors.New("peer: the service is taken")
	// ErrTooManyServices reports that the space, the service or the offer has as
	// many services, servers or procedures as it may have. It is wrapped by an
	// error that says which.
	ErrTooManyServices = errors.New("peer: too many services")
	ErrBadOffer        = errors.New("peer: the offer is not valid")
)

// ErrCallOver reports an answer to a call that has ended.
var ErrCallOver = errors.New("peer: the call is over")

// ErrClosed reports that the link has ended.
var ErrClosed = errors.New("peer: the link is closed")

// ErrUnreachable reports that no client has the address, or that it has nothing
// at the port.
var ErrUnreachable = errors.New("peer: nothing is at this address")

// A ServerError is the error that a server answers with.
type ServerError struct {
	Code    string
	Message string
	Details []byte // nil for none
}

// Error returns the code and the message.
func (e *ServerError) Error() string {
	if e.Code == "" {
		return e.Message
	}
	return e.Code + ": " + e.Message
}
