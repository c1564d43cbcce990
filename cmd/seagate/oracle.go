package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/spf13/cobra"

	"seagate/cmd/seagate/cli"
	"seagate/cmd/seagate/oracle"
	"seagate/cmd/seagate/terminal"
)

// An oracleRun is one run of `seagate oracle`.
type oracleRun struct {
	connection cli.Connection
	options    oracle.Options
	verify     string
}

func oracleCommand() *cobra.Command {
	r := oracleRun{options: oracle.DefaultOptions()}
	cmd := cli.NewCommand("oracle", "Try a gateway: does it keep its promises?", cobra.NoArgs, r.run)
	cmd.GroupID = "client"
	cmd.Long = `Try a gateway: publish to streams of its own in every way, consume them in every
way, cut connections, and say whether anything was lost, doubled or out of
order. Kill the gateway meanwhile, or pull its plug, if you like: it is waited
for. It needs a client that may make streams and clients.

What was acknowledged is noted in the files of the folder --journal. After the
oracle itself was killed, --verify compares them with what the gateway has.

It exits with 1 if a promise was broken.`
	cmd.Example = `  seagate oracle --duration 5m
  seagate oracle --verify oracle-4711`
	r.flags(cmd)
	return cmd
}

func (r *oracleRun) flags(cmd *cobra.Command) {
	flags, o := cmd.Flags(), &r.options
	r.connection.Register(cmd)
	cli.DurationVar(flags, &o.Duration, "duration", o.Duration, "publish for `TIME`")
	cli.DurationVar(flags, &o.Patience, "patience", o.Patience, "wait for everything else for `TIME`")
	flags.IntVar(&o.Publishers, "publishers", o.Publishers, "`NUMBER` of publishers")
	flags.IntVar(&o.Streams, "streams", o.Streams, "`NUMBER` of streams")
	flags.IntVar(&o.Rate, "rate", o.Rate, "`MESSAGES` a second of each publisher")
	flags.IntVar(&o.Messages, "messages", o.Messages, "`NUMBER` of messages after which no more are published")
	flags.IntVar(&o.Bytes, "bytes", o.Bytes, "`BYTES` of payload in each message")
	flags.IntVar(&o.Members, "members", o.Members, "`NUMBER` of members of each group")
	flags.Uint64Var(&o.Seed, "seed", 0, "the `SEED` of what is left to chance; 0 is a new one")
	flags.StringVar(&o.Journal, "journal", "", "`FOLDER` for the journals; a new one in the working folder by default")
	flags.IntVar(&o.Limit, "limit", o.Limit, "print `N` violations of each kind")
	flags.BoolVar(&o.Calm, "calm", false, "cut no connection, and leave no group")
	flags.BoolVar(&o.Shared, "client-group", false, "the gateway has streams.ungrouped = \"client-group\"")
	flags.BoolVar(&o.MemoryStream, "memory", false, "keep the last stream in memory; the gateway must not stop then")
	cli.DurationVar(flags, &o.AckTimeout, "ack-timeout", 0, "the `TIME` of groups.ack_timeout of the gateway, so that messages can be left unacknowledged")
	flags.IntVar(&o.MaxDeliveries, "max-deliveries", o.MaxDeliveries, "the `NUMBER` of groups.max_deliveries of the gateway")
	flags.BoolVar(&o.KeepStreams, "keep", false, "leave the streams there")
	flags.StringVar(&r.verify, "verify", "", "compare the journals in `FOLDER` with the gateway, and do nothing else")
}

var errPromises = errors.New("the gateway broke promises")

func (r *oracleRun) run(ctx context.Context, c *cli.Console) error {
	gateway, err := r.connection.Use(c)
	if err != nil {
		return err
	}
	target := oracle.Target{URL: gateway.URL, Credentials: gateway.Credentials, TLS: gateway.TLS, Silence: gateway.Silence}
	var report *oracle.Report
	if r.verify != "" {
		report, err = oracle.Verify(ctx, target, r.verify, r.options)
	} else {
		report, err = r.try(ctx, target, c)
	}
	if report != nil && c.JSON {
		err = errors.Join(err, c.Entry(report, ""))
	} else if report != nil {
		report.WriteTo(c)
	}
	if err == nil && !report.OK() {
		err = errPromises
	}
	return err
}

func (r *oracleRun) try(ctx context.Context, target oracle.Target, c *cli.Console) (*oracle.Report, error) {
	o := r.options
	for o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	if err := oracle.Reach(ctx, target); err != nil { // before there is a folder
		return nil, err
	}
	if o.Journal == "" {
		var err error
		if o.Journal, err = os.MkdirTemp(".", "oracle-"); err != nil {
			return nil, err
		}
	}
	run, err := oracle.New(target, o)
	if err != nil {
		return nil, cli.Usage(err)
	}
	begun := struct {
		Seed    uint64 `json:"seed"`
		Journal string `json:"journal"`
	}{o.Seed, o.Journal}
	if err := c.Entry(begun, fmt.Sprintf("seed %d, journals in %s", o.Seed, o.Journal)); err != nil {
		return nil, err
	}
	progress := c.Progress("oracle", func(n int64) string { return terminal.Count(n) + " messages" })
	watching, stop := context.WithCancel(ctx)
	defer progress.Done()
	defer stop()
	go watch(watching, progress, run)
	return run.Run(ctx)
}

// watch shows how many messages the gateway has acknowledged, until the context ends.
func watch(ctx context.Context, progress *terminal.Progress, run *oracle.Oracle) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	begun := time.Now()
	for {
		select {
		case <-ticker.C:
			progress.Show(int64(run.Acknowledged()), 0, time.Since(begun).Round(time.Second).String())
		case <-ctx.Done():
			return
		}
	}
}
