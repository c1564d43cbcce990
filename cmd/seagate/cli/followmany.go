package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"seagate/auth"
	"seagate/client"
)

const (
	// maxFollowed bounds the streams that patterns match. A gateway allows a connection 1,000
	// subscriptions by default.
	maxFollowed = 500
	// lookEvery is the time between two looks for new streams that match.
	lookEvery = 5 * time.Second
	// lookRest: a look at a long list is not repeated before so many times as long as it took.
	lookRest = 20
	// namedStreams is how many streams a note lists by name.
	namedStreams = 8
)

// isPattern reports whether an argument stands for several streams. No name has a *.
func isPattern(argument string) bool { return strings.Contains(argument, "*") }

// A manyFollower is one run of "seagate subscribe" for several streams or patterns.
type manyFollower struct {
	*task
	printer    *printer
	start      start
	started    bool            // it has looked for streams once
	notBefore  time.Time       // of the next look
	told       bool            // that there are too many streams
	added      bool            // there was a stream
	welcome    string          // said with the first subscription
	subscribed map[string]bool // streams that were subscribed at least once
	lost       bool            // the connection was, and nothing was said about the new one
	refused    error           // why it cannot begin
	stop       func()
}

func (f *manyFollower) follow(interrupt context.Context) error {
	for _, argument := range f.Args {
		if strings.Count(argument, "*") > 1 {
			return usagef("%q: a pattern has one *", argument)
		}
	}
	ctx, giveUp := context.WithCancel(interrupt)
	defer giveUp()
	f.stop, f.printer.stop = giveUp, giveUp
	f.subscribed = map[string]bool{}
	options := client.FollowManyOptions{
		Filter:  f.printer.whole,
		Streams: f.streams, OnAdded: f.say, OnSubscribed: f.begun, OnMissing: f.missing, OnLost: f.lostConnection, OnEnded: f.ended,
	}
	if f.hasPattern() {
		options.Every = lookEvery
	}
	err := f.FollowMany(ctx, options, f.printer.print)
	return f.printer.end(interrupt.Err() != nil, f.refused, err)
}

func (f *manyFollower) hasPattern() bool { return slices.ContainsFunc(f.Args, isPattern) }

// streams returns the streams that the arguments stand for. Those that appear later begin
// with their first message, since all of their messages are new.
func (f *manyFollower) streams(ctx context.Context) (followed []client.Followed, err error) {
	if time.Now().Before(f.notBefore) {
		return nil, nil
	}
	if !f.started { // later, one that was deleted does not come back by itself
		for _, argument := range f.Args {
			if isPattern(argument) {
				continue
			}
			from, err := f.locate(ctx, argument, f.start, f.printer)
			if err != nil {
				return nil, err
			}
			followed = append(followed, client.Followed{Stream: argument, From: from})
		}
	}
	if f.hasPattern() {
		begun := time.Now()
		if followed, err = f.matching(ctx, followed); err != nil {
			return nil, err
		}
		f.notBefore = time.Now().Add(lookRest * time.Since(begun))
	}
	if !f.started && len(followed) == 0 {
		f.Note("no stream matches %s yet; waiting for one; Ctrl-C ends", strings.Join(f.Args, " "))
	}
	f.started = true
	return followed, nil
}

// matching appends the streams that match a pattern and are not there yet.
func (f *manyFollower) matching(ctx context.Context, followed []client.Followed) ([]client.Followed, error) {
	matches := func(name string) bool {
		return slices.ContainsFunc(f.Args, func(p string) bool { return auth.MatchesPattern(p, name) })
	}
	for info, err := range f.Streams(ctx) {
		switch {
		case err != nil:
			return nil, err
		case !matches(info.Name) || slices.Contains(f.Args, info.Name):
			continue
		case len(followed) >= maxFollowed:
			if !f.told {
				f.told = true
				f.Note("more streams match than are followed: only the first %d are", maxFollowed)
			}
			return followed, nil
		}
		from := client.Earliest()
		if !f.started {
			var err error
			if from, err = f.locateIn(ctx, info, f.start, f.printer); err != nil {
				return nil, err
			}
		}
		followed = append(followed, client.Followed{Stream: info.Name, From: from})
	}
	return followed, nil
}

// say says which streams are followed that were not before.
func (f *manyFollower) say(names []string) {
	list := strings.Join(names[:min(len(names), namedStreams)], ", ")
	if more := len(names) - namedStreams; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	switch {
	case f.added:
		f.Note("subscribed to %s too", list)
	case f.hasPattern(): // the gateway has listed what there is
		f.Note("subscribed to %s: %s; Ctrl-C ends", counted(len(names), "stream"), list)
	default:
		f.welcome = fmt.Sprintf("subscribed to %s: %s; Ctrl-C ends", counted(len(names), "stream"), list)
	}
	f.added = true
}

func (f *manyFollower) begun(stream string, gap client.Gap) {
	f.subscribed[stream] = true
	if f.welcome != "" {
		f.Note("%s", f.welcome)
		f.welcome = ""
	}
	switch {
	case gap.Cause == nil:
	case gap.Restarted:
		f.Note("%s: the stream has begun anew, so this is all that it keeps", stream)
	case !gap.Resumed:
		f.Note("%s: messages from %s to %s are missed", stream, gap.From.Format(time.TimeOnly), gap.To.Format(time.TimeOnly))
	case f.lost:
		f.Note("subscribed again at the same positions")
	}
	f.lost = false
}

func (f *manyFollower) missing(stream string, m client.Missing) {
	f.Note("%s: messages %d to %d are missing: the stream no longer keeps them", stream, m.From, m.To)
}

func (f *manyFollower) lostConnection(cause error, wait time.Duration) {
	if len(f.subscribed) == 0 && !f.hasPattern() { // such as a wrong URL, which trying again does not change
		f.refused = cause
		f.stop()
		return
	}
	f.lost = true
	f.Note("%s; trying again in %v", f.why(cause), wait.Round(time.Second/10))
}

// ended is called when a stream cannot be followed any more. One that was named, and was
// never there, ends the command: the name may be misspelt.
func (f *manyFollower) ended(stream string, cause error) error {
	if slices.Contains(f.Args, stream) && !f.subscribed[stream] {
		return cause
	}
	f.Note("%s is not followed any more: %s", stream, f.why(cause))
	return nil
}
