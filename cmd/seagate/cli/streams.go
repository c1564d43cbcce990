package cli

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"seagate/client"
)

func streamsCommand() *cobra.Command {
	cmd := newCommand("streams", "List the streams", cobra.NoArgs, func(ctx context.Context, t *task) error {
		return list(&t.console, t.Streams(ctx), streamHeading, streamRow)
	})
	return cmd
}

var streamHeading = []string{"STREAM", "VERSION", "STATE", "SUBSCRIBERS", "MESSAGES", "BYTES", "HEADER"}

func streamRow(s client.StreamInfo) []string {
	version, state, header := "-", "open", "-"
	if s.Version.Kind() != 'n' {
		version = versionText(s.Version)
	}
	if s.Paused {
		state = "paused"
	}
	if s.HasHeader {
		header = "yes"
	}
	return []string{s.Name, version, state, strconv.Itoa(s.Subscribers),
		strconv.FormatUint(s.LastSeq+1-min(s.FirstSeq, s.LastSeq+1), 10), strconv.FormatInt(s.Bytes, 10), header}
}

func streamCommand() *cobra.Command {
	return newGroup("stream", "Look at one stream, pause, resume or delete it, change its header and settings",
		streamStateCommand(), streamDeleteCommand(), streamHeaderCommand(), streamSettingsCommand(),
		streamVerb("pause", "Refuse messages to a stream until it is resumed", (*client.Client).Pause, "paused"),
		streamVerb("resume", "Let messages to a paused stream through again", (*client.Client).Resume, "open"))
}

func streamStateCommand() *cobra.Command {
	cmd := newCommand("state STREAM", "Show the state of a stream", cobra.ExactArgs(1), func(ctx context.Context, t *task) error {
		info, err := t.Stream(ctx, t.args[0])
		if err != nil {
			return err
		}
		return list(&t.console, one(info), streamHeading, streamRow)
	})
	completeStream(cmd)
	return cmd
}

// one is a sequence of one entry.
func one[T any](entry T) func(func(T, error) bool) {
	return func(yield func(T, error) bool) { yield(entry, nil) }
}

func streamVerb(verb, short string, do func(*client.Client, context.Context, string) error, became string) *cobra.Command {
	cmd := newCommand(verb+" STREAM", short, cobra.ExactArgs(1), func(ctx context.Context, t *task) error {
		if err := do(t.Client, ctx, t.args[0]); err != nil {
			return err
		}
		return t.done(struct {
			Stream string `json:"stream"`
			State  string `json:"state"`
		}{t.args[0], became}, "%s is %s", t.args[0], became)
	})
	completeStream(cmd)
	return cmd
}

// done says what was done, as JSON or to people.
func (c *console) done(result any, format string, args ...any) error {
	if c.json {
		return c.value(result)
	}
	c.note(format, args...)
	return nil
}

// deleted is the result of deleting something.
type deleted struct {
	Stream string `json:"stream,omitempty"`
	Client string `json:"client,omitempty"`
	Group  string `json:"group,omitempty"`
	Jail   string `json:"jail,omitempty"`
	State  string `json:"state"`
}

func streamDeleteCommand() *cobra.Command {
	var yes bool
	cmd := newCommand("delete STREAM", "Delete a stream with its messages and its definitions", cobra.ExactArgs(1),
		func(ctx context.Context, t *task) error {
			stream := t.args[0]
			if err := t.confirm(yes, stream, "the stream with its messages and its definitions"); err != nil {
				return err
			}
			if err := t.DeleteStream(ctx, stream); err != nil {
				return err
			}
			return t.done(deleted{Stream: stream, State: "deleted"}, "%s is deleted", stream)
		})
	addYes(cmd, &yes)
	completeStream(cmd)
	return cmd
}

func streamHeaderCommand() *cobra.Command {
	var clear bool
	cmd := newCommand("header STREAM [HEADER | -]", "Show, set or clear the header of a stream", cobra.RangeArgs(1, 2),
		func(ctx context.Context, t *task) error {
			switch {
			case clear && len(t.args) == 2:
				return usagef("give a header or --clear, not both")
			case clear:
				return clearHeader(ctx, t)
			case len(t.args) == 2:
				return setHeader(ctx, t)
			default:
				header, err := t.Header(ctx, t.args[0])
				if err != nil {
					return err
				}
				return t.value(header)
			}
		})
	cmd.Long = `Show, set or clear the header of a stream: the message that a new subscription
without a group receives first. It must match the stream's definition.`
	cmd.Flags().BoolVar(&clear, "clear", false, "remove the header")
	completeStream(cmd)
	return cmd
}

// headerState is the result of changing a header.
type headerState struct {
	Stream string `json:"stream"`
	Header string `json:"header"`
}

func setHeader(ctx context.Context, t *task) error {
	stream, header := t.args[0], jsontext.Value(t.args[1])
	if t.args[1] == "-" {
		var err error
		if header, err = readAll(t.in, "standard input", maxLine); err != nil {
			return err
		}
		if err := validJSON("-", header); err != nil {
			return err
		}
	} else if err := validJSON("the header", header); err != nil {
		return Usage(err)
	}
	if err := t.SetHeader(ctx, stream, header); err != nil {
		return err
	}
	return t.done(headerState{stream, "set"}, "the header of %s is set", stream)
}

func clearHeader(ctx context.Context, t *task) error {
	stream := t.args[0]
	if err := t.ClearHeader(ctx, stream); err != nil {
		return err
	}
	return t.done(headerState{stream, "cleared"}, "the header of %s is cleared", stream)
}

// completeStream completes the first argument with the names of streams.
func completeStream(cmd *cobra.Command) {
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return streamNames(cmd), cobra.ShellCompDirectiveNoFileComp
	}
}

// What completion may take: people wait for it with a finger on the key.
const (
	completionTime  = 2 * time.Second
	completionNames = 1000
)

func streamNames(cmd *cobra.Command) (names []string) {
	flag := func(name string) string { return cmd.Flag(name).Value.String() }
	c, err := connection{flag("server"), flag("client"), flag("secret-file")}.client()
	if err != nil {
		return nil
	}
	defer c.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
	defer cancel()
	for info, err := range c.Streams(ctx) {
		if err != nil || len(names) == completionNames {
			break
		}
		names = append(names, fmt.Sprintf("%s\tversion %s", info.Name, versionText(info.Version)))
	}
	return names
}
