package auth

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"seagate/internal/problems"
	"seagate/internal/secret"
	"seagate/storage"
)

// Limits of an import. Stretching takes some 30 ms for each secret.
const (
	// MaxImportedClients bounds the clients of one import.
	MaxImportedClients = 500
	// MaxChosenPerID bounds how many clients with the same id, over all jails, may have a chosen
	// secret. An attempt does not name its jail, so it is compared with each of them.
	MaxChosenPerID = 4
)

// An ImportedJail is a jail that should exist, with clients.
type ImportedJail struct {
	ID      string
	Name    string // of a new jail; an existing jail keeps its name
	Clients []ImportedClient
}

// An ImportedClient is a client as it should be. A field that is "" is left as
// it is.
type ImportedClient struct {
	ID          string
	Description string
	Secret      secret.Text // required for a new client
	PublicKey   string      // PEM
}

// ImportOptions change what Import accepts.
type ImportOptions struct {
	Overwrite         bool // change clients that differ; otherwise a difference is a problem
	AllowShortSecrets bool // of fewer than MinSecret characters
	DryRun            bool // check everything, and change nothing
}

// An ImportChange is something that an import has changed, or would change.
type ImportChange struct {
	JailID, ClientID string
	Created          bool // otherwise replaced
}

// An Imported is the outcome of an import.
type Imported struct {
	Changes   []ImportChange
	Unchanged int // jails and clients
	Warnings  []problems.Problem
}

