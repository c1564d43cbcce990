package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"seagate/auth"
	"seagate/client"
	"seagate/internal/quota"
	"seagate/internal/secret"
)

func clientsCommand() *cobra.Command {
	return NewGroup("clients", "List, create, change and delete the clients of the jail",
		clientsListCommand(), clientsCreateCommand(), clientsDeleteCommand(), clientsRotateCommand(), clientsKeyCommand(), clientsKeysCommand(),
		clientsEndKeyCommand(), clientsTokensCommand(), clientsRightsCommand())
}

var clientHeading = []string{"CLIENT", "DESCRIPTION", "KEY", "CREATED", "RIGHTS"}

func clientRow(c client.ClientInfo) []string {
	key := "-"
	if c.PublicKey != nil {
		key = "yes"
	}
	return []string{c.ID, c.Description, key, c.CreatedAt.Format(time.RFC3339), (*auth.Rights)(c.Rights).String()}
}

// On a terminal the day is enough, and leaves room for the texts.
func shortClientRow(c client.ClientInfo) []string {
	row := clientRow(c)
	row[3] = c.CreatedAt.Format(time.DateOnly)
	return row
}

func clientsListCommand() *cobra.Command {
	cmd := gatewayCommand("list", "List the clients of the jail", cobra.NoArgs, func(ctx context.Context, t *task) error {
		return listShort(t.Console, t.Clients(ctx), columns[client.ClientInfo]{clientHeading, clientRow},
			columns[client.ClientInfo]{clientHeading, shortClientRow})
	})
	cmd.Example = `  seagate clients list
  seagate clients list --json | jq -r .clientId`
	return cmd
}

func clientsCreateCommand() *cobra.Command {
	var description string
	var flags rightsFlags
	cmd := gatewayCommand("create CLIENT", "Create a client and print its secret", cobra.ExactArgs(1), func(ctx context.Context, t *task) error {
		create := t.CreateClient
		if rights := flags.rights(); rights != nil {
			create = func(ctx context.Context, id, description string) (client.NewSecret, error) {
				return t.CreateClientWithRights(ctx, id, description, *rights)
			}
		}
		made, err := create(ctx, t.Args[0], description)
		if err != nil {
			return err
		}
		return t.secret(made, "client %s is created; this is its secret, which is not shown again:", made.ClientID)
	})
	cmd.Example = `  seagate clients create sensors --description "the boiler room" > sensors.secret
  seagate clients create screen --subscribe 'boiler.*' > screen.secret`
	cmd.Long = "Create a client and print its secret. Without flags it may do everything in its jail.\n\n" + rightsHelp
	flags = addRights(cmd)
	cmd.Flags().StringVar(&description, "description", "", "describe the client in `WORDS`")
	return cmd
}

func clientsRotateCommand() *cobra.Command {
	var keep time.Duration
	cmd := gatewayCommand("rotate CLIENT", "Give a client a new secret and print it", cobra.ExactArgs(1), func(ctx context.Context, t *task) error {
		if keep < 0 || keep > auth.MaxKeep || keep%time.Second != 0 {
			return usagef("--keep-old must be whole seconds, at most %s", auth.MaxKeep)
		}
		rotate, old := t.RotateSecret, "is no longer valid"
		if keep > 0 {
			rotate = func(ctx context.Context, id string) (client.NewSecret, error) {
				return t.RotateSecretKeeping(ctx, id, keep)
			}
			old = "stays valid for " + keep.String()
		}
		made, err := rotate(ctx, t.Args[0])
		if err != nil {
			return err
		}
		err = t.secret(made, "client %s has a new secret, which is not shown again; the old one %s:", made.ClientID, old)
		if t.isOwn(t.Args[0]) {
			err = errors.Join(err, t.keepSecret(made.Secret))
		}
		return err
	})
	completes(cmd, clientNames)
	DurationVar(cmd.Flags(), &keep, "keep-old", 0, "let the old secret be valid for `DURATION`, so that programs can change to the new one")
	cmd.Example = `  seagate clients rotate sensors > sensors.secret
  seagate clients rotate sensors --keep-old 1h > sensors.secret`
	return cmd
}

// isOwn reports whether the command uses the client with this id. A change of a client
// is in the jail of the command's own, where an id names one client.
func (t *task) isOwn(id string) bool { return t.target.id == id }

