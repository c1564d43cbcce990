package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"seagate/auth"
	"seagate/internal/problems"
	"seagate/protocol"
	"seagate/schema"
	"seagate/streams"
)

// An ImportedJail is a jail that should exist, with its clients and streams.
type ImportedJail struct {
	auth.ImportedJail
	Streams []ImportedStream
}

// An ImportedStream is a stream that should have the definition.
type ImportedStream struct {
	Name       string
	Definition []byte
}

// An imported is a stream that has passed the checks and must be defined.
type imported struct {
	jailID     string
	definition *schema.Definition
	created    bool
}

// Import makes the given jails, clients and streams, durably. It first checks everything. If there
// are problems, it makes nothing and returns all of them. After an error or a crash only a part may
// exist; the same import, repeated, makes the rest. Jails and clients come first, and then streams.
func (g *Gateway) Import(
	ctx context.Context, p *auth.Principal, jails []ImportedJail, o auth.ImportOptions,
) (protocol.Imported, error) {
	if err := g.authorize(p, auth.ImportAll, ""); err != nil {
		return protocol.Imported{}, err
	}
	var (
		wrong     problems.List
		tenants   []auth.ImportedJail
		define    []imported
		unchanged int
	)
	for i, j := range jails {
		checkNames(&wrong, fmt.Sprintf("jails[%d]", i), j)
		tenants = append(tenants, j.ImportedJail)
	}
	done, err := g.Directory.By(p, auth.ImportAll).Import(ctx, tenants, o, &wrong, func() {
		for i, j := range jails {
			plan, same := g.planStreams(&wrong, fmt.Sprintf("jails[%d].streams", i), j, o.Overwrite)
			define, unchanged = append(define, plan...), unchanged+same
		}
	})
	if err != nil {
		return protocol.Imported{}, attempted("import", err)
	}
	if err := protocol.InvalidRequest("the import", &wrong); err != nil {
		return protocol.Imported{}, err
	}
	if !o.DryRun {
		if err := g.defineAll(ctx, p, define); err != nil {
			return protocol.Imported{}, err
		}
		g.Log.Info("imported", "jail", p.JailID, "client", p.ClientID, "address", p.Address,
			"changes", len(done.Changes)+len(define), "unchanged", done.Unchanged+unchanged)
		g.noteChange(p, "imported", "", auditDetail{after: map[string]int{"changes": len(done.Changes) + len(define), "unchanged": done.Unchanged + unchanged}})
	}
	return importView(done, define, unchanged, o.DryRun), nil
}

// checkNames adds the problems of names that the protocol does not allow.
func checkNames(wrong *problems.List, place string, j ImportedJail) {
	add := func(place string, err error) {
		if refusal := (*protocol.Error)(nil); errors.As(err, &refusal) {
			wrong.Add(place, refusal.Message)
		}
	}
	add(place+".id", protocol.CheckJailID(j.ID))
	for i, c := range j.Clients {
		add(fmt.Sprintf("%s.clients[%d].id", place, i), protocol.CheckClientID(c.ID))
	}
	for i, s := range j.Streams {
		add(fmt.Sprintf("%s.streams[%d].name", place, i), cmp.Or(protocol.CheckStreamName(s.Name), checkWritable(s.Name)))
	}
}

// planStreams checks the streams of a jail. It returns those that have to be defined, and how many
// have their definition already.
func (g *Gateway) planStreams(wrong *problems.List, place string, j ImportedJail, overwrite bool) (plan []imported, unchanged int) {
	space := g.Directory.JailUID(j.ID)
	if space == "" {
		space = "(new)" // no jail has this uid, so every stream is new there
	}
	seen := map[string]bool{}
	room := g.Catalog.Room(space)
	for i, s := range j.Streams {
		at := fmt.Sprintf("%s[%d]", place, i)
		if seen[s.Name] {
			wrong.Add(at+".name", "the stream is there twice")
			continue
		}
		seen[s.Name] = true
		definition, err := schema.ParseDefinition(s.Definition, s.Name, g.settings.Schema)
		var outcome schema.Outcome
		if err == nil {
			outcome, err = g.Catalog.Plan(streams.ID{Space: space, Name: s.Name}, definition)
		}
		switch {
		case err != nil:
			refusal := g.Refusal(attempted("define", err))
			wrong.Add(at+".definition", refusal.Message)
			for _, line := range refusal.Errors {
				wrong.Add(at+".definition", line)
			}
		case outcome.Change == schema.Unchanged:
			unchanged++
		case outcome.Change == schema.Replaced && !overwrite:
			wrong.Addf(at+".definition", "the stream has an older definition; import with overwrite to replace it")
		default:
			if outcome.Change == schema.Created {
				room--
			}
			plan = append(plan, imported{j.ID, definition, outcome.Change == schema.Created})
		}
	}
	if room < 0 {
		wrong.Addf(place, "there are %d streams more than the jail may have", -room)
	}
	return plan, unchanged
}

func (g *Gateway) defineAll(ctx context.Context, p *auth.Principal, define []imported) error {
	for _, s := range define {
		id := streams.ID{Space: g.Directory.JailUID(s.jailID), Name: s.definition.Name}
		err := change(p, func() error {
			_, err := g.Catalog.Define(ctx, id, s.definition)
			return err
		})
		if err != nil {
			return attempted("define", err)
		}
	}
	return nil
}

func importView(done auth.Imported, define []imported, unchanged int, dryRun bool) protocol.Imported {
	change := map[bool]string{true: "created", false: "replaced"}
	view := protocol.Imported{
		Changes: []protocol.ImportChange{}, Unchanged: done.Unchanged + unchanged,
		Warnings: problems.Lines(done.Warnings), DryRun: dryRun,
	}
	for _, c := range done.Changes {
		view.Changes = append(view.Changes, protocol.ImportChange{Change: change[c.Created], Jail: c.JailID, Client: c.ClientID})
	}
	for _, s := range define {
		view.Changes = append(view.Changes, protocol.ImportChange{Change: change[s.created], Jail: s.jailID, Stream: s.definition.Name})
	}
	return view
}
