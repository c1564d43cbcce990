package cli

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"seagate/client"
	"seagate/protocol"
	"seagate/protocol/msgstream"
)

// linesName is the name of the command.
const linesName = "lines"

// defaultLines is the address that the commands try.
const defaultLines = "127.0.0.1:3106"

// lineTalk is one run of the command lines.
type lineTalk struct {
	*Console
	where     Connection
	address   string
	anonymous bool
	encrypted bool
	listen    []string
	count     int

	refused *protocol.Error // the last refusal
	puts    int             // messages and headers that were printed
}

func linesCommand() *cobra.Command {
	var talk lineTalk
	cmd := NewCommand(linesName, "Send lines of JSON to the lines listener, and print its lines", cobra.NoArgs,
		func(ctx context.Context, c *Console) error {
			t := talk
			t.Console = c
			return t.run(ctx)
		})
	cmd.Long = `Send the lines of standard input to the lines listener of a gateway, and print the
lines that it sends. When the input ends, it closes the connection, once all is
answered. With --listen it goes on printing until it is interrupted, or has
printed --count messages.

It authenticates first. With --anonymous it does not, which is for a listener
that has lines.client_id.

The exit status is 1 if the gateway refused a line.`
	cmd.Example = `  seagate lines --listen job-17
  echo '{"action":"put","id":1,"stream":"job-17","message":{"done":3}}' | seagate lines
  seagate lines --address plant.example.com:3106 --tls --listen job-17 --count 1`
	flags := cmd.Flags()
	flags.StringVar(&talk.address, "address", "", "`HOST:PORT` of the lines listener [SEAGATE_LINES], or what the context has (default "+defaultLines+")")
	flags.BoolVar(&talk.anonymous, "anonymous", false, "do not authenticate")
	flags.BoolVar(&talk.encrypted, "tls", false, "encrypt the connection")
	flags.StringArrayVar(&talk.listen, "listen", nil, "listen to `STREAM`; may be given several times")
	flags.IntVar(&talk.count, "count", 0, "end after `N` messages and headers")
	talk.where.Register(cmd)
	return cmd
}

func (t *lineTalk) run(ctx context.Context) error {
	var options client.RemoteOptions
	target, err := t.where.target()
	target.url, target.urlFrom = t.where.lines(t.address, target)
	t.uses(target, t.where.verbose)
	if _, none := errors.AsType[*errNoCredentials](err); err != nil && !(none && t.anonymous) {
		return err
	}
	if t.encrypted {
		if options.TLS, err = target.files.config(); err != nil {
			return err
		}
		if options.TLS == nil {
			options.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		}
	}
	if !t.anonymous {
		options.Credentials = target.credentials()
	}
	conn, err := t.dial(ctx, target, options)
	if err != nil {
		return err
	}
	defer conn.Close()
	interrupted := context.AfterFunc(ctx, func() { conn.Close() })
	defer interrupted()
	go t.send(conn) // ends with the input, or the process
	err = t.print(conn)
	switch {
	case t.refused != nil:
		return &client.Error{Code: t.refused.Code, Message: t.refused.Message, Errors: t.refused.Errors}
	case ctx.Err() != nil || t.count > 0 && t.puts == t.count:
		return nil
	}
	return err
}

// dial connects to the lines listener and authenticates, if that is wanted.
func (t *lineTalk) dial(ctx context.Context, to target, options client.RemoteOptions) (net.Conn, error) {
	dialing, cancel := ctx, context.CancelFunc(func() {})
	if to.silence > 0 {
		dialing, cancel = context.WithTimeout(ctx, to.silence)
	}
	defer cancel()
	conn, err := client.DialLines(dialing, to.url, options)
	// The connection has the deadline of the context, and may notice a moment earlier that it has passed.
	isOver := dialing.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded)
	if err != nil && to.silence > 0 && ctx.Err() == nil && isOver {
		// Where something listens, connecting takes hardly any time. So the answer was what took long.
		err = fmt.Errorf("%w: %w", client.ErrConnection, &client.SilenceError{Waited: to.silence, Connected: true})
	}
	return conn, err
}

// lines returns the address of the lines listener, and where it was found.
func (c Connection) lines(flag string, t target) (address, from string) {
	variable := os.Getenv(envLines)
	if c.context != "" {
		variable = ""
	}
	if address, from = either(flag, "--address", variable, envLines); address != "" {
		return address, from
	}
	if t.lines != "" {
		return t.lines, "the context"
	}
	return defaultLines, "default"
}

// send sends the lines that the flags ask for, and then those of the input.
func (t *lineTalk) send(conn net.Conn) {
	requests := msgstream.JSON(msgstream.DefaultLimits()).Requests
	for _, stream := range t.listen {
		line, err := requests.Encode(nil, msgstream.Request{Action: msgstream.ActionListen, Stream: stream})
		if err == nil {
			conn.Write(append(line, '\n'))
		}
	}
	input := bufio.NewReader(t.In)
	for {
		line, err := input.ReadBytes('\n')
		if line = bytes.TrimRight(line, "\r\n"); len(line) > 0 {
			conn.Write(append(line, '\n')) // what goes wrong is seen by print
		}
		if err != nil {
			break
		}
	}
	if len(t.listen) == 0 {
		conn.Write([]byte(`{"action":"close"}` + "\n"))
	}
}

// print prints lines until the connection ends, or enough are printed.
func (t *lineTalk) print(conn net.Conn) error {
	reader := bufio.NewReader(conn)
	for {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		}
		if err != nil {
			return errors.Join(client.ErrConnection, err)
		}
		if err := t.printLine(line); err != nil || t.count > 0 && t.puts == t.count {
			return err
		}
	}
}

func (t *lineTalk) printLine(line []byte) error {
	e, err := msgstream.JSON(msgstream.DefaultLimits()).Events.Decode(bytes.TrimRight(line, "\r\n"))
	switch {
	case err != nil:
	case e.Action == msgstream.ActionError:
		t.refused = e.Error
	case e.Action == msgstream.ActionPut && e.Message != nil:
		t.puts++
	}
	if t.terminal {
		return writeJSONTo(t.out, true, jsontext.Value(bytes.TrimRight(line, "\r\n")))
	}
	_, err = t.Write(line)
	return err
}
