package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"seagate/client"
	"seagate/cmd/seagate/terminal"
)

var levels = []string{"debug", "info", "warn", "error"}

// A logReading is one run of "seagate logs".
type logReading struct {
	*task
	level  string
	limit  int
	follow bool
}

// logInterval is the time between two looks for new lines.
const logInterval = time.Second

func logsCommand() *cobra.Command {
	var given logReading
	cmd := gatewayCommand("logs", "Print the newest lines of the gateway's log", cobra.NoArgs, func(ctx context.Context, t *task) error {
		r := given
		r.task = t
		switch {
		case !slices.Contains(levels, r.level):
			return usagef("--level must be debug, info, warn or error")
		case r.limit < 1 || r.limit > largestPage:
			return usagef("--limit must be from 1 to %d", largestPage)
		}
		return r.print(ctx)
	})
	cmd.Long = `Print the newest lines of the gateway's log, the oldest first, as an administrator of the
root jail. The gateway keeps as many as log.recent_bytes allows, and a restart forgets them.

With --follow it goes on with what is logged. With --json each line is an object.`
	cmd.Example = `  seagate logs --level warn
  seagate logs --follow`
	flags := cmd.Flags()
	flags.StringVar(&given.level, "level", "debug", "print lines of at least `LEVEL`: debug, info, warn or error")
	flags.IntVar(&given.limit, "limit", defaultPage, "begin with at most `N` lines")
	flags.BoolVar(&given.follow, "follow", false, "go on with what is logged, until it is interrupted")
	return cmd
}

func (r *logReading) print(ctx context.Context) error {
	next, limit := "", r.limit
	for {
		page, err := r.Log(ctx, r.level, next, limit)
		if err != nil {
			if r.follow && ctx.Err() != nil {
				return nil
			}
			return err
		}
		if page.Missed > 0 {
			r.Note("%d lines are missing: the gateway does not keep them any more", page.Missed)
		}
		for _, line := range page.Lines {
			if err := r.logLine(line); err != nil {
				return err
			}
		}
		if !r.follow {
			return nil
		}
		next, limit = page.Next, largestPage
		if len(page.Lines) == largestPage {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(logInterval):
		}
	}
}

// logLine prints a line: as JSON, or as a line of text with the attributes behind the message.
func (c *Console) logLine(raw jsontext.Value) error {
	if c.JSON {
		return c.value(raw)
	}
	var attributes []string
	var at, level, message string
	dec := jsontext.NewDecoder(strings.NewReader(string(raw)))
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return err
		}
		key := name.String()
		value, err := dec.ReadValue()
		if err != nil {
			return err
		}
		text := string(value)
		if value.Kind() == '"' {
			if err := json.Unmarshal(value, &text); err != nil {
				return err
			}
		}
		switch key {
		case "time":
			at = text
		case "level":
			level = text
		case "msg":
			message = text
		default:
			if strings.ContainsAny(text, " \t\n\"=") && value.Kind() == '"' {
				text = strconv.Quote(text)
			}
			attributes = append(attributes, key+"="+text)
		}
	}
	if len(at) > len("2026-11-21T10:00:00") {
		at = at[:len("2026-11-21T10:00:00")]
	}
	line := fmt.Sprintf("%s %-5s %s", at, level, message)
	return c.line(terminal.Printable(strings.Join(append([]string{line}, attributes...), " ")))
}

func networkCommand() *cobra.Command {
	heading := []string{"STREAM", "STATE", "PROVIDED BY", "READ BY", "GROUPS"}
	cmd := gatewayCommand("network", "List the streams with those who provide and read them", cobra.NoArgs, func(ctx context.Context, t *task) error {
		return list(t.Console, t.Network(ctx), heading, func(n client.NetworkInfo) []string {
			return []string{n.Name, networkState(n), providersOf(n), readersOf(n), strconv.Itoa(n.Groups)}
		})
	})
	cmd.Long = `List the streams with the clients that provide and read them, as far as the client may
list their connections. A client with several connections has their number behind it.
"seagate services" lists the services.`
	cmd.Example = `  seagate network`
	return cmd
}

func networkState(n client.NetworkInfo) string {
	var states []string
	for name, is := range map[string]bool{"provided": n.Registered, "requested": n.Requested, "paused": n.Paused && !n.Held, "held": n.Held} {
		if is {
			states = append(states, name)
		}
	}
	if slices.Sort(states); states == nil {
		return "-"
	}
	return strings.Join(states, ",")
}

func providersOf(n client.NetworkInfo) string {
	var all []string
	for _, p := range n.Providers {
		name := times(p.ClientID, p.Connections)
		if p.Paused {
			name += " (paused)"
		}
		all = append(all, name)
	}
	return named(all)
}

func readersOf(n client.NetworkInfo) string {
	var all []string
	for _, s := range n.Subscribers {
		name := times(s.ClientID, s.Connections)
		if s.Kind != "own" {
			name += " (" + s.Kind + ")"
		}
		all = append(all, name)
	}
	return named(all)
}

func times(name string, n int) string {
	if n < 2 {
		return name
	}
	return fmt.Sprintf("%s ×%d", name, n)
}

func named(all []string) string {
	if len(all) == 0 {
		return "-"
	}
	return strings.Join(all, ", ")
}

// RunningConfig prints the configuration that a gateway has in force.
func RunningConfig(ctx context.Context, c *Console, where Connection) error {
	return onGateway(ctx, c, where, func(ctx context.Context, t *task) error {
		settings, err := t.Configuration(ctx)
		if err != nil {
			return err
		}
		if t.JSON {
			return t.value(settings)
		}
		return list(t.Console, each(settings), []string{"KEY", "VALUE", "FROM"}, func(s client.SettingInfo) []string {
			return []string{s.Key, string(s.Value), s.Origin}
		})
	})
}
