package cli

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"seagate/client"
)

func provideCommand() *cobra.Command {
	cmd := onStream("provide STREAM [-- COMMAND [ARGUMENT...]]", "Say when somebody wants a stream, and run a command meanwhile", cobra.MinimumNArgs(1),
		func(ctx context.Context, t *task) error { return (&producer{task: t}).run(ctx) })
	cmd.Long = `Provide a stream until interrupted: subscribers that ask see that it is registered.
Print a line when the first subscriber or group wants its messages, and when nobody
does any more. A group counts also while its members are away.

With COMMAND, run it while somebody wants the messages, and publish each line that it
prints, which must be a JSON value. When nobody wants them any more, the command gets
SIGTERM, and is killed if it has not ended after 5 s. If it ends by itself, it is
started again when somebody wants the stream anew.

A lost connection is made again. What the command prints meanwhile waits.

With --json each line is an object: {"stream", "requested", "subscribers", "groups"}.`
	cmd.Example = `  seagate provide boiler
  seagate provide boiler -- ./read-sensor --every 1s`
	return cmd
}

// A producer is one run of "seagate provide".
type producer struct {
	*task
	stream  string
	command *childCommand
	running bool  // it has provided the stream
	refused error // why the first attempt failed
	stop    context.CancelFunc

	mu    sync.Mutex // guards what follows
	conn  *client.Conn
	renew chan struct{} // closed when there is another conn
}

func (p *producer) run(interrupt context.Context) error {
	p.stream, p.command, p.renew = p.Args[0], startNothing(), make(chan struct{})
	ctx, giveUp := context.WithCancel(interrupt)
	defer giveUp()
	p.stop = giveUp
	defer func() { p.command.stop() }()
	options := client.ProvideOptions{OnProviding: p.provides, OnLost: p.lost}
	err := p.Provide(ctx, p.stream, options, func(i client.Interest) error { return p.changed(ctx, i) })
	switch {
	case p.refused != nil:
		return p.refused
	case interrupt.Err() != nil:
		return nil
	}
	return err
}

// provides is called when the stream is provided, over a new connection.
func (p *producer) provides(provider *client.Provider) error {
	p.mu.Lock()
	p.conn = provider.Conn()
	close(p.renew)
	p.renew = make(chan struct{})
	p.mu.Unlock()
	if p.running {
		p.Note("providing %s again", p.stream)
		return nil
	}
	p.running = true
	p.Note("providing %s; Ctrl-C ends", p.stream)
	if now := provider.Interest(); !now.Requested { // what else there is, changed is told
		return p.tell(now)
	}
	return nil
}

func (p *producer) lost(cause error, wait time.Duration) {
	if !p.running { // such as a wrong URL, which trying again does not change
		p.refused = cause
		p.stop()
		return
	}
	p.Note("%s; trying again in %v", p.why(cause), wait.Round(time.Second/10))
}

func (p *producer) changed(ctx context.Context, now client.Interest) error {
	if err := p.tell(now); err != nil {
		return err
	}
	p.command.stop()
	if p.command = startNothing(); now.Requested && len(p.Args) > 1 {
		p.command = p.start(ctx)
	}
	return nil
}

// interestLine is a change of the interest as a line of JSON.
type interestLine struct {
	Stream      string `json:"stream"`
	Requested   bool   `json:"requested"`
	Subscribers int    `json:"subscribers"`
	Groups      int    `json:"groups"`
}

func (p *producer) tell(i client.Interest) error {
	line := "nobody wants " + p.stream
	if i.Requested {
		line = fmt.Sprintf("%s is wanted by %s and %s", p.stream, counted(i.Subscribers, "subscriber"), counted(i.Groups, "group"))
	}
	return p.Entry(interestLine{p.stream, i.Requested, i.Subscribers, i.Groups}, line)
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// A childCommand is a command whose lines are published.
type childCommand struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when the command has ended and its lines are published
}

func startNothing() *childCommand {
	done := make(chan struct{})
	close(done)
	return &childCommand{cancel: func() {}, done: done}
}

// stop ends the command and waits for it.
func (s *childCommand) stop() {
	s.cancel()
	<-s.done
}

// patience is how long a command has to end after SIGTERM.
const patience = 5 * time.Second

// environmentOfChild is the environment for a command of the user, without the credentials of this one.
func environmentOfChild() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, envSecret+"=") || strings.HasPrefix(v, envToken+"=")
	})
}

// start runs the command.
func (p *producer) start(interrupt context.Context) *childCommand {
	ctx, cancel := context.WithCancel(interrupt)
	s := &childCommand{cancel: cancel, done: make(chan struct{})}
	cmd := exec.CommandContext(ctx, p.Args[1], p.Args[2:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = patience
	cmd.Env = environmentOfChild()
	cmd.Stderr = os.Stderr
	lines, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		p.Note("%v", err)
		cancel()
		close(s.done)
		return s
	}
	go func() {
		defer close(s.done)
		p.publishLines(ctx, lines)
		if err := cmd.Wait(); err != nil && ctx.Err() == nil {
			p.Note("%s: %v", p.Args[1], err)
		}
	}()
	return s
}

// publish publishes a message once. Over a lost connection it is sent again, under the
// same id. Meanwhile the command's next lines wait.
func (p *producer) publish(ctx context.Context, message jsontext.Value) error {
	id := rand.Text()
	for {
		p.mu.Lock()
		conn, renew := p.conn, p.renew
		p.mu.Unlock()
		receipt, err := conn.SendOnce(ctx, p.stream, id, message)
		if err == nil {
			_, err = receipt.Wait(ctx)
		}
		if err == nil || conn.Err() == nil {
			return err
		}
		select {
		case <-renew:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// publishLines publishes each line, and says which are refused.
func (p *producer) publishLines(ctx context.Context, r io.Reader) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		err := p.publish(ctx, jsontext.Value(line))
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			p.Note("%v", err)
		}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, os.ErrClosed) {
		p.Note("%s: %v", p.Args[1], err)
	}
}
