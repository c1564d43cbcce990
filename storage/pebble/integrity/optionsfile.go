package integrity

import (
	"io"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Pebble notes its options in a file OPTIONS-<n>, writes another at each start, and refuses
// to open a database if the newest one cannot be understood or does not fit the options in
// use. Those that must fit are always the defaults here, and nothing else is in the file, so
// nothing is lost without it.
const optionsFilePrefix = "OPTIONS-"

// DamagedOptions returns the names of the files OPTIONS-<n> that Pebble would refuse.
func (f Folder) DamagedOptions() []string { return damagedOptions(f.FS, f.Dir) }

func damagedOptions(fs vfs.FS, dir string) (damaged []string) {
	names, err := fs.List(dir)
	if err != nil {
		return nil // the opening reports it
	}
	for _, name := range names {
		if !strings.HasPrefix(name, optionsFilePrefix) {
			continue
		}
		text, err := readFile(fs, fs.PathJoin(dir, name))
		if err == nil && checkOptions(dir, text) != nil {
			damaged = append(damaged, name)
		}
	}
	return damaged
}

func readFile(fs vfs.FS, name string) (string, error) {
	file, err := fs.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := io.ReadAll(file)
	return string(text), err
}

func checkOptions(dir, text string) error {
	var ours pebble.Options
	ours.EnsureDefaults()
	return ours.CheckCompatibility(dir, text)
}

// wholeOptions is a file system without the damaged files OPTIONS-<n>.
type wholeOptions struct {
	vfs.FS
	damaged []string
}

// List implements vfs.FS.
func (w wholeOptions) List(dir string) ([]string, error) {
	names, err := w.FS.List(dir)
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(w.damaged, name) }), err
}
