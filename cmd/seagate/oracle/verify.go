package oracle

import (
	"context"
	"fmt"
)

// Verify compares the journals of a run that did not end with what the gateway
// has. The streams must still exist. Consumers keep no journals, so Verify does
// not check what they received.
func Verify(ctx context.Context, t Target, dir string, options Options) (*Report, error) {
	r, publishes, err := readJournals(dir)
	if err != nil {
		return nil, fmt.Errorf("oracle: %w", err)
	}
	control, err := newLink(t, false)
	if err != nil {
		return nil, err
	}
	defer control.close()
	o := &Oracle{control: control, options: options, streams: r.Streams, logs: map[string]*Log{}}
	if err := o.readLogs(ctx); err != nil {
		return nil, err
	}
	h := &History{Publishes: publishes, Trims: r.Trims}
	for _, stream := range o.streams {
		h.Logs = append(h.Logs, *o.logs[stream])
	}
	return Check(h, options.Limit), nil
}
