package lines

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"seagate/internal/panics/panicstest"
)

// The sweeper of job streams goes on after a panic.
func TestASweeperThatPanicsGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{opts: Options{SweepInterval: time.Minute}} // without a gateway
		contained := panicstest.Begin(t, "job streams")
		life, end := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { s.sweep(life); close(ended) }()
		time.Sleep(150 * time.Second)
		end()
		<-ended
		contained.Want(2)
	})
}
