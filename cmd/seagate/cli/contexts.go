package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/internal/durable"
	"seagate/internal/secret"
	"seagate/internal/spelling"
	"seagate/protocol"
)

// A contextEntry is a gateway and a client of it, as the file of contexts has them.
type contextEntry struct {
	URL          string `json:"url"`
	ClientID     string `json:"clientId"`
	ClientSecret string `json:"clientSecret"`
	Lines        string `json:"lines,omitzero"`        // HOST:PORT of the lines listener
	InsecureHTTP bool   `json:"insecureHttp,omitzero"` // as --insecure-http
	ClientCert   string `json:"clientCert,omitzero"`   // file of a certificate, as --client-cert
	ClientKey    string `json:"clientKey,omitzero"`    // file of its key, as --client-key
}

// layer returns what the entry says about a connection.
func (e contextEntry) layer(name string) layer {
	from := "context " + name
	return layer{
		context: name, url: e.URL, id: e.ClientID, secret: secret.New(e.ClientSecret), lines: e.Lines, plain: e.InsecureHTTP,
		files:   certificateFiles{e.ClientCert, e.ClientKey},
		urlFrom: from, idFrom: from, secretFrom: from,
	}
}

// contexts is the file of contexts.
type contexts struct {
	Current string                  `json:"current,omitzero"` // "" if none is in use
	Entries map[string]contextEntry `json:"contexts"`
}

// devContext is the name of the context that is what "seagate dev" has left. It is not
// in the file.
const devContext = "dev"

const (
	// maxContextsFile is much more than the file has, in bytes.
	maxContextsFile = 4 << 20
	// maxContexts bounds the contexts in the file.
	maxContexts = 1000
)

// contextsPath returns the path of the file, in the user's folder for configuration.
func contextsPath() (string, error) {
	folder, err := os.UserConfigDir()
	if err != nil {
		return "", errors.New("there is no folder for the contexts: set HOME or XDG_CONFIG_HOME")
	}
	return filepath.Join(folder, "seagate", "contexts.json"), nil
}

// readContexts reads the file. Without one there are no contexts. It refuses a file
// that others than its owner can read or write, since the file has secrets.
func readContexts() (contexts, error) {
	none := contexts{Entries: map[string]contextEntry{}}
	path, err := contextsPath()
	if err != nil {
		return none, nil // nobody can have made one
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return none, nil
	case err != nil:
		return none, err
	}
	const others = 0o077
	if mode := info.Mode().Perm(); mode&others != 0 {
		return none, fmt.Errorf("others have rights on %s (%#o), which has secrets: use chmod 600 %[1]s, and give its clients new secrets if somebody may have read it", path, mode)
	}
	data, err := readFile(path, maxContextsFile)
	if err != nil {
		return none, err
	}
	// The error leaves out the cause, which could contain a part of a secret.
	if json.Unmarshal(data, &none) != nil || none.Entries == nil {
		return none, fmt.Errorf("%s is damaged: it should have contexts, each with url, clientId and clientSecret", path)
	}
	return none, nil
}

// save writes the file, which only its owner can read.
func (c contexts) save() error {
	path, err := contextsPath()
	if err != nil {
		return err
	}
	text, err := json.Marshal(c, jsontext.WithIndent("  "), json.Deterministic(true))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return durable.Replace(path, append(text, '\n'))
}

// names returns the names of the contexts, sorted.
func (c contexts) names() []string { return slices.Sorted(maps.Keys(c.Entries)) }

// find returns the context with a name. "dev" is what "seagate dev" has left.
func (c contexts) find(name string) (layer, error) {
	if name == devContext {
		dev, err := devLayer()
		if errors.Is(err, fs.ErrNotExist) {
			return layer{}, usagef("there is no context dev: it is what `seagate dev` leaves in its data folder, and %s has nothing", devFolder())
		}
		return dev, err
	}
	if entry, ok := c.Entries[name]; ok {
		return entry.layer(name), nil
	}
	return layer{}, c.unknown(name)
}

// unknown returns the error for a name without a context.
func (c contexts) unknown(name string) error {
	slips := func(known string) int { return max(1, min(3, len(known)/3)) }
	if near, ok := spelling.Nearest(name, c.names(), slips); ok {
		return usagef("there is no context %q; did you mean %q?", name, near)
	}
	return usagef("there is no context %q; `seagate context list` lists what there is", name)
}

// checkContextName returns an error for a name that no context can have.
func checkContextName(name string) error {
	switch {
	case name == devContext:
		return usagef("the context dev is what `seagate dev` has left: give another name")
	case protocol.CheckStreamName(name) != nil || len(name) > 64:
		return usagef("%q cannot be the name of a context: give letters, digits, and . _ or -, at most 64", name)
	}
	return nil
}

// remove removes a context. If it is in use, none is after that.
func (c *contexts) remove(name string) {
	delete(c.Entries, name)
	if c.Current == name {
		c.Current = ""
	}
}
