package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
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

With --json each line is an object: {"stream", "requested", "subscribers", "groups"}.`
	cmd.Example = `  seagate provide boiler
  seagate provide boiler -- ./read-sensor --every 1s`
	return cmd
}

// A producer is one run of "seagate provide".
type producer struct {
	*task
	conn   *client.Conn
	stream string
}

func (p *producer) run(interrupt context.Context) (err error) {
	p.stream = p.Args[0]
	if p.conn, err = p.Dial(interrupt); err != nil {
		return err
	}
	defer p.conn.Close()
	provider, err := p.conn.Provide(interrupt, p.stream)
	if err != nil {
		return err
	}
	p.Note("providing %s; Ctrl-C ends", p.stream)
	if now := provider.Interest(); !now.Requested { // Next tells the rest
		if err := p.tell(now); err != nil {
			return err
		}
	}
	command := startNothing()
	defer func() { command.stop() }()
	for {
		now, err := provider.Next(interrupt)
		switch {
		case interrupt.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		if err := p.tell(now); err != nil {
			return err
		}
		command.stop()
		if command = startNothing(); now.Requested && len(p.Args) > 1 {
			command = p.start(interrupt)
		}
	}
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

// start runs the command.
func (p *producer) start(interrupt context.Context) *childCommand {
	ctx, cancel := context.WithCancel(interrupt)
	s := &childCommand{cancel: cancel, done: make(chan struct{})}
	cmd := exec.CommandContext(ctx, p.Args[1], p.Args[2:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = patience
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, envSecret+"=") })
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

// publishLines publishes each line, and says which are refused.
func (p *producer) publishLines(ctx context.Context, r io.Reader) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		_, err := p.conn.Publish(ctx, p.stream, jsontext.Value(line))
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
