package gateway

import (
	"testing"
	"testing/synctest"
	"time"

	"seagate/auth"
	"seagate/internal/panics/panicstest"
	"seagate/protocol"
)

// A badConnection panics when it is ended.
type badConnection struct{}

func (badConnection) End(*protocol.Error) { panic("injected") }

// A timer that panics ends nothing else.
func TestATimerThatPanicsIsContained(t *testing.T) {
	contained := panicstest.Begin(t, "timer")
	l := &Login{gateway: &Gateway{}, principal: &auth.Principal{Expires: time.Now()}, connection: badConnection{}}
	l.expire()
	contained.Want(1)
}

// A toldConnection notes when it was ended.
type toldConnection struct{ at time.Time }

func (c *toldConnection) End(*protocol.Error) { c.at = time.Now() }

// The expiry of a token is a time of the clock. It is looked at again and again, because
// the clock may be set while a timer runs.
func TestExpiryIsLookedAtAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &toldConnection{}
		begun := time.Now()
		l := &Login{gateway: &Gateway{}, principal: &auth.Principal{Expires: begun.Add(time.Hour)}, connection: c, table: newLogins(1, 0)}
		l.mu.Lock()
		l.expiry = time.AfterFunc(l.untilLook(), l.expire)
		l.mu.Unlock()
		// The clock is set forward by 50 minutes: exp is so much closer.
		time.Sleep(5 * time.Minute)
		moved := *l.principal
		moved.Expires = moved.Expires.Add(-50 * time.Minute)
		l.mu.Lock()
		l.principal = &moved
		l.mu.Unlock()
		time.Sleep(time.Hour)
		synctest.Wait()
		if c.at.Before(moved.Expires) || c.at.After(moved.Expires.Add(expiryLook)) {
			t.Errorf("ended %v after the login, and exp is %v after it", c.at.Sub(begun), moved.Expires.Sub(begun))
		}
		l.LogOut()
	})
}

// When a job stream was used is not told by the clock of the machine: a step forward of that would end
// all job streams that nobody reads.
func TestTheUseOfAJobStreamIsNoTimeOfTheClock(t *testing.T) {
	var j job
	j.use(1)
	if used := time.Duration(j.used.Load()); used <= 0 || used > 24*time.Hour {
		t.Errorf("used at %v", used)
	}
}
