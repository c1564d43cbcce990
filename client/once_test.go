package client_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"seagate/client"
	"seagate/protocol"
)

func TestPublishOnce(t *testing.T) {
	var keys, bodies []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		keys = append(keys, strings.Join(r.Header["Idempotency-Key"], "|"))
		bodies = append(bodies, string(body))
		io.WriteString(w, `{}`)
	})
	for _, publish := range []func() (client.Published, error){
		func() (client.Published, error) { return c.PublishOnce(t.Context(), "s", `größe "42"`, 1) },
		func() (client.Published, error) { return c.PublishBatchOnce(t.Context(), "s", "b", []int{1, 2}) },
		func() (client.Published, error) { return c.Publish(t.Context(), "s", 1) },
	} {
		if at, err := publish(); err != nil || at != (client.Published{}) {
			t.Errorf("%+v, %v; the gateway says nothing of a position", at, err)
		}
	}
	if got, want := strings.Join(keys, "\n"), "größe \"42\"\nb\n"; got != want {
		t.Errorf("keys %q, want %q", got, want)
	}
	if got, want := strings.Join(bodies, "\n"), "{\"payload\":1}\n[1,2]\n{\"payload\":1}"; got != want {
		t.Errorf("bodies %q, want %q", got, want)
	}
}

var errFull = errors.New("no space left")

// full is a writer on a full disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestBackupThatFails(t *testing.T) {
	whole := func(w http.ResponseWriter) { io.WriteString(w, "a tar") }
	tests := []struct {
		name   string
		answer func(http.ResponseWriter)
		to     io.Writer
		check  func(error) bool
	}{
		{"cut off", func(w http.ResponseWriter) {
			whole(w)
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, io.Discard, func(err error) bool { return errors.Is(err, client.ErrConnection) }},
		{"shorter than it says", func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "100")
			whole(w)
		}, io.Discard, func(err error) bool { return errors.Is(err, client.ErrConnection) }},
		{"refused", func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusForbidden)
			w.Write(protocol.AppendProblem(nil, protocol.NewProblem(protocol.Errorf(protocol.CodeForbidden, "no"))))
		}, full{}, func(err error) bool { return client.CodeOf(err) == protocol.CodeForbidden }},
		{"no room for it", whole, full{}, func(err error) bool {
			return errors.Is(err, errFull) && !errors.Is(err, client.ErrConnection)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) { test.answer(w) })
			if err := c.Backup(t.Context(), test.to); !test.check(err) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestABackupMayBeLargerThanOtherAnswers(t *testing.T) {
	const size = 40 << 20
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		block := make([]byte, 1<<20)
		for range size / len(block) {
			w.Write(block)
		}
	})
	counted := &counter{}
	if err := c.Backup(t.Context(), counted); err != nil || counted.n != size {
		t.Errorf("%d bytes, %v, want %d", counted.n, err, size)
	}
}

type counter struct{ n int }

func (c *counter) Write(p []byte) (int, error) { c.n += len(p); return len(p), nil }
