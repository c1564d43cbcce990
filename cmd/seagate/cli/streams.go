package cli

import (
	"context"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"seagate/client"
)

func streamsCommand() *cobra.Command {
	cmd := gatewayCommand("streams", "List the streams", cobra.NoArgs, func(ctx context.Context, t *task) error {
		return listShort(t.Console, t.Streams(ctx), columns[client.StreamInfo]{streamHeading, streamRow},
			columns[client.StreamInfo]{shortStreamHeading, shortStreamRow})
	})
	cmd.Example = `  seagate streams`
	cmd.SuggestFor = []string{"list", "ls"}
	return cmd
}

var streamHeading = []string{"STREAM", "VERSION", "STATE", "PROVIDERS", "SUBSCRIBERS", "GROUPS", "MESSAGES", "BYTES", "HEADER"}

func streamRow(s client.StreamInfo) []string {
	version, state, header := "-", "open", "-"
	if s.Version.Kind() != 'n' {
		version = versionText(s.Version)
	}
	switch {
	case s.Held:
		state = "held"
	case s.Paused:
		state = "paused"
	}
	if s.HasHeader {
		header = "yes"
	}
	return []string{s.Name, version, state, strconv.Itoa(s.Providers), strconv.Itoa(s.Subscribers), strconv.Itoa(s.Groups),
		strconv.FormatUint(s.LastSeq+1-min(s.FirstSeq, s.LastSeq+1), 10), strconv.FormatInt(s.Bytes, 10), header}
}

// On a terminal the list has the columns that fit in 80, and long names are cut.
var shortStreamHeading = []string{"STREAM", "VERSION", "STATE", "SUBS", "GROUPS", "MESSAGES", "SIZE"}

func shortStreamRow(s client.StreamInfo) []string {
	all := streamRow(s)
	return []string{all[0], all[1], all[2], all[4], all[5], all[6], Bytes(s.Bytes)}
}

func streamCommand() *cobra.Command {
	group := NewGroup("stream", "Look at a stream, pause it, delete it, change its settings",
		streamStateCommand(), streamDeleteCommand(), streamHeaderCommand(), streamSettingsCommand(),
		streamVerb("pause", "Hold a stream: refuse messages to it until it is resumed", (*client.Client).Pause, "paused"),
		streamVerb("resume", "Let messages to a held stream through again", (*client.Client).Resume, "open"))
	group.SuggestFor = []string{"delete", "remove", "rm"}
	return group
}

func streamStateCommand() *cobra.Command {
	cmd := onStream("state STREAM", "Show the state of a stream", cobra.ExactArgs(1), func(ctx context.Context, t *task) error {
		info, err := t.Stream(ctx, t.Args[0])
		if err != nil {
			return err
		}
		return facts(t.Console, info, streamHeading, streamRow)
	})
	cmd.Example = `  seagate stream state boiler`
	return cmd
}

func streamVerb(verb, short string, do func(*client.Client, context.Context, string) error, became string) *cobra.Command {
	cmd := onStream(verb+" STREAM", short, cobra.ExactArgs(1), func(ctx context.Context, t *task) error {
		if err := do(t.Client, ctx, t.Args[0]); err != nil {
			return err
		}
		return t.Done(outcome{Stream: t.Args[0], State: became}, "%s is %s", t.Args[0], became)
	})
	cmd.Example = "  seagate stream " + verb + " boiler"
	return cmd
}

func streamDeleteCommand() *cobra.Command {
	var yes bool
	cmd := onStream("delete STREAM", "Delete a stream with its messages and its definitions", cobra.ExactArgs(1),
		func(ctx context.Context, t *task) error {
			stream := t.Args[0]
			if err := t.confirm(yes, stream, "the stream with its messages and its definitions"); err != nil {
				return err
			}
			if err := t.DeleteStream(ctx, stream); err != nil {
				return err
			}
			return t.Done(outcome{Stream: stream, State: "deleted"}, "%s is deleted", stream)
		})
	AddYes(cmd, &yes)
	cmd.Example = `  seagate stream delete boiler`
	return cmd
}

func streamHeaderCommand() *cobra.Command {
	var clear bool
	cmd := onStream("header STREAM [HEADER | -]", "Show, set or clear the header of a stream", cobra.RangeArgs(1, 2),
		func(ctx context.Context, t *task) error {
			switch {
			case clear && len(t.Args) == 2:
				return usagef("give a header or --clear, not both")
			case clear:
				return clearHeader(ctx, t)
			case len(t.Args) == 2:
				return setHeader(ctx, t)
			default:
				header, err := t.Header(ctx, t.Args[0])
				if err != nil {
					return err
				}
				return t.value(header)
			}
		})
	cmd.Long = `Show, set or clear the header of a stream: the message that a new subscription
without a group receives first. It must match the stream's definition.`
	cmd.Example = `  seagate stream header boiler
  seagate stream header boiler '{"temperature": 91.5}'
  seagate stream header boiler --clear`
	cmd.Flags().BoolVar(&clear, "clear", false, "remove the header")
	return cmd
}

func setHeader(ctx context.Context, t *task) error {
	stream, header := t.Args[0], jsontext.Value(t.Args[1])
	if t.Args[1] == "-" {
		var err error
		if header, err = readAll(t.In, "standard input", maxLine); err != nil {
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
	return t.Done(outcome{Stream: stream, Header: "set"}, "the header of %s is set", stream)
}

func clearHeader(ctx context.Context, t *task) error {
	stream := t.Args[0]
	if err := t.ClearHeader(ctx, stream); err != nil {
		return err
	}
	return t.Done(outcome{Stream: stream, Header: "cleared"}, "the header of %s is cleared", stream)
}
