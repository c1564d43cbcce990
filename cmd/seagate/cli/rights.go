package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"seagate/auth"
	"seagate/client"
)

// rightsFlags are a flag for each right, which takes patterns.
type rightsFlags map[auth.Right]*[]string

var rightsUsage = map[auth.Right]string{
	auth.RightPublish:    "publish to the streams of this `PATTERN`, and provide them",
	auth.RightSubscribe:  "subscribe to the streams of this `PATTERN`, and read them",
	auth.RightDefine:     "define the streams and services of this `PATTERN`",
	auth.RightAdminister: "administer the streams of this `PATTERN`; with * also the clients of the jail",
	auth.RightServe:      "serve the services of this `PATTERN`",
	auth.RightFetch:      "fetch from the services of this `PATTERN`, and signal them",
}

func addRights(cmd *cobra.Command) rightsFlags {
	f := rightsFlags{}
	for _, right := range auth.AllRights {
		f[right] = cmd.Flags().StringSlice(string(right), nil, rightsUsage[right])
	}
	return f
}

// rights returns the rights that the flags give, or nil if there are none of them.
func (f rightsFlags) rights() *client.Rights {
	var r *auth.Rights
	for right, patterns := range f {
		if len(*patterns) == 0 {
			continue
		}
		if r == nil {
			r = &auth.Rights{}
		}
		r.Set(right, *patterns)
	}
	return (*client.Rights)(r)
}

const rightsHelp = `Each flag gives a right for names, and can be there several times. A pattern is a
name, or has one *, which stands for any characters: boiler.* is for boiler.pressure
and boiler.a.b. Quote it, or the shell may replace it. What no flag gives is denied.`

func clientsRightsCommand() *cobra.Command {
	var all bool
	var flags rightsFlags
	cmd := gatewayCommand("rights CLIENT", "Set what a client may do", cobra.ExactArgs(1), func(ctx context.Context, t *task) error {
		rights := flags.rights()
		if all == (rights != nil) {
			return usagef("give the rights of the client, such as --subscribe 'boiler.*', or --all")
		}
		if err := t.SetRights(ctx, t.Args[0], rights); err != nil {
			return err
		}
		text := (*auth.Rights)(rights).String()
		return t.Done(outcome{Client: t.Args[0], Rights: text}, "client %s has these rights: %s", t.Args[0], text)
	})
	completes(cmd, clientNames)
	flags = addRights(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "give the client all rights")
	cmd.Long = "Set what a client may do, instead of what it may do now. If that is less than before,\nthe client's connections end; its secret and keys stay valid.\n\n" + rightsHelp
	cmd.Example = strings.Join([]string{
		"  seagate clients rights sensors --publish 'boiler.*'",
		"  seagate clients rights screen --subscribe 'boiler.*' --subscribe weather",
	}, "\n")
	return cmd
}
