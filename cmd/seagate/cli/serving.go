package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"seagate/client"
	"seagate/protocol"
)

// A servant is one run of "seagate service serve".
type servant struct {
	*task
	service string
	command []string
	asText  bool // what the command prints is a text, not JSON
}

func serviceServeCommand() *cobra.Command {
	var (
		options client.ServeOptions
		given   servant
		cmd     *cobra.Command
	)
	cmd = gatewayCommand("serve SERVICE PROCEDURE... -- COMMAND [ARGUMENT]...", "Serve procedures by running a command for each call", cobra.ArbitraryArgs,
		func(ctx context.Context, t *task) error {
			dash := cmd.ArgsLenAtDash()
			if dash < 2 || dash == len(t.Args) {
				return usagef("give a service, one or more procedures, and behind -- the command that answers their calls")
			}
			if options.AtOnce < 1 || options.AtOnce > protocol.MaxCredit {
				return usagef("--at-once must be from 1 to %d", protocol.MaxCredit)
			}
			s := given
			s.task, s.service, s.command = t, t.Args[0], t.Args[dash:]
			if _, err := exec.LookPath(s.command[0]); err != nil {
				return Usage(err)
			}
			return s.serve(ctx, t.Args[1:dash], options)
		})
	completes(cmd, serviceNames)
	cmd.Long = `Serve procedures of a service by running a command for each call, until an interrupt.
The command reads the body of the call from standard input, and what it prints is the
result: JSON, or nothing for null. With --text it is any text. CALL_SERVICE,
CALL_PROCEDURE and CALL_CLIENT in its environment say what is called, and by whom.

If the command fails, the caller gets an error with the last line that it printed to
standard error. If nobody waits for the answer any more, the command is ended with
SIGTERM. A lost connection is made again.`
	cmd.Example = `  seagate service serve clock now -- date -u +'"%FT%TZ"'
  seagate service serve pricing quote reload --at-once 4 -- ./pricing.py`
	cmd.Flags().IntVar(&options.AtOnce, "at-once", 16, "run at most `N` commands at a time; others go to other servers")
	cmd.Flags().BoolVar(&options.Sole, "sole", false, "refuse other servers of the service")
	cmd.Flags().BoolVar(&given.asText, "text", false, "take what the command prints as a text")
	return cmd
}

func (s *servant) serve(interrupt context.Context, procedures []string, options client.ServeOptions) error {
	handlers := map[string]client.Handler{}
	for _, p := range procedures {
		handlers[p] = s.answer
	}
	ctx, giveUp := context.WithCancel(interrupt)
	defer giveUp()
	running := false
	var refused error // why the first attempt failed
	options.OnServing = func() {
		running = true
		s.Note("serving %s of %s; Ctrl-C ends", strings.Join(procedures, ", "), s.service)
	}
	options.OnLost = func(cause error) {
		if !running { // such as a wrong URL, which trying again does not change
			refused = cause
			giveUp()
			return
		}
		s.Note("%s; trying again", s.why(cause))
	}
	err := s.Serve(ctx, s.service, handlers, options)
	switch {
	case refused != nil:
		return refused
	case interrupt.Err() != nil:
		return nil
	}
	return err
}

// endTimeout is how long a command may take to end after SIGTERM.
const endTimeout = 5 * time.Second

// answer runs the command for one call.
func (s *servant) answer(ctx context.Context, c *client.Call) (any, error) {
	run := exec.CommandContext(ctx, s.command[0], s.command[1:]...)
	run.Cancel = func() error { return run.Process.Signal(syscall.SIGTERM) }
	run.WaitDelay = endTimeout
	run.Env = append(environmentOfChild(), "CALL_SERVICE="+s.service, "CALL_PROCEDURE="+c.Procedure, "CALL_CLIENT="+c.ClientID)
	out, complaint := &bounded{most: maxLine}, &bounded{most: maxComplaint}
	run.Stdin = bytes.NewReader(append(slices.Clone(c.Body), '\n'))
	run.Stdout, run.Stderr = out, complaint
	err := run.Run()
	if text := complaint.String(); text != "" {
		s.Note("%s: %s", c.Procedure, strings.TrimSpace(text))
	}
	if err != nil {
		return nil, commandError(err, complaint.String())
	}
	if out.over {
		return nil, &client.Error{Code: "invalid_result", Message: fmt.Sprintf("the command printed more than %d bytes", maxLine)}
	}
	return s.result(out.Bytes())
}

// result returns what the command printed as a result.
func (s *servant) result(printed []byte) (any, error) {
	if s.asText {
		return strings.TrimSuffix(string(printed), "\n"), nil
	}
	if len(bytes.TrimSpace(printed)) == 0 {
		return nil, nil
	}
	var result jsontext.Value
	if err := json.Unmarshal(printed, &result); err != nil {
		return nil, &client.Error{Code: "invalid_result", Message: "the command printed something that is not JSON"}
	}
	return result, nil
}

// commandError is the error of a command that failed: the last line that it
// complained with, and how it ended.
func commandError(err error, complaint string) error {
	lines := strings.Split(strings.TrimSpace(complaint), "\n")
	message := strings.TrimSpace(lines[len(lines)-1])
	if message == "" {
		message = "the command failed: " + err.Error()
	}
	failure := &client.Error{Code: "command_failed", Message: message}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		failure.Details = fmt.Appendf(nil, `{"exitStatus":%d}`, exit.ExitCode())
	}
	return failure
}

// maxComplaint bounds what is kept of the standard error of a command, in bytes.
const maxComplaint = 16 << 10

// A bounded keeps the first bytes that are written to it.
type bounded struct {
	bytes.Buffer
	most int
	over bool // there were more
}

// Write implements io.Writer. It never fails, so that the command is not ended.
func (b *bounded) Write(p []byte) (int, error) {
	room := min(len(p), b.most-b.Len())
	b.over = b.over || room < len(p)
	b.Buffer.Write(p[:room])
	return len(p), nil
}
