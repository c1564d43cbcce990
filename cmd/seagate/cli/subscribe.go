package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"seagate/client"
	"seagate/protocol"
)

func subscribeCommand() *cobra.Command {
	var (
		cmd      *cobra.Command
		from     string
		group    string
		followed follower
		merged   merger
	)
	cmd = onStream("subscribe STREAM...", "Print the messages of a stream as they arrive", cobra.MinimumNArgs(1),
		func(ctx context.Context, t *task) error {
			if merged.sync || len(t.Args) > 1 {
				m := merged
				m.task, m.count, m.meta = t, followed.count, followed.meta
				return m.run(ctx, cmd, from)
			}
			if err := merged.refuse(cmd); err != nil {
				return err
			}
			f := followed
			f.task = t
			if err := f.read(ctx, cmd, from, group); err != nil {
				return err
			}
			return f.follow(ctx)
		})
	cmd.Long = `Print the messages of a stream as they arrive, one JSON value a line, until it is
interrupted or has printed --count messages. When the connection is lost it
connects again and continues where it was, so that it misses nothing and prints
nothing twice. It says which messages the stream no longer keeps. If the stream was
begun anew meanwhile, it says so and prints all messages that there are; with --epoch
it ends.

With --meta each line is an object: {"seq", "time", "epoch", "payload"},
with "redelivered" if the message was delivered before. The stream's header has
"header" instead of number and time.

With --json each line is an object: {"stream", "received", "payload"}, with what
--meta adds.

With --state it says whether the stream is registered (somebody provides it) and paused,
now and at each change, in order with the messages. With --json that is an object with
"state" in the place of "payload".

With --explicit, and always with --count, a member of a group acknowledges each
message after printing it, and no other. If the command dies in between, the message is delivered again.

With --sync it prints the messages of several streams in the order of their timestamps,
which are at --by in the messages: a number, or a time as text. Without --by it is the time at
which the gateway accepted them. It says which messages it drops since they come late or
have no timestamp.

An interrupt ends it with exit status 0, or with 1 if it has not printed --count
messages.`
	cmd.Example = `  seagate subscribe boiler
  seagate subscribe boiler --count 1 | jq .temperature
  seagate subscribe boiler --from 1h
  seagate subscribe boiler --state
  seagate subscribe inlet outlet --sync --by '$.at' --priority outlet=1 --from earliest --meta
  seagate subscribe boiler --from 2026-11-21T10:00:00Z --meta
  seagate subscribe boiler --group 3f2c7d1e-8a44-4f0b-9c57-0d8f2f6f1a10 --explicit`
	flags := cmd.Flags()
	merged.flags(flags)
	flags.StringVar(&group, "group", "", "share the messages with the other members of a group, by its `UUID`, or \"new\"")
	flags.IntVar(&followed.count, "count", 0, "end after `N` messages")
	flags.StringVar(&from, "from", "latest", "begin at `POSITION`: latest, "+positions)
	flags.StringVar(&followed.options.Epoch, "epoch", "", "refuse if the stream has another epoch than `EPOCH`")
	flags.BoolVar(&followed.meta, "meta", false, "print the number and time of each message")
	flags.BoolVar(&followed.state, "state", false, "say whether the stream is registered and paused, and each change")
	flags.BoolVar(&followed.options.Explicit, "explicit", false, "acknowledge each message after printing it; needs --group")
	flags.IntVar(&followed.options.Credit, "credit", 0, "have at most `N` unacknowledged messages (default what the gateway allows, or 100 with\n--explicit, or fewer with --count); needs --group")
	return cmd
}

// read checks the flags and sets the options from them.
func (f *follower) read(ctx context.Context, cmd *cobra.Command, from, group string) (err error) {
	flags := cmd.Flags()
	if flags.Changed("count") && f.count < 1 {
		return usagef("--count must be at least 1")
	}
	if f.options.Group, err = groupID(group); err != nil {
		return err
	}
	if f.options.Explicit && f.options.Group == "" {
		return usagef("--explicit is for the members of a group: give --group, too")
	}
	if flags.Changed("credit") && (f.options.Credit < 1 || f.options.Credit > protocol.MaxCredit) {
		return usagef("--credit must be from 1 to %d", protocol.MaxCredit)
	}
	if flags.Changed("credit") && f.options.Group == "" {
		return usagef("--credit is for the members of a group: give --group, too")
	}
	if f.options.Group != "" && f.count > 0 {
		f.acknowledgeEach()
	}
	if f.options.From, err = f.position(ctx, "--from", from); err != nil {
		return err
	}
	return nil
}

