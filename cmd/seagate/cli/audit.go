package cli

import (
	"cmp"
	"context"
	"iter"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"seagate/client"
	"seagate/protocol"
)

// audited is an entry of the audit stream with its number.
type audited struct {
	Seq uint64 `json:"seq"`
	protocol.AuditEntry
}

var auditHeading = []string{"TIME", "WHO", "ADDRESS", "WHAT", "SUBJECT", "RESULT", "BEFORE", "AFTER"}

func auditRow(e audited) []string {
	who := e.By
	if e.ClientID != "" {
		who = e.JailID + "/" + e.ClientID
	}
	return []string{e.Time, who, cmp.Or(e.Address, "-"), e.Action, cmp.Or(e.Subject, "-"), e.Result, cmp.Or(string(e.Before), "-"), cmp.Or(string(e.After), "-")}
}

// On a terminal the list has the columns that fit, and the times are in seconds.
var shortAuditHeading = []string{"TIME", "WHO", "WHAT", "SUBJECT", "RESULT"}

func shortAuditRow(e audited) []string {
	all := auditRow(e)
	if len(e.Time) > len("2026-11-21T10:00:00") {
		all[0] = e.Time[:len("2026-11-21T10:00:00")] + "Z"
	}
	return []string{all[0], all[1], all[3], all[4], all[5]}
}

func auditCommand() *cobra.Command {
	var (
		since  string
		follow bool
	)
	cmd := gatewayCommand("audit", "List what administrators did", cobra.NoArgs, func(ctx context.Context, t *task) error {
		t.Args = []string{protocol.AuditStream}
		from, err := t.position(ctx, "--since", since)
		if err != nil {
			return err
		}
		if follow {
			return t.followAudit(ctx, from)
		}
		return listShort(t.Console, t.auditEntries(ctx, from), columns[audited]{auditHeading, auditRow},
			columns[audited]{shortAuditHeading, shortAuditRow}, 1, 2, 3)
	})
	cmd.Long = `List what administrators did: changes of clients, jails, streams, services, groups and
settings, backups and imports, and what they were refused. It is for clients of the root
jail. The entries are messages of the stream $audit, so "seagate subscribe '$audit'" and the
HTTP API have them too.

With --follow it goes on with what happens, one line for each. With --json each line is an
object. Elsewhere than on a terminal the columns are time, who, address, what, subject,
result, before, after.`
	cmd.Example = `  seagate audit --since 24h
  seagate audit --since -20 --json
  seagate audit --follow --since latest`
	flags := cmd.Flags()
	flags.StringVar(&since, "since", "earliest", "begin at `POSITION`: "+positions)
	flags.BoolVar(&follow, "follow", false, "go on with what happens, until it is interrupted")
	return cmd
}

// auditEntries returns the entries that there are.
func (t *task) auditEntries(ctx context.Context, from client.Position) iter.Seq2[audited, error] {
	return func(yield func(audited, error) bool) {
		epoch := ""
		for {
			page, err := t.Messages(ctx, protocol.AuditStream, from, largestPage, epoch)
			if err != nil {
				yield(audited{}, err)
				return
			}
			for _, m := range page.Messages {
				if e, err := auditEntry(m); !yield(e, err) {
					return
				}
			}
			if page.AtEnd {
				return
			}
			from, epoch = page.Next, page.Epoch
		}
	}
}

func auditEntry(m client.Message) (audited, error) {
	e := audited{Seq: m.Seq}
	err := json.Unmarshal(m.Payload, &e.AuditEntry)
	return e, err
}

func (t *task) followAudit(interrupt context.Context, from client.Position) error {
	ctx, giveUp := context.WithCancel(interrupt)
	defer giveUp()
	running := false
	var refused error // why the first attempt failed
	options := client.FollowOptions{From: from, OnMissing: func(m client.Missing) {
		t.Note("entries %d to %d are missing: the stream no longer keeps them", m.From, m.To)
	}, OnSubscribed: func(client.Gap) {
		running = true
	}, OnLost: func(cause error, wait time.Duration) {
		if !running { // such as a wrong URL, which trying again does not change
			refused = cause
			giveUp()
			return
		}
		t.Note("%s; trying again in %v", t.why(cause), wait.Round(time.Second/10))
	}}
	err := t.Follow(ctx, protocol.AuditStream, options, func(m client.Message) error {
		if m.Header {
			return nil
		}
		e, err := auditEntry(m)
		if err != nil {
			return err
		}
		if t.terminal && !t.JSON { // without a heading over each
			return t.line(strings.Join(printable(shortAuditRow(e)), "  "))
		}
		return list(t.Console, one(e), auditHeading, auditRow)
	})
	switch {
	case refused != nil:
		return refused
	case interrupt.Err() != nil:
		return nil // the interrupt is how it ends
	}
	return err
}
