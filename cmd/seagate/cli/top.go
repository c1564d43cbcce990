package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"seagate/auth"
	"seagate/client"
	"seagate/cmd/seagate/terminal"
	"seagate/protocol"
)

const (
	// leastInterval is the shortest time between two samples.
	leastInterval = time.Second
	// maxSampled bounds the streams of a sample: 10 pages of the list.
	maxSampled = 1000
	// maxLagging bounds the streams of a sample whose groups are looked at: the busiest.
	maxLagging = 20
	// maxGroupsSampled bounds the groups of one stream that are looked at.
	maxGroupsSampled = 100
	// restFactor times the duration of a sample is the shortest pause after it. So top never
	// takes more than a fifth of the time of the gateway.
	restFactor = 4
)

// A topSample is what "seagate top" shows at one moment.
type topSample struct {
	Time    time.Time   `json:"time"`
	Seconds float64     `json:"seconds"` // since the sample before it
	Rate    float64     `json:"messagesPerSecond"`
	Streams []topStream `json:"streams"`
	Omitted bool        `json:"omitted,omitzero"` // there are more streams than are looked at
	Lag     uint64      `json:"lag"`
	// Connections is nil if the gateway does not list any for this client.
	Connections *topConnections `json:"connections"`
	Problems    []string        `json:"problems,omitempty"`

	failed bool // the gateway did not answer, and the counts mean nothing
}

// A topConnections counts connections, up to maxSampled of them.
type topConnections struct {
	Open int  `json:"open"`
	Slow int  `json:"slow"` // that read more slowly than messages come
	More bool `json:"more,omitzero"`
}

// A topStream is a stream in a sample.
type topStream struct {
	Name        string   `json:"name"`
	Rate        float64  `json:"messagesPerSecond"`
	Messages    uint64   `json:"messages"`
	Bytes       int64    `json:"bytes"`
	Subscribers int      `json:"subscribers"`
	Groups      int      `json:"groups"`
	Lag         *uint64  `json:"lag"`        // of the group that lags most; null if nobody looked
	LagSeconds  *float64 `json:"lagSeconds"` // of that group

	epoch string
	last  uint64
}

// A viewer is one run of "seagate top".
type viewer struct {
	*task
	interval time.Duration
	order    string
	before   map[string]topStream // the sample before
	at       time.Time            // of that sample
}

// topOrders are the values of --sort.
var topOrders = []string{"rate", "lag", "bytes", "name"}

func topCommand() *cobra.Command {
	var (
		given viewer
		once  bool
	)
	cmd := gatewayCommand("top [PATTERN...]", "Show the streams with their rates and lag, live", cobra.ArbitraryArgs,
		func(ctx context.Context, t *task) error {
			v := given
			v.task = t
			switch {
			case v.interval < leastInterval:
				return usagef("--interval must be at least %v", leastInterval)
			case !slices.Contains(topOrders, v.order):
				return usagef("--sort %q: it must be one of %s", v.order, strings.Join(topOrders, ", "))
			}
			return v.run(ctx, once)
		})
	completesAll(cmd, streamNames)
	cmd.Long = `Show the streams with the rate at which messages come, what they keep, who reads them, and
the lag of the group that is furthest behind, until an interrupt. Each line is a stream,
the busiest first. A pattern such as 'boiler.*' limits the streams.

With --once it takes two samples, prints the table and ends; elsewhere than on a terminal it
does so too. With --json it prints an object for each sample, without end unless there is
--once.

It asks the HTTP API, at most for ` + "1,000" + ` streams and connections and for the groups of the
20 busiest, and rests between two samples for at least 4 times as long as the last one took.`
	cmd.Example = `  seagate top
  seagate top 'boiler.*' --sort lag
  seagate top --once --json`
	flags := cmd.Flags()
	DurationVar(flags, &given.interval, "interval", 2*time.Second, "take a sample every `DURATION`, at least 1s")
	flags.BoolVar(&once, "once", false, "print one table, and end")
	flags.StringVar(&given.order, "sort", "rate", "put the streams in this `ORDER`: "+strings.Join(topOrders, ", "))
	CompleteWith(cmd, "sort", topOrders...)
	return cmd
}

func (v *viewer) run(ctx context.Context, once bool) error {
	once = once || !v.terminal && !v.JSON
	begun := time.Now()
	first, err := v.sample(ctx)
	if err != nil {
		return err
	}
	screen := v.screen(once)
	defer screen.close()
	if err := screen.begin(first); err != nil {
		return err
	}
	for took := time.Since(begun); ; {
		if err := screen.wait(ctx, max(v.interval, restFactor*took)); err != nil {
			if once {
				return err
			}
			return nil // an interrupt is how it ends
		}
		begun = time.Now()
		s, err := v.sample(ctx)
		took = time.Since(begun)
		switch {
		case ctx.Err() != nil && !once:
			return nil
		case err != nil && (once || !mayPass(err)):
			return err
		case err != nil: // it may come back
			s.Time, s.Problems, s.failed = time.Now().UTC(), []string{v.why(err)}, true
		}
		if err := screen.show(s); err != nil || once {
			return err
		}
	}
}

// mayPass reports whether the same may succeed later: the gateway cannot be reached, or is
// too busy.
func mayPass(err error) bool {
	refusal, ok := errors.AsType[*client.Error](err)
	return errors.Is(err, client.ErrConnection) || ok && refusal.Temporary()
}

