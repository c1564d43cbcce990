package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"seagate/client"
	"seagate/cmd/seagate/terminal"
	"seagate/internal/secret"
)

func contextCommand() *cobra.Command {
	return NewGroup("context", "Keep gateways and clients for the commands, and choose one",
		contextAddCommand(), contextUseCommand(), contextListCommand(), contextShowCommand(), contextRemoveCommand())
}

// onContext returns a command about one context, which the shell completes.
func onContext(use, short string, args cobra.PositionalArgs, do func(*Console, contexts) error) *cobra.Command {
	cmd := NewCommand(use, short, args, func(_ context.Context, c *Console) error {
		all, err := readContexts()
		if err != nil {
			return err
		}
		return do(c, all)
	})
	cmd.ValidArgsFunction = completeContexts
	return cmd
}

// A contextGiven is the flags of "context add".
type contextGiven struct {
	entry      contextEntry
	files      certificateFiles
	secretFile string
	use        bool
}

func contextAddCommand() *cobra.Command {
	var given contextGiven
	cmd := onContext("add NAME", "Add a context, or replace one", cobra.ExactArgs(1),
		func(c *Console, all contexts) error { return addContext(c, all, given) })
	cmd.Long = `Add a context: the URL of a gateway, a client of it, and the client's secret. The
secret comes from a file, from standard input, or from what you type at the prompt.
It is kept in a file that only you can read: ` + contextsPlace + `.
A context with that name is replaced. The first one is in use at once.`
	cmd.Example = `  seagate context add plant --server https://seagate.example.com --client sensors
  seagate context add plant --server https://seagate.example.com --client sensors --secret-file sensors.secret --use
  pass show seagate/sensors | seagate context add plant --server https://seagate.example.com --client sensors --secret-file -`
	flags := cmd.Flags()
	flags.StringVar(&given.entry.URL, "server", "", "`URL` of the gateway")
	flags.StringVar(&given.entry.ClientID, "client", "", "client `ID`")
	flags.StringVar(&given.secretFile, "secret-file", "", "read the client's secret from `FILE`, or from standard input if it is \"-\"")
	flags.StringVar(&given.entry.Lines, "lines", "", "`HOST:PORT` of the gateway's lines listener, for `seagate lines`")
	given.files.register(cmd)
	flags.BoolVar(&given.entry.InsecureHTTP, "insecure-http", false, "send the secret without encryption to another machine")
	flags.BoolVar(&given.use, "use", false, "use the context from now on")
	return cmd
}

const contextsPlace = "$XDG_CONFIG_HOME/seagate/contexts.json,\nby default ~/.config/seagate/contexts.json"

func addContext(c *Console, all contexts, given contextGiven) error {
	name, entry := c.Args[0], given.entry
	if err := checkContextName(name); err != nil {
		return err
	}
	switch {
	case entry.URL == "":
		return usagef("give the URL of the gateway, such as --server https://seagate.example.com")
	case entry.ClientID == "":
		return usagef("give the id of the client with --client")
	case !entry.InsecureHTTP && isPlainRemote(entry.URL):
		return usagef("%s is another machine, and without https everybody in between can read the secret: use an https URL, or say that this network is safe, with --insecure-http", redacted(entry.URL))
	case len(all.Entries) >= maxContexts:
		return fmt.Errorf("there are %d contexts, which is the most: remove one with `seagate context remove`", maxContexts)
	}
	if err := entry.adopt(given.files); err != nil {
		return err
	}
	text, err := c.newSecret(given.secretFile, entry.ClientID)
	if err != nil {
		return err
	}
	if _, err := client.New(entry.URL, client.Basic(entry.ClientID, text.Reveal()), client.Options{}); err != nil {
		return Usage(err)
	}
	entry.ClientSecret = text.Reveal()
	done := "added"
	if _, there := all.Entries[name]; there {
		done = "replaced"
	}
	first := len(all.Entries) == 0
	all.Entries[name] = entry
	if given.use || first {
		all.Current = name
	}
	if err := all.save(); err != nil {
		return err
	}
	use := fmt.Sprintf("; `seagate context use %s` makes the commands use it", name)
	if all.Current == name {
		use = "; the commands use it from now on"
	}
	return c.Done(describeContext(name, entry, all.Current), "context %s is %s%s", name, done, use)
}

// adopt makes the files those of the entry, by names that hold in every folder.
func (e *contextEntry) adopt(f certificateFiles) error {
	if _, err := f.config(); err != nil || f.cert == "" {
		return err
	}
	var err error
	if e.ClientCert, err = filepath.Abs(f.cert); err == nil && f.key != "" {
		e.ClientKey, err = filepath.Abs(f.key)
	}
	return err
}

// newSecret reads a secret from a file, from standard input, or from a terminal, which
// does not show it.
func (c *Console) newSecret(file, id string) (secret.Text, error) {
	switch {
	case file == "-":
		text, err := readAll(c.In, "standard input", maxSecretFile)
		if err == nil && len(strings.TrimSpace(string(text))) == 0 {
			err = usagef("standard input is empty: it should hold the client's secret")
		}
		return secret.New(strings.TrimSpace(string(text))), err
	case file != "":
		return readSecret(file)
	case !terminal.Is(c.In):
		return secret.Text{}, usagef("give the client's secret with --secret-file, which is \"-\" for standard input")
	}
	io.WriteString(c.notes, terminal.Printable("Secret of "+id+": "))
	text, err := term.ReadPassword(int(c.In.(*os.File).Fd()))
	io.WriteString(c.notes, "\n")
	if err == nil && len(text) == 0 {
		err = errors.New("no secret was given; nothing has changed")
	}
	return secret.New(strings.TrimSpace(string(text))), err
}

