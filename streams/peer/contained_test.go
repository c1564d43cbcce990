package peer_test

import (
	"testing"
	"testing/synctest"
	"time"

	"seagate/internal/panics/panicstest"
	"seagate/streams/peer"
)

// panickingReplies are those of a caller that panics when its call ends.
type panickingReplies struct{}

func (panickingReplies) Accepted()          {}
func (panickingReplies) Part([]byte) bool   { return true }
func (panickingReplies) Done([]byte, error) { panic("injected") }

// A caller that panics at the end of its call keeps no timer, no lock, and no place at the server.
func TestACallerThatPanicsEndsAlone(t *testing.T) {
	for name, end := range map[string]func(r peer.Registration){
		"deadline": func(peer.Registration) { time.Sleep(time.Minute) },
		"withdrawn server": func(r peer.Registration) {
			r.Withdraw(time.Second)
			time.Sleep(2 * time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := peer.NewHub(options())
				l := join(t, h, "caller")
				s := newServer(10)
				r, err := join(t, h, "server").Serve(t.Context(), peer.Offer{Service: "s", Procedures: []string{"p"}, Credit: 1}, s)
				if err != nil {
					t.Fatal(err)
				}
				contained := panicstest.Begin(t, "timer")
				if _, err := l.Fetch(t.Context(), peer.Request{Service: "s", Procedure: "p", Timeout: time.Minute}, panickingReplies{}); err != nil {
					t.Fatal(err)
				}
				end(r)
				synctest.Wait()
				contained.Want(1)
				if totals := h.Totals(); totals.UnderWay != 0 || totals.Bytes != 0 {
					t.Errorf("there is %+v", totals)
				}
			})
		})
	}
}
