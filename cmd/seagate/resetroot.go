package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"seagate/cmd/seagate/app"
	"seagate/cmd/seagate/cli"
	"seagate/cmd/seagate/config"
)

func resetRootCommand() *cobra.Command {
	var yes bool
	cmd := serverCommand("reset-root", "Give the root client of a data folder its secret again", config.Default,
		func(ctx context.Context, console *cli.Console, loader *config.Loader) error {
			return resetRoot(ctx, console, loader, yes)
		})
	cmd.Long = `Give the root client of a data folder its secret again, when it is lost or has to
change. The id and the secret come from SEAGATE_ROOT_CLIENT_ID and
SEAGATE_ROOT_CLIENT_SECRET. A client of the root jail with that id gets the secret,
and its old one ends; without one the command creates it. Everything else stays. No
gateway may use the folder at the same time.

The flags, the variables and the file are those of "seagate serve".`
	cmd.Example = `  seagate reset-root --data /var/lib/seagate`
	cli.AddYes(cmd, &yes)
	return cmd
}

func resetRoot(ctx context.Context, console *cli.Console, loader *config.Loader, yes bool) error {
	c, err := loadForCommand(console, loader)
	if err != nil {
		return err
	}
	id := c.Root.ClientID
	if id == "" {
		return cli.Usage(errors.New("set SEAGATE_ROOT_CLIENT_ID and SEAGATE_ROOT_CLIENT_SECRET to what they are to become"))
	}
	if _, err := os.Stat(filepath.Join(c.DataDir, app.StoreFolder)); errors.Is(err, fs.ErrNotExist) {
		return notDataFolder(c.DataDir)
	}
	question := fmt.Sprintf("This gives the root client %s of %s the secret of SEAGATE_ROOT_CLIENT_SECRET; its old one ends. Type its id, %s, to go on: ", id, c.DataDir, id)
	if err := console.Ask(yes, id, question, "nothing was changed, since the answer was not "+id); err != nil {
		return err
	}
	created, err := app.ResetRoot(ctx, c, console.Warnings())
	if err == nil {
		err = refreshDev(c)
	}
	if err := errors.Join(err, giveToOwner(c.DataDir)); err != nil {
		return err
	}
	return console.Done(struct {
		Data    string `json:"data"`
		Client  string `json:"client"`
		Created bool   `json:"created"`
	}{c.DataDir, id, created}, "root client %s of %s has the secret of SEAGATE_ROOT_CLIENT_SECRET", id, c.DataDir)
}

// refreshDev changes the secret that "seagate dev" has left in the folder, if it is
// of the same client.
func refreshDev(c *config.Config) error {
	left, err := cli.ReadCredentials(filepath.Join(c.DataDir, cli.CredentialsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || left.ClientID != c.Root.ClientID {
		return err
	}
	left.ClientSecret = c.Root.ClientSecret.Reveal()
	return cli.SaveCredentials(left, c.DataDir)
}