// acknowledgeEach lets a member of a group that ends by itself acknowledge each
// message that it has printed. Pings come too seldom for that: the last messages would
// not be acknowledged, or others that have arrived and are not printed would be. It
// takes no more messages than it prints, so that others need not wait for them.
func (f *follower) acknowledgeEach() {
	const defaultCredit = 100 // of an explicit member
	f.options.Explicit = true
	if f.options.Credit == 0 {
		f.options.Credit = min(f.count, defaultCredit)
	}
}

// groupID reads the flag --group.
func groupID(text string) (string, error) {
	switch text {
	case "":
		return "", nil
	case "new":
		return uuid.NewString(), nil
	}
	if _, err := protocol.ParseGroupID(text); err != nil {
		return "", usagef("--group %q: give a UUID such as %s, or \"new\"", text, uuid.NewString())
	}
	return text, nil
}

// A follower is one run of "seagate subscribe".
type follower struct {
	*task
	options client.FollowOptions
	count   int // 0 is no end
	meta    bool
	state   bool
	printed int
	running bool  // it has been subscribed
	refused error // why the first attempt to subscribe failed
	stop    func()
}

func (f *follower) follow(interrupt context.Context) error {
	ctx, giveUp := context.WithCancel(interrupt)
	defer giveUp()
	f.stop = giveUp
	if f.options.Group != "" {
		f.Note("group %s", f.options.Group)
	}
	f.options.OnSubscribed, f.options.OnLost, f.options.OnMissing = f.subscribed, f.lost, f.missing
	if f.state {
		f.options.OnState = f.stateChanged
	}
	err := f.Follow(ctx, f.Args[0], f.options, f.print)
	switch {
	case f.count > 0 && f.printed == f.count:
		return nil
	case f.refused != nil:
		return f.refused
	case interrupt.Err() == nil:
		return err
	case f.count > 0:
		return fmt.Errorf("interrupted after %d of %d messages", f.printed, f.count)
	}
	return nil
}

func (f *follower) subscribed(gap client.Gap) {
	f.running = true
	switch {
	case gap.Cause == nil:
		f.Note("subscribed to %s; Ctrl-C ends", f.Args[0])
	case gap.Restarted:
		f.Note("subscribed again; the stream has begun anew, so this is all that it keeps")
	case gap.Resumed, f.options.Group != "": // a group keeps its position
		f.Note("subscribed again at the same position")
	default:
		f.Note("subscribed again; messages from %s to %s are missed",
			gap.From.Format(time.TimeOnly), gap.To.Format(time.TimeOnly))
	}
}

func (f *follower) lost(cause error, wait time.Duration) {
	if !f.running { // such as a wrong URL, which trying again does not change
		f.refused = cause
		f.stop()
		return
	}
	f.Note("%v; trying again in %v", cause, wait.Round(time.Second/10))
}

func (f *follower) stateChanged(s client.State) {
	if f.JSON {
		line := struct {
			Stream   string       `json:"stream"`
			Received time.Time    `json:"received"`
			State    client.State `json:"state"`
		}{f.Args[0], time.Now().UTC(), s}
		if f.value(line) != nil { // as for messages, but there is nobody to return it to
			f.stop()
		}
		return
	}
	registered, paused := "is not registered", "not paused"
	if s.Registered {
		registered = "is registered"
	}
	if s.Paused {
		paused = "paused"
	}
	f.Note("%s %s and %s", f.Args[0], registered, paused)
}

func (f *follower) missing(m client.Missing) {
	f.Note("messages %d to %d are missing: the stream no longer keeps them", m.From, m.To)
}

// print prints a message, and stops after the last one. It returns nil then, so
// that the last message is acknowledged.
func (f *follower) print(m client.Message) error {
	line := printed{Payload: m.Payload}
	if f.meta || f.JSON {
		line.tell(m)
	}
	if f.JSON {
		line.Stream, line.Received = m.Stream, time.Now().UTC()
	}
	if err := f.message(line, f.meta || f.JSON); err != nil {
		return err
	}
	if f.printed++; f.printed == f.count {
		f.stop()
	}
	return nil
}

// printed is a message as a line of JSON.
type printed struct {
	Stream      string         `json:"stream,omitzero"`
	Received    time.Time      `json:"received,omitzero"`
	Seq         uint64         `json:"seq,omitzero"`
	Time        time.Time      `json:"time,omitzero"`
	Epoch       string         `json:"epoch,omitzero"`
	Redelivered int            `json:"redelivered,omitzero"`
	Header      bool           `json:"header,omitzero"`
	Payload     jsontext.Value `json:"payload"`
}

// tell adds what is known about the message.
func (p *printed) tell(m client.Message) {
	p.Seq, p.Time, p.Epoch, p.Redelivered, p.Header = m.Seq, m.Time, m.Epoch, m.Redelivered, m.Header
}

// message prints a message with all that is known about it, or its payload alone.
func (c *Console) message(p printed, all bool) error {
	if all {
		return c.value(p)
	}
	return c.value(p.Payload)
}
