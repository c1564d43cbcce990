package client

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// A pipes listener accepts the connections of its dial. Unlike sockets, they go by the time
// of the bubble.
type pipes chan net.Conn

func (p pipes) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	p <- far
	return near, nil
}

func (p pipes) Accept() (net.Conn, error) {
	if c, open := <-p; open {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// overPipes returns a client of a server with this handler.
func overPipes(t *testing.T, silence time.Duration, h http.HandlerFunc) *Client {
	t.Helper()
	listener := make(pipes)
	server := &http.Server{Handler: h}
	go server.Serve(listener)
	transport := &http.Transport{DialContext: listener.dial}
	c, err := New("http://gate/way", Basic("a", "b"), Options{HTTPClient: &http.Client{Transport: transport}, Silence: silence})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		close(listener)
		server.Close()
		c.CloseIdleConnections()
		time.Sleep(time.Hour) // handlers end
	})
	return c
}

func TestAGatewayThatAnswersNothingIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := overPipes(t, 10*time.Second, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		for _, ask := range []func() error{
			func() error { _, err := c.Configuration(t.Context()); return err },
			func() error { _, err := c.Dial(t.Context()); return err },
		} {
			began := time.Now()
			err := ask()
			silence, ok := errors.AsType[*SilenceError](err)
			if waited := time.Since(began); !ok || !silence.Connected || !errors.Is(err, ErrConnection) || waited != 10*time.Second {
				t.Errorf("after %v: %v", waited, err)
			}
		}
	})
}

// A gateway that takes long for one answer, and answers others, is waited for.
func TestASlowAnswerIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := overPipes(t, 10*time.Second, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/way/api/v1" {
				if r.Header.Get("Authorization") != "" {
					t.Error("the question whether anybody answers has credentials")
				}
				w.WriteHeader(http.StatusNotFound)
				return
			}
			time.Sleep(time.Minute)
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			time.Sleep(time.Minute) // nor does the time for the whole answer matter
			io.WriteString(w, `{"settings":[{}]}`)
		})
		if settings, err := c.Configuration(t.Context()); err != nil || len(settings) != 1 {
			t.Errorf("%+v, %v", settings, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Configuration(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after the end of the context: %v", err)
		}
	})
}
