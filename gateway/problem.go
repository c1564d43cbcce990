package gateway

import (
	"net/http"
	"net/netip"
	"strconv"

	"seagate/protocol"
)

// retryAfter is the Retry-After header of a refusal, in seconds.
var retryAfter = map[protocol.Code]string{
	protocol.CodeTooManyAttempts: "60",
	protocol.CodeRateLimited:     "1",
	protocol.CodeServerBusy:      "1",
	protocol.CodeTooManyCalls:    "1",
	protocol.CodeShuttingDown:    "5",
}

// WriteProblem answers an HTTP request that was refused (RFC 9457).
func WriteProblem(w http.ResponseWriter, e *protocol.Error) {
	problem := protocol.NewProblem(e)
	body := protocol.AppendProblem(nil, problem)
	h := w.Header()
	h.Set("Content-Type", protocol.ProblemContentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	if wait, ok := retryAfter[e.Code]; ok {
		h.Set("Retry-After", wait)
	}
	w.WriteHeader(problem.Status)
	w.Write(body)
}

// PeerAddress returns the address of the client. Failed authentications are
// counted by it.
func PeerAddress(r *http.Request) netip.Addr {
	a, _ := netip.ParseAddrPort(r.RemoteAddr)
	return a.Addr().Unmap()
}
