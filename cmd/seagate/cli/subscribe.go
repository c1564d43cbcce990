package cli

import (
	"context"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"seagate/client"
	"seagate/protocol"
)

// A subscribing is the flags of "seagate subscribe".
type subscribing struct {
	where  startFlags
	group  string
	shown  printer
	one    follower // for a single stream
	merged merger   // with --sync
}

func subscribeCommand() *cobra.Command {
	var s subscribing
	var cmd *cobra.Command
	cmd = gatewayCommand("subscribe STREAM...", "Print the messages of streams as they arrive", cobra.MinimumNArgs(1),
		func(ctx context.Context, t *task) error { return s.run(ctx, cmd, t) })
	completesAll(cmd, streamNames)
	cmd.Long = subscribeHelp
	cmd.SuggestFor = []string{"consume", "follow", "listen", "tail", "watch"}
	cmd.Example = `  seagate subscribe boiler
  seagate subscribe boiler --count 1 | jq .temperature
  seagate subscribe boiler --since 1h --where unit=C
  seagate subscribe 'boiler.*' pump --last 10 --meta
  seagate subscribe boiler --format '{{.time}}\t{{.payload.temperature}}'
  seagate subscribe boiler --state
  seagate subscribe inlet outlet --sync --by '$.at' --priority outlet=1 --from earliest --meta
  seagate subscribe boiler --from 2026-11-21T10:00:00Z --meta
  seagate subscribe boiler --group 3f2c7d1e-8a44-4f0b-9c57-0d8f2f6f1a10 --explicit`
	s.flags(cmd.Flags())
	return cmd
}

func (s *subscribing) flags(flags *pflag.FlagSet) {
	s.merged.flags(flags)
	s.shown.flags(flags)
	s.where.flags(flags, "latest")
	one := &s.one
	flags.IntVar(&s.shown.count, "count", 0, "end after `N` messages")
	flags.StringVar(&s.group, "group", "", "share the messages with the other members of a group, by its `UUID`, or \"new\"")
	flags.StringVar(&one.options.Epoch, "epoch", "", "refuse if the stream has another epoch than `EPOCH`")
	flags.BoolVar(&one.state, "state", false, "say whether the stream is registered and paused, and each change")
	flags.BoolVar(&one.options.Explicit, "explicit", false, "acknowledge each message after printing it; needs --group")
	flags.IntVar(&one.options.Credit, "credit", 0, "have at most `N` unacknowledged messages (default what the gateway allows, or 100 with --explicit, or fewer with --count); needs --group")
}

// run prints the messages of one stream, or of several, in their own order or merged.
func (s *subscribing) run(ctx context.Context, cmd *cobra.Command, t *task) error {
	p := s.shown
	p.Console, p.live, p.several = t.Console, true, len(t.Args) > 1 || isPattern(t.Args[0])
	if err := p.prepare(cmd.Flags()); err != nil {
		return err
	}
	from, err := s.where.read(cmd.Flags().Changed)
	switch {
	case err != nil:
		return err
	case s.merged.sync:
		m := s.merged
		m.task, m.printer = t, &p
		return m.run(ctx, cmd, from)
	}
	if err := s.merged.refuse(cmd); err != nil {
		return err
	}
	if p.several {
		if err := singleOnly(cmd, ""); err != nil {
			return err
		}
		return (&manyFollower{task: t, printer: &p, start: from}).follow(ctx)
	}
	f := s.one
	f.task, f.printer = t, &p
	if err := f.read(ctx, cmd, from, s.group); err != nil {
		return err
	}
	return f.follow(ctx)
}

const subscribeHelp = `Print the messages of streams as they arrive, one JSON value a line, until it is
interrupted or has printed --count messages. When the connection is lost it
connects again and continues where it was, so that it misses nothing and prints
nothing twice, with or without --meta. It says which messages a stream no longer keeps.
If a stream was begun anew meanwhile, it says so and prints all messages that there are;
with --epoch it ends.

Several streams, and those that match a pattern such as 'boiler.*', are printed as their
messages come, each in its own order. Streams that appear later and match are picked up
within seconds, from their first message on. At most 500 streams are followed.

With --meta each line is an object: {"seq", "time", "epoch", "payload"},
with "redelivered" if the message was delivered before, and "stream" if there are
several. The stream's header has "header" instead of number and time.

With --json each line is an object: {"stream", "received", "payload"}, with what
--meta adds.

` + printingHelp + `

With --where the gateway sends only the messages that the filter accepts, and --last N
begins with the last N of those.

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
messages. A member of a group gets nothing new then, and prints first what it was handed,
for at most 5 s, so that nothing is lost and the other members print nothing again; a second
interrupt ends it at once.`

// singleOnly refuses the flags that are for a single stream. More says what else to do.
func singleOnly(cmd *cobra.Command, more string) error {
	for _, name := range []string{"group", "explicit", "credit", "epoch", "state"} {
		if cmd.Flags().Changed(name) {
			return usagef("--%s is for a single stream: leave it out%s", name, more)
		}
	}
	return nil
}

// read checks the flags and sets the options from them.
func (f *follower) read(ctx context.Context, cmd *cobra.Command, from start, group string) (err error) {
	flags := cmd.Flags()
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
	if len(f.printer.filter) > 0 && f.options.Group != "" {
		return usagef("--where would take messages from the other members of the group and not print them: leave out one of --where and --group")
	}
	if f.options.Group != "" && f.printer.count > 0 {
		f.acknowledgeEach()
	}
	f.options.Filter = f.printer.whole
	f.options.From, err = f.locate(ctx, f.Args[0], from, f.printer)
	return err
}

// acknowledgeEach lets a member of a group that ends by itself acknowledge each
// message that it has printed. Pings come too seldom for that: the last messages would
// not be acknowledged, or others that have arrived and are not printed would be. It
// takes no more messages than it prints, so that others need not wait for them.
func (f *follower) acknowledgeEach() {
	const defaultCredit = 100 // of an explicit member
	f.options.Explicit = true
	if f.options.Credit == 0 {
		f.options.Credit = min(f.printer.count, defaultCredit)
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

// drainTime is how long a member of a group goes on printing what it was handed when it is
// interrupted. The others get none of that again. With --count it prints no more than it is asked
// for, and has acknowledged each message.
const drainTime = 5 * time.Second

// A follower is one run of "seagate subscribe" for a single stream.
type follower struct {
	*task
	printer *printer
	options client.FollowOptions
	state   bool
	running bool  // it has been subscribed
	refused error // why the first attempt to subscribe failed
	stop    func()
}

func (f *follower) follow(interrupt context.Context) error {
	ctx, giveUp := context.WithCancel(interrupt)
	defer giveUp()
	f.stop, f.printer.stop = giveUp, giveUp
	if f.options.Group != "" {
		f.Note("group %s", f.options.Group)
	}
	f.options.OnSubscribed, f.options.OnLost, f.options.OnMissing = f.subscribed, f.lost, f.missing
	if f.state {
		f.options.OnState = f.stateChanged
	}
	if f.printer.count == 0 {
		f.options.Drain = drainTime
	}
	err := f.Follow(ctx, f.Args[0], f.options, f.printer.print)
	return f.printer.end(interrupt.Err() != nil, f.refused, err)
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
	f.Note("%s; trying again in %v", f.why(cause), wait.Round(time.Second/10))
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
