package cli

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"seagate/client"
	"seagate/protocol"
)

const (
	// maxLine is the length of the longest message that is read, in bytes. It is
	// more than a gateway accepts by default.
	maxLine = 16 << 20
	// maxFramed is the length of the longest message that is sent over the
	// WebSocket, in bytes. For a request above its limit, by default 1 MiB, a
	// gateway ends the connection. Over HTTP it refuses the one message. Some bytes
	// are left for what is around the message.
	maxFramed = 1<<20 - 1<<10
)

// A publishing is the flags of "seagate publish".
type publishing struct {
	id, header string // of a message that is an argument
	ids        string // prefix of the ids of lines
	fromLine   int
	dryRun     bool
}

func publishCommand() *cobra.Command {
	var given publishing
	var cmd *cobra.Command
	cmd = onStream("publish STREAM [MESSAGE | FILE | -]", "Publish a message, or each line of a file or of standard input", cobra.RangeArgs(1, 2),
		func(ctx context.Context, t *task) error {
			one := len(t.Args) == 2 && t.Args[1] != "-" && !isFile(t.Args[1])
			switch err := given.check(cmd.Flags().Changed, one); {
			case err != nil:
				return err
			case given.dryRun:
				return planPublish(ctx, t)
			case one:
				return publishOne(ctx, t, given.id, given.header)
			case len(t.Args) == 2 && t.Args[1] != "-":
				return publishFile(ctx, t, given)
			}
			return publishLines(ctx, t, given, 0)
		})
	cmd.Long = `Publish a message, or each line of a file or of standard input. An argument that is
JSON is a message, even if there is a file of that name: give it as ./FILE. The
gateway checks each message by itself. A refused message is reported with its line and
all of its problems, and the next ones are still published. If a message was refused,
the exit status is 1.

It says where the message stands, or the last of several: its number, and the epoch
to which the number belongs. With --json the last line has them as "seq", "time" and
"epoch".

With --message-id the gateway accepts the message once, however often it is sent.
If you do not know whether it was accepted, publish it again with the same id.

With --ids each line has an id: the prefix, ":" and the number of the line. Then a
lost connection is made again, and lines without an answer are sent again. Without ids
the command ends there, since it does not know whether the gateway has them. In any case
it says with which --from-line to go on. A gateway remembers ids for 2 minutes by
default, so within that time a file that is published again with the same --ids adds
nothing twice.

With --header the stream gets a new header in one step with the message: whoever
subscribes gets either the old header and then the message, or the new header and
not the message.`
	cmd.SuggestFor = []string{"emit", "produce", "send"}
	cmd.Example = `  seagate publish boiler '{"temperature": 91.5}'
  seagate publish boiler '{"temperature": 91.5}' --message-id boiler-2026-11-21T10:00
  seagate publish boiler '{"temperature": 91.5}' --header '{"temperature": 91.5}'
  seagate publish boiler measurements.ndjson --ids november
  seagate publish boiler measurements.ndjson --ids november --from-line 4711
  tail -f measurements.ndjson | seagate publish boiler`
	flags := cmd.Flags()
	flags.StringVar(&given.id, "message-id", "", "accept the message once, however often it is published with this `ID`")
	flags.StringVar(&given.header, "header", "", "make `JSON` the stream's header, in one step with the message")
	flags.StringVar(&given.ids, "ids", "", "accept each line once, under the id `PREFIX`:LINE, and go on over lost connections")
	flags.IntVar(&given.fromLine, "from-line", 1, "begin with line `N`")
	flags.BoolVar(&given.dryRun, "dry-run", false, "say whether the gateway would accept the message, and publish nothing")
	return cmd
}