// secret prints a new secret: the secret alone, or JSON that also names its
// client.
func (c *Console) secret(made client.NewSecret, format string, args ...any) error {
	if c.JSON {
		return c.value(struct {
			Jail   string `json:"jailId,omitempty"`
			Client string `json:"clientId"`
			Secret string `json:"clientSecret"`
		}{made.JailID, made.ClientID, made.Secret.Reveal()})
	}
	c.Note(format, args...)
	return c.line(made.Secret.Reveal())
}

func clientsDeleteCommand() *cobra.Command {
	var yes, self bool
	cmd := gatewayCommand("delete CLIENT", "Delete a client and end its connections", cobra.ExactArgs(1), func(ctx context.Context, t *task) error {
		id := t.Args[0]
		own := t.isOwn(id)
		if own && yes && !self {
			return usagef("client %s is the one that this command uses: give --self too, if its own credentials are to end", id)
		}
		what := "the client and ends its connections"
		if own {
			what = "the client that this command uses: its credentials are not accepted any more"
		}
		if err := t.confirm(yes, id, what); err != nil {
			return err
		}
		if err := t.DeleteClient(ctx, id); err != nil {
			return err
		}
		if own {
			if err := t.keepSecret(secret.Text{}); err != nil {
				return err
			}
		}
		return t.Done(outcome{Client: id, State: "deleted"}, "client %s is deleted", id)
	})
	completes(cmd, clientNames)
	AddYes(cmd, &yes)
	cmd.Flags().BoolVar(&self, "self", false, "with --yes, delete even the client that the command uses")
	cmd.Example = `  seagate clients delete sensors`
	return cmd
}

// maxKey is more than any public key in PEM has, in bytes.
const maxKey = 64 << 10

func jailsCommand() *cobra.Command {
	return NewGroup("jails", "List, create and delete jails, and set their quotas (root jail)",
		jailsListCommand(), jailsCreateCommand(), jailsQuotaCommand(), jailsDeleteCommand())
}

func jailsListCommand() *cobra.Command {
	heading := []string{"JAIL", "NAME", "CREATED", "DISK", "MEMORY", "FULLEST"}
	cmd := gatewayCommand("list", "List the jails with what they use", cobra.NoArgs, func(ctx context.Context, t *task) error {
		return list(t.Console, t.JailsWithQuotas(ctx), heading, func(j client.JailInfo) []string {
			row := []string{j.ID, j.Name, j.CreatedAt.Format(time.RFC3339), "-", "-", "-"}
			if q := j.Quotas; q != nil {
				row[3], row[4], row[5] = useOf(q, quota.Disk), useOf(q, quota.Memory), fullest(q)
			}
			return row
		})
	})
	cmd.Example = `  seagate jails list`
	return cmd
}

func jailsCreateCommand() *cobra.Command {
	var name string
	cmd := gatewayCommand("create JAIL CLIENT", "Create a jail with its first client and print the client's secret", cobra.ExactArgs(2),
		func(ctx context.Context, t *task) error {
			made, err := t.CreateJail(ctx, t.Args[0], name, t.Args[1])
			if err != nil {
				return err
			}
			return t.secret(made, "jail %s and its client %s are created; this is the client's secret, which is not shown again:", made.JailID, made.ClientID)
		})
	cmd.Flags().StringVar(&name, "name", "", "name the jail in `WORDS`")
	cmd.Example = `  seagate jails create acme boss --name "Acme Inc." > boss.secret`
	return cmd
}

func jailsDeleteCommand() *cobra.Command {
	var yes bool
	cmd := gatewayCommand("delete JAIL", "Delete a jail with its clients and streams", cobra.ExactArgs(1), func(ctx context.Context, t *task) error {
		id := t.Args[0]
		if err := t.confirm(yes, id, "the jail with its clients and streams"); err != nil {
			return err
		}
		if err := t.DeleteJail(ctx, id); err != nil {
			return err
		}
		return t.Done(outcome{Jail: id, State: "deleted"}, "jail %s is deleted", id)
	})
	completes(cmd, jailNames)
	AddYes(cmd, &yes)
	cmd.Example = `  seagate jails delete acme`
	return cmd
}
