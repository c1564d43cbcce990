package main_test

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"seagate/client"
)

// wait returns the next value that fulfills a condition.
func wait[T any](t *testing.T, what string, values <-chan T, condition func(T) bool) T {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case v := <-values:
			if condition(v) {
				return v
			}
		case <-late:
			t.Fatalf("%s does not happen", what)
		}
	}
}

func anything[T any](T) bool { return true }

// A gateway that is killed and comes back gets its providers, servers and followers
// back by themselves: provisions with their pauses, states, calls, and merged streams
// without a message lost or twice.
func TestClientsComeBackAfterARestart(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	g := startIn(t, folder)
	g.define(root, "a")
	g.define(root, "b")
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	c := g.goClient(root)

	providing := make(chan *client.Provider, 100)
	running.Go(func() {
		options := client.ProvideOptions{OnProviding: func(p *client.Provider) error { providing <- p; return nil }}
		c.Provide(ctx, "a", options, func(client.Interest) error { return nil })
	})
	provider := wait(t, "that the stream is provided", providing, anything)
	states := make(chan client.State, 100)
	running.Go(func() {
		c.Follow(ctx, "a", client.FollowOptions{OnState: func(s client.State) { states <- s }}, func(client.Message) error { return nil })
	})
	wait(t, "that a subscriber sees the provider", states, func(s client.State) bool { return s.Registered })
	if err := provider.Pause(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	paused := func(s client.State) bool { return s.Registered && s.Paused }
	wait(t, "that a subscriber sees the pause", states, paused)
	serving := make(chan bool, 100)
	running.Go(func() {
		c.Serve(ctx, "echo", map[string]client.Handler{
			"echo": func(_ context.Context, c *client.Call) (any, error) { return c.Body, nil },
		}, client.ServeOptions{AtOnce: 4, OnServing: func() { serving <- true }})
	})
	wait(t, "that the service is served", serving, anything)
	merged := make(chan string, 100)
	running.Go(func() {
		c.FollowMerged(ctx, []string{"a", "b"}, client.FollowMergedOptions{From: client.Earliest()}, func(m client.Message) error {
			merged <- fmt.Sprint(m.Stream, m.Seq)
			return nil
		})
	})
	check := func(round int) {
		t.Helper()
		for _, stream := range []string{"a", "b"} { // b behind a, in time too
			g.publish(root, stream, fmt.Sprintf(`{"n":%d}`, round))
			want := fmt.Sprint(stream, round)
			if got := wait(t, "that the message arrives", merged, anything); got != want {
				t.Errorf("the merged streams bring %s, want %s", got, want)
			}
		}
		if result, err := c.Fetch(t.Context(), "echo", "echo", round); err != nil || string(result) != fmt.Sprint(round) {
			t.Errorf("call %d: %s, %v", round, result, err)
		}
	}
	check(1)

	g = again(t, g, folder, "SEAGATE_LISTEN="+g.listen)
	again := wait(t, "that the stream is provided again", providing, anything)
	wait(t, "that a subscriber sees that it is provided and paused again", states, paused)
	eventually(t, "that the provider is told of its subscriber", func() bool { return again.Interest().Requested })
	wait(t, "that the service is served again", serving, anything)
	check(2)
}

// seagate provide goes on over a restart, with its command: each of its lines is
// published once, in order.
func TestSeagateProvideOverARestart(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	g := startIn(t, folder)
	g.define(root, "boiler")
	const script = `trap 'exit 0' TERM
n=0; while :; do n=$((n+1)); echo "{\"n\":$n}"; sleep 0.02 & wait $!; done`
	notes := &output{grown: make(chan struct{}, 10_000)}
	cmd := exec.Command(program, "provide", "boiler", "--", "sh", "-c", script)
	cmd.Env = append(bare(t.TempDir()), "SEAGATE_URL=http://"+g.listen, "SEAGATE_CLIENT_ID="+root.id, "SEAGATE_CLIENT_SECRET="+root.secret)
	cmd.Stderr = notes
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stuck := time.AfterFunc(2*patience, func() { cmd.Process.Kill() })
	defer stuck.Stop()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	lines := make(chan string, 10_000)
	c := g.goClient(root)
	running.Go(func() {
		c.Follow(ctx, "boiler", client.FollowOptions{}, func(m client.Message) error {
			lines <- string(m.Payload)
			return nil
		})
	})
	last := 0
	inOrder := func(most int) func(string) bool {
		return func(line string) bool {
			var n int
			fmt.Sscanf(line, `{"n":%d}`, &n)
			if n != last+1 && n != 1 { // 1: the command was started anew, since nobody wanted it for a moment
				t.Errorf("behind line %d came %s", last, line)
			}
			last = n
			most--
			return most == 0
		}
	}
	wait(t, "that lines are published", lines, inOrder(10))
	again(t, g, folder, "SEAGATE_LISTEN="+g.listen)
	for most := 10 + len(lines); most > 0; most-- { // more than were published before
		wait(t, "that lines are published again", lines, inOrder(1))
	}
	eventually(t, "that it says so", func() bool {
		return strings.Contains(strings.Join(notes.copy(), ""), "; trying again in ") && strings.Contains(strings.Join(notes.copy(), ""), "providing boiler again")
	})
	cmd.Process.Signal(syscall.SIGINT)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, strings.Join(notes.copy(), ""))
	}
}
