package gateway

import (
	"net/http"
	"net/netip"
	"strconv"

	"seagate/protocol"
)

// WriteProblem answers an HTTP request that was refused (RFC 9457).
func WriteProblem(w http.ResponseWriter, e *protocol.Error) {
	problem := protocol.NewProblem(e)
	body := protocol.AppendProblem(nil, problem)
	h := w.Header()
	h.Set("Content-Type", protocol.ProblemContentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(problem.Status)
	w.Write(body)
}

// PeerAddress returns the address of the client. Failed authentications are
// counted by it.
func PeerAddress(r *http.Request) netip.Addr {
	a, _ := netip.ParseAddrPort(r.RemoteAddr)
	return a.Addr().Unmap()
}