// Import makes the given jails and clients. It first checks everything, adds each problem with its
// place to wrong, and calls check, which may add more. If there are problems, it changes nothing.
// Otherwise it makes one change after the other. After an error or a crash only some of them may
// be made; the same Import, repeated, makes the rest. Other changes wait meanwhile.
func (d *Directory) Import(
	ctx context.Context, jails []ImportedJail, o ImportOptions, wrong *problems.List, check func(),
) (Imported, error) {
	p := &importPlan{
		directory: d, options: o, wrong: wrong, claimed: map[string]string{},
		salts: map[string]secretRecord{}, chosen: map[string]int{}, keys: map[string]int{},
	}
	err := d.change(ctx, func() error {
		if err := p.plan(ctx, jails); err != nil {
			return err
		}
		check()
		if wrong.Count() > 0 || o.DryRun {
			return nil
		}
		for _, step := range p.steps {
			if err := step(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	return p.outcome, err
}

// An importPlan is an import that is being checked. Only the change that runs uses it.
type importPlan struct {
	directory *Directory
	options   ImportOptions
	wrong     *problems.List
	outcome   Imported
	steps     []func(context.Context) error

	newJails int
	claimed  map[string]string       // values that may occur once, and the place of each
	salts    map[string]secretRecord // by client id: the salt of a chosen secret
	chosen   map[string]int          // by client id: chosen secrets that are new
	keys     map[string]int          // by client id: keys that are new
}

// claim reports whether what occurs in the import for the first time. Otherwise it adds a
// problem.
func (p *importPlan) claim(place, what, message string) bool {
	if other, taken := p.claimed[what]; taken {
		p.wrong.Addf(place, "%s: see %s", message, other)
		return false
	}
	p.claimed[what] = place
	return true
}

func (p *importPlan) plan(ctx context.Context, jails []ImportedJail) error {
	total := 0
	for _, j := range jails {
		total += len(j.Clients)
	}
	if total > MaxImportedClients {
		p.wrong.Addf("jails", "there are %d clients and one import may have %d: split it", total, MaxImportedClients)
		return nil
	}
	for i, given := range jails {
		place := fmt.Sprintf("jails[%d]", i)
		if !p.claim(place+".id", "jail "+given.ID, "the jail is there twice") {
			continue
		}
		if err := p.planJail(ctx, place, given); err != nil {
			return err
		}
	}
	return nil
}

func (p *importPlan) planJail(ctx context.Context, place string, given ImportedJail) error {
	d := p.directory
	if err := cmp.Or(checkID(given.ID), checkDescription(given.Name)); err != nil {
		p.wrong.Add(place, text(err))
	}
	j := d.jails[given.ID]
	existing := 0
	switch {
	case j != nil:
		existing = len(j.clients)
		p.outcome.Unchanged++
		if given.Name != "" && given.Name != j.record.Name {
			p.warn(place+".name", "the jail exists, and keeps its name")
		}
	case len(given.Clients) == 0:
		p.wrong.Add(place+".clients", "a new jail needs a client")
	default:
		if p.newJails++; len(d.jails)+p.newJails > d.opts.MaxJails {
			p.wrong.Add(place, text(ErrTooManyJails))
		}
		p.outcome.Changes = append(p.outcome.Changes, ImportChange{JailID: given.ID, Created: true})
	}
	created := 0
	for i, c := range given.Clients {
		if err := ctx.Err(); err != nil { // the caller has given up
			return err
		}
		at := fmt.Sprintf("%s.clients[%d]", place, i)
		if !p.claim(at+".id", "client "+given.ID+"/"+c.ID, "the client is there twice") {
			continue
		}
		if j == nil || j.clients[c.ID] == nil {
			created++
		}
		p.planClient(at, given, c)
	}
	most := d.opts.MaxClientsPerJail
	if j != nil {
		most = d.maxClients(j)
	}
	if existing+created > most {
		p.wrong.Add(place+".clients", text(ErrTooManyClients))
	}
	return nil
}

func (p *importPlan) warn(place, message string) {
	p.outcome.Warnings = append(p.outcome.Warnings, problems.Problem{Place: place, Message: message})
}

// text is the text of an error of this package, or of fdsl, without the name of the package.
func text(err error) string {
	return strings.TrimPrefix(strings.TrimPrefix(err.Error(), "auth: "), "fdsl: ")
}

// planClient checks a client and adds the step that makes it as it should be.
func (p *importPlan) planClient(at string, in ImportedJail, given ImportedClient) {
	d := p.directory
	if err := cmp.Or(checkID(given.ID), checkDescription(given.Description)); err != nil {
		p.wrong.Add(at, text(err))
		return
	}
	var last *client
	if j := d.jails[in.ID]; j != nil {
		last = j.clients[given.ID]
	}
	if last == nil && !given.Secret.IsSet() {
		p.wrong.Add(at+".secret", "a new client needs its secret")
		return
	}
	before := p.wrong.Count()
	edits := p.differences(at, in.ID, given, last)
	if p.wrong.Count() > before {
		return
	}
	if last != nil && len(edits) == 0 {
		p.outcome.Unchanged++
		return
	}
	p.outcome.Changes = append(p.outcome.Changes, ImportChange{JailID: in.ID, ClientID: given.ID, Created: last == nil})
	p.steps = append(p.steps, func(ctx context.Context) error { return d.importClient(ctx, in, given.ID, edits) })
}

// An edit changes one part of a client's record.
type edit func(*clientRecord) error

// differences returns how the client has to change. last is nil for a new one.
func (p *importPlan) differences(at, jailID string, given ImportedClient, last *client) (edits []edit) {
	d := p.directory
	differs := func(what string, do edit) {
		if last != nil && !p.options.Overwrite {
			p.wrong.Addf(at+"."+what, "it differs from what client %q of jail %q has; import with overwrite to replace that", given.ID, jailID)
			return
		}
		edits = append(edits, do)
	}
	if given.Description != "" && (last == nil || last.record.Description != given.Description) {
		differs("description", func(r *clientRecord) error { r.Description = given.Description; return nil })
	}
	if given.Secret.IsSet() && p.checkSecret(at+".secret", jailID, given) {
		revealed := given.Secret.Reveal()
		if last == nil || !d.hasSecret(last, revealed) {
			record := p.recordSecret(at+".secret", given.ID, revealed, last)
			differs("secret", func(r *clientRecord) error { r.Secret, r.Old = record, nil; return nil })
		}
	}
	if given.PublicKey != "" && p.checkKey(at+".jwtPublicKey", given, last) {
		differs("jwtPublicKey", func(r *clientRecord) error {
			// Whoever imports is responsible for all jails, so the key counts as proven. A proof
			// would have to name the jail, which does not exist yet.
			key := NewKey{PEM: given.PublicKey, proven: true}
			return d.setKeys(r, owner{clientID: given.ID}, []NewKey{key}, 0)
		})
	}
	return edits
}

// hasSecret reports whether text is the client's secret.
func (d *Directory) hasSecret(c *client, text string) bool {
	raw, generated := parseGenerated(text)
	switch {
	case generated:
		return c.record.Secret.equal(raw.record())
	case c.record.Secret.chosen():
		return d.isSecret(c.record.Secret, text)
	}
	return false
}

// checkSecret reports whether the secret may be used.
func (p *importPlan) checkSecret(place, jailID string, given ImportedClient) bool {
	revealed := given.Secret.Reveal()
	if !p.claim(place, "secret "+given.ID+"/"+revealed, "another client has this id and this secret, so the secret would not tell them apart") {
		return false
	}
	if raw, generated := parseGenerated(revealed); generated {
		other, taken := p.directory.generated.Load(raw.selector())
		if taken && other.(*secretCredential).principal.JailID+"/"+other.(*secretCredential).principal.ClientID != jailID+"/"+given.ID {
			p.wrong.Add(place, "another client has this secret")
			return false
		}
		return p.claim(place, "selector "+string(raw[:selectorBytes]), "another client has this secret")
	}
	err := checkPresentable(revealed)
	short := utf8.RuneCountInString(revealed) < MinSecret
	switch {
	case err == nil && short && p.options.AllowShortSecrets:
		p.warn(place, fmt.Sprintf("it has fewer than %d characters and can be guessed: rotate it soon", MinSecret))
	case err == nil && short:
		err = fmt.Errorf("%w, unless short secrets are allowed", checkChosen(revealed))
	}
	if err != nil {
		p.wrong.Add(place, text(err))
	}
	return err == nil
}

// recordSecret returns the record of a secret. The chosen secrets of one id get one salt, so that
// an attempt is stretched once for all of them. It adds a problem if there are too many of them.
func (p *importPlan) recordSecret(place, id, revealed string, last *client) secretRecord {
	if raw, generated := parseGenerated(revealed); generated {
		return raw.record()
	}
	d := p.directory
	others := 0
	salted, known := p.salts[id]
	for _, s := range d.withID(id).chosen {
		if last != nil && (s == last.secret || s == last.old) {
			continue
		}
		if others++; !known {
			salted, known = s.record, true
		}
		if d.isSecret(s.record, revealed) {
			p.wrong.Addf(place, "client %q of another jail has this secret, so the secret would not tell them apart", id)
			return secretRecord{}
		}
	}
	if p.chosen[id]++; others+p.chosen[id] > MaxChosenPerID {
		p.wrong.Addf(place, "at most %d clients with the id %q may have a secret that was not generated here; "+
			"create this one with `seagate clients create`, which generates its secret", MaxChosenPerID, id)
		return secretRecord{}
	}
	if !known {
		salted = secretRecord{Salt: make([]byte, saltBytes), Iterations: d.iterations}
		rand.Read(salted.Salt)
	}
	p.salts[id] = salted
	sum, err := d.stretch(revealed, salted.Salt, salted.Iterations)
	if err != nil {
		p.wrong.Add(place, text(err))
	}
	return secretRecord{Salt: salted.Salt, Iterations: salted.Iterations, Digest: sum[:]}
}

// checkKey reports whether the key has to be given to the client.
func (p *importPlan) checkKey(place string, given ImportedClient, last *client) bool {
	public, err := parsePublicKey(given.PublicKey)
	if err != nil {
		p.wrong.Add(place, text(err))
		return false
	}
	if last != nil && slices.ContainsFunc(last.keys, func(k heldKey) bool { return k.record.Until.IsZero() && k.public.Equal(public) }) {
		return false
	}
	others := 0
	for _, k := range p.directory.withID(given.ID).keys {
		if last != nil && last.holds(k) || k.inert {
			continue
		}
		if others++; k.public.Equal(public) && k.proven.Load() {
			p.wrong.Addf(place, "client %q of another jail has this key, so the tokens would enter that jail", given.ID)
			return false
		}
	}
	if p.keys[given.ID]++; others+p.keys[given.ID] > MaxKeysPerID {
		p.wrong.Add(place, text(ErrTooManyKeys))
		return false
	}
	return p.claim(place, "key "+given.ID+"/"+public.N.String(), "another client has this id and this key")
}

// importClient makes or edits a client, and makes its jail if it is the first one. Only a change
// calls it.
func (d *Directory) importClient(ctx context.Context, in ImportedJail, id string, edits []edit) error {
	j := d.jails[in.ID]
	record, cond := newClientRecord(secretRecord{}, ""), storage.Always()
	if j != nil {
		if last := j.clients[id]; last != nil {
			record, cond = last.record, storage.IfRevision(last.revision)
		}
	}
	d.displacing = nil
	for _, do := range edits {
		if err := do(&record); err != nil {
			return err
		}
	}
	var err error
	if j == nil {
		_, err = d.createJail(ctx, in.ID, in.Name, id, record)
	} else {
		_, err = d.save(ctx, j, id, record, cond)
	}
	if err != nil {
		return err
	}
	return d.displace(ctx)
}
