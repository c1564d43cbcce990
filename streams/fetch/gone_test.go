package fetch_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"seagate/streams/fetch"
	"seagate/streams/peer"
)

// waiting serves a procedure that returns when its context ends, and tells why
// it did.
func waiting(t *testing.T, l peer.Link) (*fetch.Server, chan error) {
	t.Helper()
	ended := make(chan error, 1)
	s, err := fetch.Serve(t.Context(), l, "test", map[string]fetch.Handler{"wait": func(ctx context.Context, _ *fetch.Call) ([]byte, error) {
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return nil, nil
	}}, fetch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s, ended
}

func TestAHandlersContextEndsWithTheLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub()
		l := h.Join("jail", peer.Identity{})
		s, ended := waiting(t, l)
		caller := h.Join("jail", peer.Identity{})
		defer caller.Close()
		go fetch.Fetch(t.Context(), caller, "test", "wait", nil)
		synctest.Wait()
		l.Close()
		synctest.Wait()
		select {
		case err := <-ended:
			if why, ok := errors.AsType[*fetch.GivenUpError](err); !ok || why.Reason != peer.ServerGone {
				t.Errorf("the context ended with %v", err)
			}
		default:
			t.Error("the link has ended, and the handler's context has not")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Errorf("Stop: %v", err)
		}
	})
}

// Nobody gives a signal up, so Stop has to end its handler itself.
func TestStopEndsHandlersOfSignalsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newHub().Join("jail", peer.Identity{})
		defer l.Close()
		s, ended := waiting(t, l)
		if _, err := l.Signal(t.Context(), peer.Signal{Service: "test", Procedure: "wait"}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		began := time.Now() // of the bubble's clock
		if err := s.Stop(ctx); err != nil {
			t.Errorf("Stop: %v", err)
		}
		if took := time.Since(began); took != fetch.StopTime {
			t.Errorf("Stop took %v, want %v", took, fetch.StopTime)
		}
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the context ended with %v", err)
		}
	})
}
