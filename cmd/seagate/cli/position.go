package cli

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"seagate/client"
	"seagate/internal/days"
	"seagate/protocol"
)

// positions lists what the flags for a position understand, apart from latest.
const positions = "earliest, a message number, -N for the last N messages, an age such as 1h, or a time such as 2026-11-21T10:00:00Z"

// A start is where to begin in a stream: a position, or its last messages.
type start struct {
	position client.Position
	last     uint64 // how many messages; 0 is the position
}

// parseStart reads a flag that is a position in a stream. Besides what the gateway
// understands, there are "-3", the last 3 messages that it has now, and "1h", those of the
// last hour by this machine's clock.
func parseStart(flag, text string) (start, error) {
	if p, err := protocol.ParsePosition(text); err == nil {
		return start{position: p}, nil
	}
	if digits, ok := strings.CutPrefix(text, "-"); ok {
		if n, err := strconv.ParseUint(digits, 10, 64); err == nil && n > 0 {
			return start{last: n}, nil
		}
	} else if age, err := days.Parse(text); err == nil && age > 0 {
		return start{position: client.Since(time.Now().Add(-age))}, nil
	}
	return start{}, usagef("%s %q: it %s, or -N for the last N messages, or an age such as 1h", flag, text, protocol.MustBePosition)
}

// in returns the position in a stream with that state.
func (s start) in(info client.StreamInfo) client.Position {
	if s.last == 0 {
		return s.position
	}
	return client.AtSeq(max(info.FirstSeq, 1, info.LastSeq+1-min(s.last, info.LastSeq)))
}

// position reads a flag that is a position in the stream that is the first argument.
func (t *task) position(ctx context.Context, flag, text string) (client.Position, error) {
	s, err := parseStart(flag, text)
	if err != nil {
		return client.Position{}, err
	}
	return t.locate(ctx, t.Args[0], s, nil)
}

// locate returns where in a stream to begin. It asks the gateway only if s is the last messages. If p
// is not nil, those are the last messages that p prints.
func (t *task) locate(ctx context.Context, stream string, s start, p *printer) (client.Position, error) {
	if s.last == 0 {
		return s.position, nil
	}
	info, err := t.Stream(ctx, stream)
	if err != nil {
		return client.Position{}, err
	}
	return t.locateIn(ctx, info, s, p)
}

// firstLook is how many messages are looked at first for the last ones that match.
const firstLook = 1000

// locateIn is locate in a stream with that state. It looks for the last messages from
// the end backwards, at a part of the stream that is each time four times as large.
func (t *task) locateIn(ctx context.Context, info client.StreamInfo, s start, p *printer) (client.Position, error) {
	if s.last == 0 || p == nil || len(p.filter) == 0 {
		return s.in(info), nil
	}
	found := uint64(0)
	first := max(info.FirstSeq, 1)
	for end, look := info.LastSeq+1, max(firstLook, min(s.last, info.LastSeq)); end > first; look *= 4 {
		begin := end - min(look, end-first)
		matches, err := t.matching(ctx, info.Name, p, begin, end)
		if err != nil {
			return client.Position{}, err
		}
		if missing := s.last - found; uint64(len(matches)) >= missing {
			return client.AtSeq(matches[uint64(len(matches))-missing]), nil
		}
		found += uint64(len(matches))
		end = begin
	}
	return client.AtSeq(first), nil
}

// matching returns the numbers of the messages from begin on, and before end, that are printed.
func (t *task) matching(ctx context.Context, stream string, p *printer, begin, end uint64) (matches []uint64, err error) {
	epoch := ""
	for from := client.AtSeq(begin); ; {
		page, err := t.Search(ctx, stream, p.whole, from, largestPage, epoch)
		if err != nil {
			return nil, err
		}
		for _, m := range page.Messages {
			pass, err := p.filter.accepts(m) // a gateway that knows no filters here sends all
			if err != nil || m.Seq >= end {
				return matches, err
			}
			if pass {
				matches = append(matches, m.Seq)
			}
		}
		if page.AtEnd || page.Next.Seq >= end {
			return matches, nil
		}
		from, epoch = page.Next, page.Epoch
	}
}

// A startFlags is the flags that say where to begin: one of them, or none.
type startFlags struct {
	from, since string
	last        uint64
}

// read returns where to begin, and what the flag was called.
func (f startFlags) read(given func(flag string) bool) (start, error) {
	set := 0
	for _, flag := range []string{"from", "since", "last"} {
		if given(flag) {
			set++
		}
	}
	switch {
	case set > 1:
		return start{}, usagef("give one of --from, --since and --last")
	case given("last") && f.last == 0:
		return start{}, usagef("--last must be at least 1")
	case given("last"):
		return start{last: f.last}, nil
	case given("since"):
		return parseSince(f.since)
	}
	return parseStart("--from", f.from)
}

// parseSince reads --since: an age or a time.
func parseSince(text string) (start, error) {
	s, err := parseStart("--since", text)
	if _, numbered := strconv.ParseUint(text, 10, 64); err != nil || numbered == nil || s.last > 0 || text == "latest" || text == "earliest" {
		return start{}, usagef("--since %q: give an age such as 1h, or a time such as 2026-11-21T10:00:00Z", text)
	}
	return s, nil
}

// flags registers the flags. Without any of them it begins at the position from.
func (f *startFlags) flags(flags *pflag.FlagSet, from string) {
	latest := ""
	if from == "latest" {
		latest = "latest, "
	}
	flags.StringVar(&f.from, "from", from, "begin at `POSITION`: "+latest+positions)
	flags.Uint64Var(&f.last, "last", 0, "begin with the last `N` messages of each stream, of those that --where accepts")
	flags.StringVar(&f.since, "since", "", "begin with the messages of the last `AGE`, such as 1h, or since a time")
}
