package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"seagate/auth"
	"seagate/cmd/seagate/app"
	"seagate/cmd/seagate/cli"
	"seagate/cmd/seagate/config"
)

func devCommand() *cobra.Command {
	cmd := serverCommand("dev", "Run a gateway to try out, on this machine only", config.Development, dev)
	cmd.Long = `Run a gateway to try out, on this machine only, until an interrupt. It prints its
URL, which has the console, the id and secret of a client that may do
everything, and commands to paste.

The first start makes the secret and leaves it in the data folder. Commands in
the same working folder find it there, so they need no flags and no variables.
The next start continues with the same data.`
	cmd.Example = `  seagate dev
  seagate dev --listen 127.0.0.1:4104 --admin-listen 127.0.0.1:4105`
	return cmd
}

func dev(ctx context.Context, console *cli.Console, loader *config.Loader) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP) // the terminal is closed
	defer stop()
	c, log, err := loadForServer(console, loader)
	if err != nil {
		return err
	}
	if err := errors.Join(c.RequireLoopback()...); err != nil {
		return err
	}
	a, err := newApp(ctx, c, log)
	if err != nil {
		return err
	}
	credentials, err := devCredentials(ctx, a, c)
	if err == nil {
		err = welcome(console, credentials, c.DataDir)
	}
	if err != nil {
		a.Close()
		return err
	}
	return run(ctx, a)
}

// devCredentials returns the root client's credentials. They come from the
// environment, or else from files that the first start writes and that only this
// user can read.
func devCredentials(ctx context.Context, a *app.App, c *config.Config) (cli.Credentials, error) {
	credentials, fresh, err := knownCredentials(c)
	if err != nil {
		return credentials, err
	}
	credentials.URL = a.URL()
	if fresh {
		// Before the client is created, since nobody could connect with a secret
		// that is lost.
		if err := cli.SaveCredentials(credentials, c.DataDir); err != nil {
			return credentials, err
		}
	}
	if err := a.EnsureRoot(ctx, credentials.ClientID, credentials.ClientSecret); err != nil {
		return credentials, err
	}
	if !a.Directory().IsRoot(credentials.ClientID, credentials.ClientSecret) {
		err := fmt.Errorf("the data folder %[1]s has another root client than %[2]s, or the root client has another secret, as after a restore: use the folder with `seagate serve`, name another one with --data, or set SEAGATE_ROOT_CLIENT_ID and SEAGATE_ROOT_CLIENT_SECRET, run `seagate reset-root --data %[1]s`, and then `seagate dev` with the same variables",
			c.DataDir, credentials.ClientID)
		if fresh {
			err = errors.Join(err, cli.RemoveCredentials(c.DataDir))
		}
		return credentials, err
	}
	return credentials, cli.SaveCredentials(credentials, c.DataDir)
}

func knownCredentials(c *config.Config) (credentials cli.Credentials, fresh bool, err error) {
	if c.Root.ClientID != "" {
		return cli.Credentials{ClientID: c.Root.ClientID, ClientSecret: c.Root.ClientSecret.Reveal()}, false, nil
	}
	credentials, err = cli.ReadCredentials(filepath.Join(c.DataDir, cli.CredentialsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return cli.Credentials{ClientID: "root", ClientSecret: auth.NewSecret().Reveal()}, true, nil
	}
	return credentials, false, err
}

// welcome says how to send a first message. As JSON it is the credentials.
func welcome(console *cli.Console, c cli.Credentials, dir string) error {
	if console.JSON {
		return console.Entry(struct {
			cli.Credentials
			Data string `json:"data"`
		}{c, dir}, "")
	}
	here, _ := os.Getwd()
	seagate := quote(os.Args[0])
	if dir != config.Development().DataDir { // where the commands look without it
		seagate = "SEAGATE_DATA_DIR=" + quote(dir) + " " + seagate
	}
	_, err := fmt.Fprintf(console, `Seagate is ready.

  URL            %[1]s
  client id      %[2]s
  client secret  %[3]s

Open the URL in a browser for the console. For a first message, in another terminal in %[4]s:

  %[5]s define boiler_data --version 1 --field temperature:float --field pressure:integer
  %[5]s subscribe boiler_data

and in a third one:

  %[5]s publish boiler_data '{"temperature": 91.5, "pressure": 3001}'

The same with curl, and what the definition is now:

  curl -K %[6]s %[1]s/api/v1/streams/boiler_data/define -H 'Content-Type: application/json' -d '{"version": 1, "fields": [{"name": "temperature", "type": "float"}, {"name": "pressure", "type": "integer"}]}'
  curl -K %[6]s %[1]s/api/v1/streams/boiler_data/publish -H 'Content-Type: application/json' -d '{"payload": {"temperature": 91.5, "pressure": 3001}}'
  curl -K %[6]s %[1]s/api/v1/streams/boiler_data/schema
  %[5]s describe boiler_data

Ctrl-C stops it. Everything it keeps is in %[7]s.

`, c.URL, c.ClientID, c.ClientSecret, here, seagate, quote(filepath.Join(dir, cli.CurlFile)), dir)
	return err
}

// quote quotes a text as one word of a shell.
func quote(text string) string {
	const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./"
	if text != "" && strings.Trim(text, plain) == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
