package cli

import (
	"context"
	"math"

	"github.com/spf13/cobra"

	"seagate/client"
)

// A reading is one run of "seagate messages".
type reading struct {
	*task
	from  client.Position
	epoch string
	limit int
	all   bool

	printer *printer
}

// Messages in one page of a gateway: by default, and at most.
const (
	defaultPage = 100
	largestPage = 1000
)

func messagesCommand() *cobra.Command {
	var (
		given reading
		shown printer
		begin startFlags
		cmd   *cobra.Command
	)
	cmd = onStream("messages STREAM", "Print the messages of a stream", cobra.ExactArgs(1),
		func(ctx context.Context, t *task) error {
			r, p := given, shown
			p.Console = t.Console
			r.task, r.printer = t, &p
			if err := p.prepare(cmd.Flags()); err != nil {
				return err
			}
			if r.limit < 1 || r.limit > largestPage {
				return usagef("--limit must be from 1 to %d", largestPage)
			}
			from, err := begin.read(cmd.Flags().Changed)
			if err != nil {
				return err
			}
			matching := (*printer)(nil) // --from -3 counts all messages
			if cmd.Flags().Changed("last") {
				matching, r.all, p.count = &p, true, int(min(from.last, math.MaxInt))
			}
			if r.from, err = t.locate(ctx, t.Args[0], from, matching); err != nil {
				return err
			}
			return r.print(ctx)
		})
	cmd.Long = `Print the messages of a stream, one JSON value a line, and say where to continue.
With --all it continues by itself until there are no more, and with --last until it has
printed so many.

With --meta or --json each line is an object: {"seq", "time", "epoch",
"payload"}.

` + printingHelp
	cmd.Example = `  seagate messages boiler --limit 10
  seagate messages boiler --last 3
  seagate messages boiler --all --where unit=C --format '{{.seq}}\t{{.payload.temperature}}'
  seagate messages boiler --from 2026-11-21T10:00:00Z --all --meta > boiler.ndjson`
	flags := cmd.Flags()
	begin.flags(flags, "earliest")
	flags.StringVar(&given.epoch, "epoch", "", "refuse if the stream has another epoch than `EPOCH`")
	flags.IntVar(&given.limit, "limit", defaultPage, "print at most `N` messages; with --all or --last, read as many at a time")
	flags.BoolVar(&given.all, "all", false, "print all messages from there on")
	shown.flags(flags)
	return cmd
}

func (r *reading) print(ctx context.Context) error {
	for {
		page, err := r.Search(ctx, r.Args[0], r.printer.whole, r.from, r.limit, r.epoch)
		if err != nil {
			return err
		}
		if err := r.page(&page); err != nil {
			return err
		}
		if page.AtEnd || !r.all || r.printer.enough() {
			r.rest(page)
			return nil
		}
		r.from, r.epoch = page.Next, page.Epoch
	}
}

// page prints a page. If that is enough before its end, the rest is left to the next page.
func (r *reading) page(page *client.MessagePage) error {
	if page.Dropped > 0 {
		r.Note("%d messages from %s on are missing: the stream no longer keeps them", page.Dropped, r.from)
	}
	for i, m := range page.Messages {
		if err := r.printer.print(m); err != nil {
			return err
		}
		if r.printer.enough() && i+1 < len(page.Messages) {
			page.Next, page.AtEnd = client.AtSeq(m.Seq+1), false
			break
		}
	}
	return nil
}

// rest says where to continue.
func (r *reading) rest(page client.MessagePage) {
	if page.AtEnd {
		r.Note("there are no more messages; continue with --from %d --epoch %s", page.NextSeq, page.Epoch)
		return
	}
	r.Note("there are more messages; continue with --from %s --epoch %s", page.Next, page.Epoch)
}
