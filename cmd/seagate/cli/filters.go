package cli

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"seagate/client"
	"seagate/cmd/seagate/terminal"
	"seagate/internal/secret"
)

func filterCommand() *cobra.Command {
	var stream string
	cmd := gatewayCommand("filter FILTER MESSAGE", "Say what a filter is for a message, node by node", cobra.ExactArgs(2), func(ctx context.Context, t *task) error {
		filter, message := jsontext.Value(t.Args[0]), jsontext.Value(t.Args[1])
		if err := errors.Join(validJSON("the filter", filter), validJSON("the message", message)); err != nil {
			return Usage(err)
		}
		trial, err := t.EvaluateFilter(ctx, filter, stream, message)
		if err != nil {
			return err
		}
		return t.trial(trial)
	})
	cmd.Long = `Say whether a filter, as the claim of a token has it, passes a message, and what each of
its nodes is for that message. The gateway evaluates it as it does for deliveries. Nodes
with a * decide the outcome.`
	cmd.Example = `  seagate filter '{"t":"eq","e":[{"t":"path","e":"unit"},{"t":"string","e":"C"}]}' '{"unit": "F"}'`
	cmd.Flags().StringVar(&stream, "stream", "", "evaluate it for a message of the stream `STREAM`")
	return cmd
}

func tokenExplainCommand() *cobra.Command {
	var stream, message string
	cmd := gatewayCommand("explain CLIENT [FILE | -]", "Say what a gateway makes of a token, and of a message", cobra.RangeArgs(1, 2),
		func(ctx context.Context, t *task) error {
			token, err := t.tokenArgument(1)
			if err != nil {
				return err
			}
			var payload jsontext.Value
			if message != "" {
				payload = jsontext.Value(message)
				if err := validJSON("--message", payload); err != nil {
					return Usage(err)
				}
			}
			trial, err := t.EvaluateToken(ctx, t.Args[0], secret.New(token), stream, payload)
			if err != nil {
				return err
			}
			return t.trial(trial)
		})
	cmd.Long = `Say whether the gateway would accept a token that the client has signed, and why not; what
it says; whether its bearer may read a stream; and what its filter is for a message, node
by node. The token comes from a file, from SEAGATE_TOKEN, or from standard
input, and is never logged.`
	cmd.Example = `  seagate token explain floor floor.jwt --stream boiler --message '{"temperature": 91.5}'`
	cmd.Flags().StringVar(&stream, "stream", "", "say whether the bearer may read the stream `STREAM`")
	cmd.Flags().StringVar(&message, "message", "", "say what the filter is for the message `JSON`")
	return cmd
}

// trial prints what a token or a filter means.
func (c *Console) trial(trial client.FilterTrial) error {
	if c.JSON {
		return c.value(trial)
	}
	var lines []string
	if t := trial.Token; t != nil {
		switch {
		case t.Valid:
			lines = append(lines, "the token is valid until "+t.Expires.Format(time.RFC3339))
		default:
			lines = append(lines, "the token is refused: "+t.Reason)
		}
		if t.MayRead != nil && *t.MayRead {
			lines = append(lines, "its bearer may read the stream")
		} else if t.MayRead != nil {
			lines = append(lines, t.Reason)
		}
		if t.Claims != nil {
			lines = append(lines, "claims: "+string(t.Claims))
		}
		lines = append(lines, t.FilterErrors...)
	}
	if f := trial.Filter; f != nil {
		verdict := "the filter keeps the message back"
		if f.Passes {
			verdict = "the filter lets the message pass"
		}
		lines = append(lines, verdict)
		lines = appendNode(lines, f.Root, "  ", false)
	}
	for i, line := range lines {
		lines[i] = c.hanging(terminal.Printable(line))
	}
	return c.line(strings.Join(lines, "\n"))
}

// hanging breaks a line that is too wide for the terminal, and indents the lines after the
// first one further.
func (c *Console) hanging(line string) string {
	if !c.terminal {
		return line
	}
	text := strings.TrimLeft(line, " ")
	margin := strings.Repeat(" ", len(line)-len(text))
	const deeper = "    "
	room := terminal.Width(c.out) - len(margin) - len(deeper)
	return margin + strings.Join(wrap(text, max(room, 24)), "\n"+margin+deeper)
}

// appendNode appends a line for a node and those below it. The operands of eq are values, which
// are neither true nor false for a reader; those that are literals are in the line above.
func appendNode(lines []string, n *client.FilterNode, indent string, isValue bool) []string {
	if n == nil {
		return lines
	}
	text, outcome := n.Text, n.Outcome
	if isValue && outcome != "error" {
		if n.Type != "path" && n.Type != "meta" && len(n.Operands) == 0 {
			return lines
		}
		outcome = "value"
	}
	if len(n.Operands) > 0 && n.Type != "eq" {
		text = n.Type
	}
	line := indent + outcome + "  " + text
	if n.Decisive {
		line = indent + outcome + " * " + text
	}
	if n.Value != "" && n.Value != n.Text {
		line += " = " + n.Value
	}
	if n.Reason != "" {
		line += "  (" + n.Reason + ")"
	}
	lines = append(lines, line)
	for _, operand := range n.Operands {
		lines = appendNode(lines, operand, indent+"  ", n.Type == "eq")
	}
	return lines
}
