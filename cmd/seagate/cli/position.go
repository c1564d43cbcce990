package cli

import (
	"context"
	"strconv"
	"strings"
	"time"

	"seagate/client"
	"seagate/protocol"
)

// positions lists what the flags for a position understand, apart from latest.
const positions = "earliest, a message number,\n" +
	"-N for the last N messages, an age such as 1h, or a time such as\n" +
	"2026-11-21T10:00:00Z"

// position reads a flag that is a position in the stream that is the first
// argument. Besides what the gateway understands, there are "-3", the last 3
// messages that it has now, and "1h", those of the last hour by this machine's
// clock.
func (t *task) position(ctx context.Context, flag, text string) (client.Position, error) {
	if p, err := protocol.ParsePosition(text); err == nil {
		return p, nil
	}
	if digits, ok := strings.CutPrefix(text, "-"); ok {
		if n, err := strconv.ParseUint(digits, 10, 64); err == nil && n > 0 {
			return t.last(ctx, n)
		}
	} else if age, err := time.ParseDuration(text); err == nil && age > 0 {
		return client.Since(time.Now().Add(-age)), nil
	}
	return client.Position{}, usagef("%s %q: it %s, or -N for the last N messages, or an age such as 1h", flag, text, protocol.MustBePosition)
}

// last returns the position of the last n messages, or of all if there are fewer.
func (t *task) last(ctx context.Context, n uint64) (client.Position, error) {
	info, err := t.Stream(ctx, t.Args[0])
	if err != nil {
		return client.Position{}, err
	}
	return client.AtSeq(max(info.FirstSeq, 1, info.LastSeq+1-min(n, info.LastSeq))), nil
}