// contextShown is a context without its secret.
type contextShown struct {
	Name     string `json:"name"`
	URL      string `json:"url"`
	ClientID string `json:"clientId"`
	Lines    string `json:"lines,omitzero"`
	Current  bool   `json:"current"`
}

func describeContext(name string, e contextEntry, current string) contextShown {
	return contextShown{name, e.URL, e.ClientID, e.Lines, name == current}
}

func contextUseCommand() *cobra.Command {
	cmd := onContext("use NAME", "Choose the context that the commands use", cobra.ExactArgs(1), func(c *Console, all contexts) error {
		name := c.Args[0]
		if name == devContext {
			all.Current = ""
		} else if found, err := all.find(name); err != nil {
			return err
		} else {
			all.Current = found.context
		}
		if err := all.save(); err != nil {
			return err
		}
		if name == devContext {
			return c.Done(contextShown{Name: name, Current: true}, "the commands use what `seagate dev` has left")
		}
		entry := all.Entries[name]
		return c.Done(describeContext(name, entry, name), "the commands use context %s: %s as %s", name, entry.URL, entry.ClientID)
	})
	cmd.Long = `Choose the context that the commands use, where neither flags nor variables say
otherwise. "dev" is what ` + "`seagate dev`" + ` has left in its data folder, which they use
as long as no context is chosen.`
	cmd.Example = `  seagate context use plant
  seagate context use dev    # what seagate dev has left`
	return cmd
}

func contextListCommand() *cobra.Command {
	cmd := onContext("list", "List the contexts", cobra.NoArgs, func(c *Console, all contexts) error {
		var rows []contextShown
		for _, name := range all.names() {
			rows = append(rows, describeContext(name, all.Entries[name], all.Current))
		}
		switch dev, err := devLayer(); {
		case err == nil:
			rows = append(rows, contextShown{Name: devContext, URL: dev.url, ClientID: dev.id, Current: all.Current == ""})
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
		if len(rows) == 0 && !c.JSON {
			c.Note("there are no contexts: `seagate context add` adds one, and `seagate dev` leaves one")
			return nil
		}
		return list(c, each(rows), []string{"CONTEXT", "USED", "URL", "CLIENT"}, func(s contextShown) []string {
			used := "-"
			if s.Current {
				used = "yes"
			}
			return []string{s.Name, used, s.URL, s.ClientID}
		})
	})
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	cmd.Example = `  seagate context list`
	return cmd
}

// connectionShown is what a command would use.
type connectionShown struct {
	Context    string `json:"context,omitzero"`
	URL        string `json:"url"`
	URLFrom    string `json:"urlFrom"`
	ClientID   string `json:"clientId"`
	ClientFrom string `json:"clientFrom"`
	SecretFrom string `json:"secretFrom"`
}

func contextShowCommand() *cobra.Command {
	var where Connection
	cmd := NewCommand("show [NAME]", "Show a context, or what the commands use and where it is from", cobra.RangeArgs(0, 1),
		func(_ context.Context, c *Console) error {
			if len(c.Args) == 1 {
				where.context = c.Args[0]
			}
			t, err := where.target()
			if err != nil {
				return err
			}
			shown := connectionShown{t.context, t.url, t.urlFrom, t.id, t.idFrom, t.secretFrom}
			if c.JSON {
				return c.value(shown)
			}
			rows := [][]string{{"url", t.url, t.urlFrom}, {"client", t.id, t.idFrom}, {"secret", "not shown", t.secretFrom}}
			return list(c, each(rows), []string{"WHAT", "VALUE", "FROM"}, func(row []string) []string { return row })
		})
	cmd.Long = `Show a context, or, without a name, which gateway and client the commands use, and
where each was found: in a flag, a variable, a context, or in what ` + "`seagate dev`" + ` has
left. It does not ask the gateway, and does not show the secret.`
	cmd.ValidArgsFunction = completeContexts
	where.Register(cmd)
	cmd.Example = `  seagate context show
  seagate context show plant`
	return cmd
}

func contextRemoveCommand() *cobra.Command {
	var yes bool
	cmd := onContext("remove NAME", "Remove a context with its secret", cobra.ExactArgs(1), func(c *Console, all contexts) error {
		name := c.Args[0]
		entry, there := all.Entries[name]
		switch {
		case name == devContext:
			return usagef("the context dev is what `seagate dev` has left: it goes with its data folder, %s", devFolder())
		case !there:
			return all.unknown(name)
		}
		if err := c.confirm(yes, name, "the context with its secret"); err != nil {
			return err
		}
		all.remove(name)
		if err := all.save(); err != nil {
			return err
		}
		return c.Done(describeContext(name, entry, all.Current), "context %s is removed", name)
	})
	AddYes(cmd, &yes)
	cmd.Example = `  seagate context remove plant`
	return cmd
}
