package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"seagate/client"
	"seagate/internal/quota"
)

// quotaFlags are the flags that set the quotas of a jail.
var quotaFlags = []struct {
	resource quota.Resource
	name     string
	usage    string
}{
	{quota.Disk, "disk", "keep at most `SIZE` on disk, such as 10GiB"},
	{quota.Memory, "memory", "keep at most `SIZE` in memory"},
	{quota.Streams, "streams", "define at most `N` streams"},
	{quota.Definitions, "definitions", "keep at most `SIZE` of definitions, with their history"},
	{quota.Records, "records", "store at most `SIZE` of groups, with their progress, and clients"},
	{quota.Groups, "groups", "have at most `N` groups"},
	{quota.Clients, "clients", "have at most `N` clients"},
	{quota.MessageIDs, "message-ids", "have at most `N` message ids remembered"},
	{quota.RetentionAge, "max-retention-age", "let no stream keep messages for longer than `AGE`, such as 720h"},
	{quota.RetentionBytes, "max-retention-bytes", "let no stream keep more than `SIZE`"},
	{quota.MessageBytes, "max-message-bytes", "let no message have more than `SIZE`"},
}

func jailsQuotaCommand() *cobra.Command {
	given := map[quota.Resource]*string{}
	cmd := gatewayCommand("quota [JAIL]", "Show or change what a jail may use", cobra.RangeArgs(0, 1), func(ctx context.Context, t *task) error {
		change, err := quotaChange(given)
		if err != nil {
			return Usage(err)
		}
		jail := ""
		if len(t.Args) > 0 {
			jail = t.Args[0]
		}
		now, err := t.Quotas(ctx, jail)
		if err != nil || change == nil {
			return t.quotas(now, err)
		}
		if jail == "" {
			return usagef("name the jail whose quotas are to change")
		}
		set := map[string]int64(maps.Clone(now.Set))
		if set == nil {
			set = map[string]int64{}
		}
		change(set)
		now, err = t.SetQuotas(ctx, jail, set)
		return t.quotas(now, err)
	})
	completes(cmd, jailNames)
	cmd.Long = `Show what a jail uses and may use, or change what it may use. Without a jail it is the
client's own, which each client may look at. "default" removes what is set for the
jail. 0 is no bound.

What a jail has beyond a lower quota stays; it can add nothing until there is room.`
	cmd.Example = `  seagate jails quota acme
  seagate jails quota acme --disk 10GiB --streams 500
  seagate jails quota acme --disk default`
	for _, f := range quotaFlags {
		given[f.resource] = cmd.Flags().String(f.name, "", f.usage)
	}
	return cmd
}

// quotaChange reads the flags and returns a function that applies them, or nil if there are none.
func quotaChange(given map[quota.Resource]*string) (func(map[string]int64), error) {
	changes := map[string]*int64{}
	var problems []error
	for _, f := range quotaFlags {
		text := *given[f.resource]
		if text == "" {
			continue
		}
		limit, err := setting(f.name, text, func(text string) (int64, error) { return parseQuota(f.resource, text) })
		if err != nil {
			problems = append(problems, err)
		}
		changes[f.resource.String()] = limit
	}
	if err := errors.Join(problems...); err != nil || len(changes) == 0 {
		return nil, err
	}
	return func(set map[string]int64) {
		for name, limit := range changes {
			if limit == nil {
				delete(set, name)
			} else {
				set[name] = *limit
			}
		}
	}, nil
}

func parseQuota(r quota.Resource, text string) (int64, error) {
	switch {
	case r == quota.RetentionAge:
		age, err := parseAge(text)
		return int64(age / time.Second), err
	case r.IsBytes():
		return parseBytes(text)
	}
	n, err := strconv.ParseInt(text, 10, 53)
	if err != nil || n < 0 {
		return 0, errors.New("give a number, 0 for no bound, or default")
	}
	return n, nil
}

// quotas prints what a jail uses and may use.
func (c *Console) quotas(q client.Quotas, err error) error {
	if err != nil {
		return err
	}
	if c.JSON {
		return c.value(q)
	}
	return list(c, quotaRows(q), []string{"RESOURCE", "USED", "QUOTA", "FROM"}, func(row []string) []string { return row })
}

func quotaRows(q client.Quotas) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		for _, f := range quotaFlags {
			name, r := f.resource.String(), f.resource
			row := []string{f.name, "-", "-", asDefault}
			if used, counted := q.Used[name]; counted {
				row[1] = r.Show(used)
			}
			if limit := q.Limits[name]; limit > 0 {
				row[2] = r.Show(limit)
			}
			if _, set := q.Set[name]; set {
				row[3] = "jail"
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

// useOf returns the use of a resource, and the quota if there is one.
func useOf(q *client.Quotas, r quota.Resource) string {
	used := r.Show(q.Used[r.String()])
	if limit := q.Limits[r.String()]; limit > 0 {
		return used + "/" + r.Show(limit)
	}
	return used
}

// fullest returns the quota that is nearest to being used up.
func fullest(q *client.Quotas) string {
	best, name := 0.0, "-"
	for _, f := range quotaFlags {
		limit := q.Limits[f.resource.String()]
		if limit == 0 {
			continue
		}
		if part := float64(q.Used[f.resource.String()]) / float64(limit); part > best {
			best, name = part, fmt.Sprintf("%s %.0f%%", f.name, 100*part)
		}
	}
	return name
}
