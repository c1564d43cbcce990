// Command seagate is the gateway and the tools to use it.
package main

import (
	"context"
	"io"
	"log"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"seagate/cmd/seagate/cli"
)

// version is the release, which the linker sets.
var version = notLinked

const notLinked = "dev"

// releaseOf returns the version of a program for which the linker has set none: the one that Go knows,
// of `go install` or of the checkout.
func releaseOf(built *debug.BuildInfo) string {
	if built == nil || built.Main.Version == "" || built.Main.Version == "(devel)" {
		return notLinked
	}
	return built.Main.Version
}

func main() {
	// What libraries log helps nobody who runs a command. The gateway logs it: see serve.
	log.SetOutput(io.Discard)
	// The first signal asks for an orderly stop. The second one ends the process,
	// as signals do by default.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	if version == notLinked {
		built, _ := debug.ReadBuildInfo()
		version = releaseOf(built)
	}
	root := rootCommand()
	cli.AddCompletion(root)
	os.Exit(cli.Report(os.Stderr, root.ExecuteContext(ctx)))
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "seagate",
		Short: "A gateway for typed, versioned message streams",
		Long: "Seagate is a gateway that stream-sea clients, browsers and services connect to over\n" +
			"WebSocket and HTTP to define typed, versioned streams, publish to them and receive them.\n\n" +
			"To try it out: seagate dev",
		Example: `  seagate dev
  seagate define boiler --version 1 --field temperature:float
  seagate publish boiler '{"temperature": 91.5}'
  seagate subscribe boiler --last 1`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cli.HelpOrUnknown(root)
	root.SetFlagErrorFunc(cli.FlagError)
	root.SetHelpCommand(cli.HelpCommand())
	root.AddGroup(
		&cobra.Group{ID: "server", Title: "Run a gateway:"},
		&cobra.Group{ID: "client", Title: "Use a gateway:"},
	)
	root.AddCommand(devCommand(), serveCommand(), checkCommand(), configCommand(), healthCommand(), dataCommand(), restoreCommand(), resetRootCommand(), oracleCommand(), benchCommand(), cli.ManCommand(), cli.VersionCommand())
	for _, command := range cli.Commands() {
		command.GroupID = "client"
		root.AddCommand(command)
	}
	cli.FitHelp(root)
	return root
}
