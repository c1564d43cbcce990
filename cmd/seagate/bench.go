package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"seagate/cmd/seagate/bench"
	"seagate/cmd/seagate/cli"
	"seagate/cmd/seagate/terminal"
)

// A benchRun is one run of `seagate bench`.
type benchRun struct {
	connection cli.Connection
	options    bench.Options
}

func benchCommand() *cobra.Command {
	r := benchRun{options: bench.DefaultOptions()}
	cmd := cli.NewCommand("bench", "Put load on a gateway and measure it", cobra.NoArgs, r.run)
	cmd.GroupID = "client"
	cmd.Long = `Put load on a gateway and measure it: rates, and latencies as percentiles.

Publishers publish to streams of their own, as fast as they are answered or at a
--rate, and subscribers receive: every message, or with --groups and --filters a
part of them. Without publishers the subscribers only wait. With --fetch the
subscribers serve, and the publishers call them. Each of them is one connection.

The latency of a publish is the time to its answer, which on disk means that the
message is synced; that of a delivery is the time from the publish to the
subscriber. With --rate both begin when the message was due, so a gateway that
stalls cannot hide what had to wait for it.

With --pid, on Linux, the report has the CPU time and the memory of the gateway.
The client's own CPU time is in it too: near one core for each that the client
has, the numbers say something about the client. Run it on another machine then.

It needs a client that may make streams, and with --filters clients. They are
removed at the end. ` + "`seagate dev`" + ` takes 500 connections: for more, start it with
SEAGATE_LIMITS_SOCKETS=10000, or as many as there are to be.`
	cmd.Example = `  seagate bench --subscribers 200 --rate 200 --pid $(pidof seagate)
  seagate bench --publishers 64 --subscribers 0 --durability disk
  seagate bench --publishers 0 --subscribers 5000 --duration 5s --pid $(pidof seagate)
  seagate bench --fetch --publishers 16 --subscribers 4 --json`
	r.flags(cmd)
	cli.CompleteWith(cmd, "durability", "disk", "memory")
	return cmd
}

func (r *benchRun) flags(cmd *cobra.Command) {
	flags, o := cmd.Flags(), &r.options
	r.connection.Register(cmd)
	flags.IntVar(&o.Publishers, "publishers", o.Publishers, "`NUMBER` of publishers")
	flags.IntVar(&o.Subscribers, "subscribers", o.Subscribers, "`NUMBER` of subscribers")
	flags.IntVar(&o.Streams, "streams", o.Streams, "`NUMBER` of streams, to which both are spread evenly")
	cli.DurationVar(flags, &o.Duration, "duration", o.Duration, "publish for `TIME` at most")
	flags.IntVar(&o.Messages, "messages", o.Messages, "`NUMBER` of messages after which no more are published; 0 is no bound")
	cli.DurationVar(flags, &o.Patience, "patience", o.Patience, "count the rest as undelivered when nothing has arrived for `TIME`")
	flags.Float64Var(&o.Rate, "rate", o.Rate, "`MESSAGES` a second of all publishers; 0 is as fast as they are answered")
	flags.IntVar(&o.Window, "window", o.Window, "`NUMBER` of messages that a publisher sends before the first is answered")
	flags.IntVar(&o.Size, "size", o.Size, "`BYTES` of a message")
	flags.IntVar(&o.Fields, "fields", o.Fields, "`FIELDS` of a message, each of which is checked")
	flags.StringVar(&o.Durability, "durability", "", "`WHERE` messages are kept: disk or memory (default as the gateway has it)")
	flags.IntVar(&o.Groups, "groups", 0, "`NUMBER` of groups that the subscribers of a stream form")
	flags.IntVar(&o.Filters, "filters", 0, "`NUMBER` of different filters that the subscribers have; each message passes one")
	flags.BoolVar(&o.Fetch, "fetch", false, "call a service that the subscribers serve")
	flags.BoolVar(&o.HTTP, "http", false, "publish over HTTP")
	flags.BoolVar(&o.Replay, "replay", false, "subscribe when everything is published, from the oldest message on")
	flags.BoolVar(&o.Keep, "keep", false, "leave the streams there")
	flags.IntVar(&o.PID, "pid", 0, "process `ID` of the gateway, if it runs on this machine")
}

func (r *benchRun) run(ctx context.Context, c *cli.Console) error {
	gateway, err := r.connection.Use(c)
	if err != nil {
		return err
	}
	run, err := bench.New(bench.Target{URL: gateway.URL, Credentials: gateway.Credentials, TLS: gateway.TLS, Silence: gateway.Silence}, r.options)
	if err != nil {
		return cli.Usage(err)
	}
	stop := showProgress(terminal.NewProgress(os.Stderr, !c.JSON, "", nil), run)
	report, err := run.Run(ctx)
	stop()
	if err != nil {
		return err
	}
	if c.JSON {
		err = c.Entry(report, "")
	} else {
		_, err = report.WriteTo(c)
	}
	switch {
	case err != nil:
		return err
	case report.Refused > 0:
		return fmt.Errorf("%d messages were refused: %s", report.Refused, report.Refusal)
	case report.Undelivered > 0 && ctx.Err() == nil:
		return fmt.Errorf("%d deliveries did not arrive", report.Undelivered)
	}
	return nil
}

// showProgress shows a line each second until stop is called, which removes it.
func showProgress(progress *terminal.Progress, run *bench.Run) (stop func()) {
	ended, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		var before bench.Progress
		for {
			select {
			case <-ended:
				progress.Done()
				return
			case <-tick.C:
			}
			p := run.Progress()
			line := fmt.Sprintf("published %d/s, delivered %d/s", p.Published-before.Published, p.Delivered-before.Delivered)
			if p.Delivery != nil {
				line += ", delivery " + p.Delivery.Short()
			} else if p.Publish != nil {
				line += ", publish " + p.Publish.Short()
			}
			progress.Line(line)
			before = p
		}
	}()
	return func() {
		close(ended)
		<-gone
	}
}
