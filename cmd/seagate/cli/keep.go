package cli

import (
	"errors"
	"path/filepath"

	"seagate/internal/secret"
)

// keepSecret puts a new secret of the command's own client in the place of the old one,
// wherever that is kept: in what "seagate dev" has left, and in contexts. The zero Text
// removes what is there. It does not change what flags and variables name.
func (t *task) keepSecret(text secret.Text) error {
	return errors.Join(t.keepForDev(text), t.keepInContexts(text))
}

func (t *task) keepForDev(text secret.Text) error {
	left, err := ReadCredentials(filepath.Join(devFolder(), CredentialsFile))
	if err != nil || left.ClientID != t.target.id || left.ClientSecret != t.target.secret.Reveal() {
		return nil // nothing to keep up to date
	}
	if !text.IsSet() {
		t.Note("the credentials that `seagate dev` has left are removed")
		return RemoveCredentials(devFolder())
	}
	t.Note("the credentials that `seagate dev` has left are changed")
	left.ClientSecret = text.Reveal()
	return SaveCredentials(left, devFolder())
}

func (t *task) keepInContexts(text secret.Text) error {
	all, err := readContexts()
	if err != nil {
		return nil // a command that cannot read the file has not used a context
	}
	changed := false
	for _, name := range all.names() {
		entry := all.Entries[name]
		if entry.ClientID != t.target.id || entry.ClientSecret != t.target.secret.Reveal() || !sameGateway(entry.URL, t.target.url) {
			continue
		}
		changed = true
		if entry.ClientSecret = text.Reveal(); text.IsSet() {
			t.Note("the secret in context %s is changed", name)
			all.Entries[name] = entry
		} else {
			t.Note("context %s is removed", name)
			all.remove(name)
		}
	}
	if !changed {
		return nil
	}
	return all.save()
}
