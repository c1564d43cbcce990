// Package cli has the commands that use a gateway: see Commands. NewCommand makes
// other commands that print in the same way.
//
// # Output
//
// Data goes to standard output, and everything else to standard error. On a
// terminal a list is a table with a heading. Elsewhere it is one line for each
// entry, with tabs between the columns. With --json every command prints JSON,
// one value a line, also for errors. There are colours on a terminal only, and
// none if NO_COLOR is set or TERM is dumb. On a terminal, characters that it would act on are
// printed as escapes.
//
// # Exit status
//
// The status is ExitOK, ExitFailed, ExitUsage or ExitConnection: see Report.
// Commands that delete something or move a group ask at a terminal. Elsewhere
// they need --yes.
//
// A command that runs until it is interrupted, such as subscribe, then ends with
// ExitOK. subscribe ends with ExitFailed if --count asked for more messages.
//
// # Connection
//
// The gateway's URL, the client id and the secret come from flags, else from the
// environment, else from a context, which "seagate context" keeps. Without a context
// they come from the file that "seagate dev" writes in its data folder. With --context
// the environment does not count. Where only the URL is missing, it is that of the
// context or the file: other credentials do not point a command at another gateway. A
// URL may end in /api/v1. A secret is never an argument, since every user of the
// machine can read those. The secret of a context or of "seagate dev" is sent only to
// the gateway that it is for; localhost and 127.0.0.1 are the same gateway.
package cli