// check checks the flags for a message that is an argument, or for lines.
func (p publishing) check(changed func(flag string) bool, one bool) error {
	switch {
	case p.id == "" && changed("message-id"): // probably from a variable that is not set
		return usagef("--message-id is empty: give an id, or leave it out")
	case p.ids == "" && changed("ids"):
		return usagef("--ids is empty: give a prefix of ids, or leave it out")
	case p.dryRun && (!one || p.id != "" || p.header != ""):
		return usagef("--dry-run is for a message that is an argument, alone")
	case p.fromLine < 1:
		return usagef("--from-line must be at least 1")
	case one && (p.ids != "" || changed("from-line")):
		return usagef("--ids and --from-line are for the lines of a file or of standard input: use --message-id for a message")
	case one && p.header != "" && p.id != "":
		return usagef("--header and --message-id do not go together: publish the message with one of them")
	case one:
		return nil
	case changed("header"):
		return usagef("--header is for a message that is an argument: several lines cannot have the same header")
	case p.id != "":
		return usagef("--message-id is for a message that is an argument: use --ids, since several lines cannot have the same id")
	}
	if p.ids != "" {
		if err := protocol.CheckMessageID(lineID(p.ids, maxLineNumber)); err != nil {
			return usagef("--ids: %w", err)
		}
	}
	return nil
}

// maxLineNumber has as many digits as any number of a line.
const maxLineNumber = 999_999_999_999

// lineID is the message id of a line.
func lineID(prefix string, line int) string { return fmt.Sprintf("%s:%d", prefix, line) }

// planPublish says what publishing the message would do.
func planPublish(ctx context.Context, t *task) error {
	stream, message := t.Args[0], jsontext.Value(t.Args[1])
	if err := validArgument("the message", t.Args[1]); err != nil {
		return err
	}
	plan, err := t.PlanPublish(ctx, stream, message)
	if err != nil {
		return err
	}
	version := "a stream that nobody defined"
	if string(plan.Version) != "null" {
		version = "version " + versionText(plan.Version)
	}
	return t.Done(plan, "%s would accept the message as %s, number %d, for %d subscribers and %d groups",
		stream, version, plan.Seq, plan.Subscribers, plan.Groups)
}

// isFile reports whether an argument is a file and not a message.
func isFile(argument string) bool {
	if validJSON("", jsontext.Value(argument)) == nil {
		return false
	}
	info, err := os.Stat(argument)
	return err == nil && !info.IsDir()
}

func publishFile(ctx context.Context, t *task, given publishing) error {
	file, err := OpenFile(t.Args[1])
	if err != nil {
		return err
	}
	defer file.Close()
	size := int64(0) // of a pipe, say
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
		size = info.Size()
	}
	console := *t.Console
	console.In = file
	return publishLines(ctx, &task{t.Client, &console, t.target}, given, size)
}

func publishOne(ctx context.Context, t *task, id, header string) error {
	stream, message := t.Args[0], jsontext.Value(t.Args[1])
	if err := validArgument("the message", t.Args[1]); err != nil {
		return err
	}
	publish := t.Publish
	switch {
	case header != "":
		if err := validJSON("--header", jsontext.Value(header)); err != nil {
			return Usage(err)
		}
		publish = func(ctx context.Context, stream string, message any) (client.Published, error) {
			return t.PublishWithHeader(ctx, stream, message, jsontext.Value(header))
		}
	case id != "":
		if err := protocol.CheckMessageID(id); err != nil {
			return usagef("--message-id: %w", err)
		}
		publish = func(ctx context.Context, stream string, message any) (client.Published, error) {
			return t.PublishOnce(ctx, stream, id, message)
		}
	}
	at, err := publish(ctx, stream, message)
	if err != nil {
		return err
	}
	result := tally{Stream: stream}
	result.add(at)
	if at.Seq == 0 {
		return t.Done(result, "published to %s", stream)
	}
	return t.Done(result, "published to %s: message %d of epoch %s", stream, at.Seq, at.Epoch)
}

// A tally counts what happened to the messages, and says where the last one that was
// published stands.
type tally struct {
	Stream    string    `json:"stream"`
	Published int       `json:"published"`
	Refused   int       `json:"refused"`
	Seq       uint64    `json:"seq,omitzero"`
	Time      time.Time `json:"time,omitzero"`
	Epoch     string    `json:"epoch,omitzero"`
}

// add counts a message that was published.
func (t *tally) add(at client.Published) {
	t.Published++
	t.Seq, t.Time, t.Epoch = at.Seq, at.Time, at.Epoch
}

// last says where the last message stands, if the gateway has said it.
func (t *tally) last() string {
	if t.Seq == 0 {
		return ""
	}
	return fmt.Sprintf("; the last is message %d of epoch %s", t.Seq, t.Epoch)
}
