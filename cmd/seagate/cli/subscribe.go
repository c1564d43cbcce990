package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"seagate/client"
)

func subscribeCommand() *cobra.Command {
	var (
		group string
		count int
	)
	cmd := newCommand("subscribe STREAM", "Print the messages of a stream as they come", cobra.ExactArgs(1),
		func(ctx context.Context, t *task) error {
			if count < 0 {
				return usagef("--count must not be negative")
			}
			id, err := groupID(group)
			if err != nil {
				return err
			}
			f := &follower{task: t, count: count}
			return f.follow(ctx, id)
		})
	cmd.Long = `Print the messages of a stream as they come, one JSON value a line. It goes on
until it is interrupted, or has printed as many as --count says, and connects
again when the connection is lost; messages in between are missed, which it
says.

With --json each line is an object: {"stream", "received", "payload"}.

An interrupt ends it with exit status 0, or with 1 if messages that --count
asked for are still to come.`
	cmd.Example = `  seagate subscribe boiler
  seagate subscribe boiler --count 1 | jq .temperature
  seagate subscribe boiler --group 3f2c7d1e-8a44-4f0b-9c57-0d8f2f6f1a10`
	cmd.Flags().StringVar(&group, "group", "", "share the messages with the other members of a group, by its `UUID`, or \"new\"")
	cmd.Flags().IntVar(&count, "count", 0, "end after `N` messages")
	completeStream(cmd)
	return cmd
}

// groupID reads the flag --group.
func groupID(text string) (string, error) {
	switch text {
	case "":
		return "", nil
	case "new":
		return uuid.NewString(), nil
	}
	if err := uuid.Validate(text); err != nil || len(text) != len(uuid.Nil.String()) {
		return "", usagef("--group %q: give a UUID such as %s, or \"new\"", text, uuid.NewString())
	}
	return text, nil
}

// A follower is one run of subscribe.
type follower struct {
	*task
	count   int // 0 is no end
	printed int
	running bool  // it was subscribed once
	refused error // why it was not
}

var errCounted = errors.New("as many messages as --count says")

func (f *follower) follow(interrupt context.Context, group string) error {
	ctx, giveUp := context.WithCancel(interrupt)
	defer giveUp()
	if group != "" {
		f.note("group %s", group)
	}
	err := f.Follow(ctx, f.args[0], client.FollowOptions{
		Group:        group,
		OnSubscribed: f.subscribed,
		OnLost: func(cause error, wait time.Duration) {
			if !f.running { // who mistypes a URL wants to know now
				f.refused = cause
				giveUp()
				return
			}
			f.note("%v; trying again in %v", cause, wait.Round(time.Second/10))
		},
	}, f.print)
	switch {
	case errors.Is(err, errCounted):
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
	if gap.Cause == nil {
		f.note("subscribed to %s; Ctrl-C ends", f.args[0])
		return
	}
	f.note("subscribed again; messages from %s to %s are missed",
		gap.From.Format(time.TimeOnly), gap.To.Format(time.TimeOnly))
}

func (f *follower) print(m client.Message) error {
	if err := f.message(m); err != nil {
		return err
	}
	if f.printed++; f.printed == f.count {
		return errCounted
	}
	return nil
}

func (f *follower) message(m client.Message) error {
	if !f.json {
		return f.value(m.Payload)
	}
	return f.value(struct {
		Stream   string         `json:"stream"`
		Received time.Time      `json:"received"`
		Payload  jsontext.Value `json:"payload"`
	}{m.Stream, time.Now().UTC(), m.Payload})
}
