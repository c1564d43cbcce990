package app

import (
	"fmt"
	"net/http"

	"seagate/internal/sockets"
	"seagate/protocol"
	"seagate/protocol/msgstream"
)

// tooManySockets returns the two reasons to refuse a connection: full if all places are in
// use, and strangers if too many connections have not authenticated.
func (a *App) tooManySockets() (full, strangers *protocol.Error) {
	bound := "limits.sockets"
	if !a.descriptors.enough {
		bound = "the limit of open files: ulimit -n, LimitNOFILE"
	}
	full = protocol.Errorf(protocol.CodeTooManyConnections, "the gateway has %d connections, as many as it takes, and all are in use (%s)",
		a.descriptors.sockets, bound)
	strangers = protocol.Errorf(protocol.CodeTooManyConnections,
		"too many connections have not authenticated (limits.strangers)")
	return full, strangers
}

// httpRefusals returns what a connection is told that the HTTP listener has no place for.
func (a *App) httpRefusals() *sockets.Refusals {
	full, strangers := a.tooManySockets()
	return &sockets.Refusals{Full: httpRefusal(full), Strangers: httpRefusal(strangers), AfterRequest: true}
}

// httpRefusal returns the bytes of an answer that is the last one of its connection.
func httpRefusal(e *protocol.Error) []byte {
	problem := protocol.NewProblem(e)
	body := protocol.AppendProblem(nil, problem)
	head := fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n",
		problem.Status, http.StatusText(problem.Status), protocol.ProblemContentType, len(body))
	return append(head, body...)
}

// lineRefusals returns what a connection is told that the lines listener has no place for.
func (a *App) lineRefusals() *sockets.Refusals {
	full, strangers := a.tooManySockets()
	return &sockets.Refusals{Full: lineRefusal(full), Strangers: lineRefusal(strangers)}
}

func lineRefusal(e *protocol.Error) []byte {
	events := msgstream.JSON(msgstream.DefaultLimits()).Events
	line, err := events.Encode(nil, msgstream.Event{Action: msgstream.ActionError, Error: e})
	if err != nil {
		panic(err) // cannot happen: the event has nothing that cannot be encoded
	}
	return append(line, '\n')
}
