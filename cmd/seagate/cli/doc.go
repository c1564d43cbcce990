// Package cli is the commands that talk to a gateway: define, describe,
// publish, subscribe, messages, streams, stream, groups, group, clients, jails
// and backup. Commands that need none can be made with Offline.
//
// # Output
//
// Data goes to standard output and everything else to standard error. On a
// terminal a list is a table with a heading; elsewhere it is one line for each
// entry, with tabs between the columns. With --json every command prints JSON,
// one value a line, and errors are JSON too. Colours are for terminals alone,
// and not if NO_COLOR is set. On a terminal, characters that it could take for
// commands are printed as escapes.
//
// # Exit status
//
// The status is ExitOK, ExitFailed, ExitUsage or ExitConnection, by Report.
// What deletes something, or moves a group, asks at a terminal, and needs --yes
// elsewhere.
//
// An interrupt ends subscribe with ExitOK, since nothing else does, unless
// --count asked for messages that have not come.
//
// # Connection
//
// The gateway's URL, the client id and the secret come from flags, then from
// the environment, then from the file that `seagate dev` leaves in its data
// folder. A secret is never an argument, since everybody on the machine can
// read those: it comes from SEAGATE_CLIENT_SECRET or from a file. What the file
// of `seagate dev` holds is only sent to the gateway that it names, or to one
// on this machine.
package cli
