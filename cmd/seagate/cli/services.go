package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"seagate/client"
	"seagate/protocol"
	"seagate/streams/peer"
)

func servicesCommand() *cobra.Command {
	cmd := gatewayCommand("services", "List the services that have servers or are defined", cobra.NoArgs, func(ctx context.Context, t *task) error {
		return list(t.Console, t.Services(ctx), serviceHeading, serviceRow)
	})
	cmd.Example = `  seagate services`
	return cmd
}

var serviceHeading = []string{"SERVICE", "VERSION", "PROCEDURES", "SERVERS", "CALLS", "FAILED", "UNDER WAY"}

func serviceRow(s client.ServiceInfo) []string {
	var calls, failed, underWay uint64
	for _, one := range s.Servers {
		calls, failed, underWay = calls+one.Calls, failed+one.Failed, underWay+uint64(one.UnderWay)
	}
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	version := "-"
	if s.Version != nil {
		version = versionText(s.Version)
	}
	return []string{s.Name, version, strings.Join(s.Procedures, ","), strconv.Itoa(len(s.Servers)), number(calls), number(failed), number(underWay)}
}

func serviceCommand() *cobra.Command {
	return NewGroup("service", "Look at one service, define it, or serve it",
		serviceShowCommand(), serviceDefineCommand(), serviceDeleteCommand(), serviceServeCommand())
}

var serverHeading = []string{"CLIENT", "PROCEDURES", "CALLS", "FAILED", "UNDER WAY", "MEDIAN", "LONGEST", "SINCE", "LAST ERROR"}

func serverRow(s client.ServerInfo) []string {
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	seconds := func(n float64) string {
		return time.Duration(n * float64(time.Second)).Round(time.Microsecond).String()
	}
	return []string{s.ClientID, strings.Join(s.Procedures, ","), number(s.Calls), number(s.Failed), strconv.Itoa(s.UnderWay),
		seconds(s.MedianSeconds), seconds(s.LongestSeconds), s.Since.UTC().Format(time.RFC3339), string(s.LastError)}
}

// On a terminal the list has the columns that fit in 80.
var shortServerHeading = []string{"CLIENT", "PROCEDURES", "CALLS", "FAILED", "OPEN", "MEDIAN", "MAX", "AGE", "ERROR"}

func shortServerRow(s client.ServerInfo) []string {
	all := serverRow(s)
	return []string{all[0], all[1], all[2], all[3], all[4], shortSeconds(s.MedianSeconds), shortSeconds(s.LongestSeconds),
		ageText(time.Since(s.Since)), cmp.Or(all[8], "-")}
}

// shortSeconds writes a time with its unit in at most 6 characters.
func shortSeconds(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < time.Millisecond:
		return strconv.FormatInt(d.Microseconds(), 10) + "µs"
	case d < time.Second:
		return strconv.FormatFloat(seconds*1000, 'g', 3, 64) + "ms"
	case d < time.Minute:
		return strconv.FormatFloat(seconds, 'g', 3, 64) + "s"
	}
	return shortTime(seconds)
}

func fetchCommand() *cobra.Command {
	var timeout time.Duration
	cmd := gatewayCommand("fetch SERVICE PROCEDURE [BODY | FILE | -]", "Call a procedure of a service and print its result", cobra.RangeArgs(2, 3),
		func(ctx context.Context, t *task) error {
			body, err := t.body()
			if err != nil {
				return err
			}
			if timeout <= 0 || timeout > protocol.MaxCallTimeout {
				return usagef("--timeout must be above 0 and at most %v", protocol.MaxCallTimeout)
			}
			conn, err := t.Dial(ctx)
			if err != nil {
				return err
			}
			defer conn.Close()
			ctx, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			result, err := conn.FetchParts(ctx, t.Args[0], t.Args[1], body, func(part jsontext.Value) error { return t.value(part) })
			if errors.Is(err, context.DeadlineExceeded) { // as the gateway says it at the same moment
				return &client.Error{Code: protocol.CodeCallTimeout, Message: fmt.Sprintf("the server did not answer within %v", timeout)}
			}
			if err != nil {
				return err
			}
			return t.value(result)
		})
	completes(cmd, serviceNames, procedureNames)
	cmd.Long = `Call a procedure of a service and print its result, a JSON value. Partial results
are printed as they come, before the result. The body is null if it is left out.`
	cmd.Example = `  seagate fetch pricing quote '{"sku": 7}'
  seagate fetch pricing quote request.json --timeout 2m`
	DurationVar(cmd.Flags(), &timeout, "timeout", peer.DefaultTimeout, "give the call up after `TIME`, at most 5m")
	return cmd
}

func signalCommand() *cobra.Command {
	var all bool
	cmd := gatewayCommand("signal SERVICE PROCEDURE [BODY | FILE | -]", "Send a message to a service, without an answer", cobra.RangeArgs(2, 3),
		func(ctx context.Context, t *task) error {
			body, err := t.body()
			if err != nil {
				return err
			}
			conn, err := t.Dial(ctx)
			if err != nil {
				return err
			}
			defer conn.Close()
			reached := 1
			if all {
				reached, err = conn.SignalAll(ctx, t.Args[0], t.Args[1], body)
			} else {
				err = conn.Signal(ctx, t.Args[0], t.Args[1], body)
			}
			if err != nil {
				return err
			}
			return t.Done(signalled{t.Args[0], t.Args[1], reached}, "%s of %s reached %s", t.Args[1], t.Args[0], counted(reached, "server"))
		})
	completes(cmd, serviceNames, procedureNames)
	cmd.Long = `Send a message to one server of a service, or with --all to each of them. The gateway
says how many it reached. The body is null if it is left out.`
	cmd.Example = `  seagate signal pricing reload
  seagate signal pricing reload '{"sku": 7}' --all`
	cmd.Flags().BoolVar(&all, "all", false, "send it to each server of the service that has the procedure")
	return cmd
}

// signalled is the result of a signal.
type signalled struct {
	Service   string `json:"service"`
	Procedure string `json:"procedure"`
	Reached   int    `json:"reached"`
}

// body returns the third argument as JSON: a value, the content of a file or of
// standard input, or null.
func (t *task) body() (jsontext.Value, error) {
	if len(t.Args) < 3 {
		return jsontext.Value("null"), nil
	}
	given := t.Args[2]
	if given != "-" && !isFile(given) {
		return jsontext.Value(given), validArgument("the body", given)
	}
	body, err := t.readInput(given, maxLine)
	if err != nil {
		return nil, err
	}
	return body, validJSON(given, body)
}