// sample looks at the streams. The rates of the first sample are zero.
func (v *viewer) sample(ctx context.Context) (topSample, error) {
	now := time.Now()
	s := topSample{Time: now.UTC(), Streams: []topStream{}}
	if !v.at.IsZero() {
		s.Seconds = now.Sub(v.at).Seconds()
	}
	for info, err := range v.Streams(ctx) {
		if err != nil {
			return s, err
		}
		if len(v.Args) > 0 && !slices.ContainsFunc(v.Args, func(p string) bool { return auth.MatchesPattern(p, info.Name) }) {
			continue
		}
		if s.Omitted = len(s.Streams) == maxSampled; s.Omitted {
			break
		}
		one := topStream{
			Name: info.Name, Messages: info.LastSeq + 1 - min(info.FirstSeq, info.LastSeq+1), Bytes: info.Bytes,
			Subscribers: info.Subscribers, Groups: info.Groups, epoch: string(info.Epoch), last: info.LastSeq,
		}
		if was, known := v.before[one.Name]; known && was.epoch == one.epoch && s.Seconds > 0 && one.last >= was.last {
			one.Rate = float64(one.last-was.last) / s.Seconds
		}
		s.Rate += one.Rate
		s.Streams = append(s.Streams, one)
	}
	v.before, v.at = map[string]topStream{}, now
	for _, one := range s.Streams {
		v.before[one.Name] = one
	}
	slices.SortFunc(s.Streams, byRate)
	err := v.lags(ctx, &s)
	slices.SortFunc(s.Streams, v.compare)
	if err == nil {
		s.Connections, err = v.connections(ctx)
	}
	return s, err
}

// connections counts the connections that the gateway shows to this client.
func (v *viewer) connections(ctx context.Context) (*topConnections, error) {
	var c topConnections
	for info, err := range v.Connections(ctx, client.ConnectionFilter{}) {
		if code := client.CodeOf(err); code == protocol.CodePathNotFound || code == protocol.CodeForbidden {
			return nil, nil // an older gateway, or a client that may not see them
		}
		if err != nil {
			return nil, err
		}
		if c.More = c.Open == maxSampled; c.More {
			break
		}
		if c.Open++; info.Slow {
			c.Slow++
		}
	}
	return &c, nil
}

func byRate(a, b topStream) int {
	return cmp.Or(cmp.Compare(b.Rate, a.Rate), cmp.Compare(b.Groups, a.Groups), cmp.Compare(a.Name, b.Name))
}

func (v *viewer) compare(a, b topStream) int {
	lag := func(s topStream) uint64 {
		if s.Lag == nil {
			return 0
		}
		return *s.Lag
	}
	switch v.order {
	case "lag":
		return cmp.Or(cmp.Compare(lag(b), lag(a)), byRate(a, b))
	case "bytes":
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), byRate(a, b))
	case "name":
		return cmp.Compare(a.Name, b.Name)
	}
	return byRate(a, b)
}

// lags looks at the groups of the busiest streams that have any.
func (v *viewer) lags(ctx context.Context, s *topSample) error {
	looked := 0
	for i := range s.Streams {
		one := &s.Streams[i]
		if one.Groups == 0 || looked == maxLagging {
			continue
		}
		looked++
		var lag uint64
		var seconds float64
		groups := 0
		for g, err := range v.Groups(ctx, one.Name) {
			switch code := client.CodeOf(err); {
			case code == protocol.CodeForbidden || code == protocol.CodeStreamNotFound:
				err = nil // it has been deleted, or its groups are not for this client
			case err != nil:
				return err
			}
			if groups++; err != nil || groups > maxGroupsSampled {
				break
			}
			lag, seconds = max(lag, g.Lag), max(seconds, g.LagSeconds)
		}
		one.Lag, one.LagSeconds = &lag, &seconds
		s.Lag += lag
	}
	return nil
}

var topHeading = []string{"STREAM", "MSG/S", "MESSAGES", "SIZE", "SUBS", "GROUPS", "LAG", "LAG TIME"}

// row is the line of a stream in the table.
func (s topSample) row(one topStream) []string {
	lag, behind := "-", "-"
	if one.Lag != nil {
		lag = terminal.Count(int64(*one.Lag))
		behind = shortTime(*one.LagSeconds)
	}
	return []string{one.Name, s.rateText(one.Rate), terminal.Count(int64(one.Messages)), Bytes(one.Bytes),
		strconv.Itoa(one.Subscribers), strconv.Itoa(one.Groups), lag, behind}
}

// rateText is a rate of the sample, or "-" if there is no sample before it.
func (s topSample) rateText(rate float64) string {
	switch {
	case s.Seconds == 0:
		return "-"
	case rate > 0 && rate < 10:
		return strconv.FormatFloat(rate, 'f', 1, 64)
	}
	return terminal.Count(int64(rate + 0.5))
}

// shortTime writes seconds in at most 7 characters or so: 0s, 1.5s, 12m3s, 5h10m.
func shortTime(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d >= time.Hour:
		return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	case d >= time.Minute:
		return d.Round(time.Second).String()
	}
	return d.Round(time.Second / 10).String()
}

// title is the line above the table.
func (v *viewer) title(s topSample) string {
	if s.failed {
		return "no answer"
	}
	more := ""
	if s.Omitted {
		more = "more than "
	}
	text := fmt.Sprintf("%s%s, %s messages/s, lag %s", more, counted(len(s.Streams), "stream"), s.rateText(s.Rate), terminal.Count(int64(s.Lag)))
	if c := s.Connections; c != nil {
		text += ", " + counted(c.Open, "connection")
		if c.Slow > 0 {
			text += fmt.Sprintf(", %d slow", c.Slow)
		}
	}
	return text
}
