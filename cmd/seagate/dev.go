package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"seagate/auth"
	"seagate/cmd/seagate/app"
	"seagate/cmd/seagate/cli"
	"seagate/cmd/seagate/config"
)

func devCommand() *cobra.Command {
	return gatewayCommand{
		use:      "dev",
		short:    "Run a gateway to try out, on this machine alone",
		defaults: config.Development,
		check:    (*config.Config).RequireLoopback,
		ready: func(cmd *cobra.Command, c *config.Config, a *app.App) error {
			credentials, err := devCredentials(cmd.Context(), a, c.DataDir)
			if err == nil {
				welcome(cmd.OutOrStdout(), credentials, c.DataDir)
			}
			return err
		},
	}.command()
}

// devCredentials makes the root client at the first start and keeps its secret
// for the next ones, in files that only this user can read. They are written
// before the client is made: a secret that nobody knows would lock everyone
// out.
func devCredentials(ctx context.Context, a *app.App, dir string) (cli.Credentials, error) {
	path := filepath.Join(dir, cli.CredentialsFile)
	c, err := cli.ReadCredentials(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c = cli.Credentials{ClientID: "root", ClientSecret: auth.NewSecret().Reveal()}
	case err != nil:
		return c, err
	}
	c.URL = a.URL()
	text, err := json.Marshal(c)
	if err != nil {
		return c, err
	}
	curl := fmt.Sprintf("user = \"%s:%s\"\n", c.ClientID, c.ClientSecret)
	if err := errors.Join(writePrivate(path, text), writePrivate(filepath.Join(dir, curlFile), []byte(curl))); err != nil {
		return c, err
	}
	if _, err := a.Directory().EnsureRoot(ctx, c.ClientID, c.ClientSecret); err != nil {
		return c, err
	}
	if _, err := a.Directory().Basic(c.ClientID, c.ClientSecret, netip.IPv6Loopback()); err != nil {
		return c, fmt.Errorf("the credentials in %s are not those of the data folder: remove %s to start afresh", path, dir)
	}
	return c, nil
}

// curlFile lets curl have the credentials without showing them to everyone who
// lists processes.
const curlFile = "curlrc"

func writePrivate(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// welcome says how to send a first message.
func welcome(w io.Writer, c cli.Credentials, dir string) {
	here, _ := os.Getwd()
	seagate := os.Args[0]
	if !strings.Contains(seagate, "/") {
		seagate = "seagate"
	}
	fmt.Fprintf(w, `Seagate is ready.

  URL            %[1]s
  client id      %[2]s
  client secret  %[3]s

For a first message, in another terminal in %[4]s:

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

`, c.URL, c.ClientID, c.ClientSecret, here, seagate, filepath.Join(dir, curlFile), dir)
}
