package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"seagate/client"
	"seagate/cmd/seagate/terminal"
	"seagate/protocol"
)

// An explain is the flags of "seagate explain".
type explain struct {
	to      client.Recipient
	token   string // a file
	epoch   string
	publish string
	limit   int
}

func explainCommand() *cobra.Command {
	var (
		where Connection
		given explain
	)
	cmd := NewCommand("explain STREAM [MESSAGE]", "Say what happened to a message on its way to a client", cobra.RangeArgs(1, 2),
		func(ctx context.Context, c *Console) error {
			x, asks := given, where
			x.to.Client, asks.clientID = where.clientID, ""
			return onGateway(ctx, c, asks, x.run)
		})
	cmd.Long = `Say what happened to a message on its way to a client, to the bearer of a token or
to a group, step by step, each with its verdict: ✓ yes, ✗ no, … not yet, ? nothing
that is kept says so. MESSAGE is the number of the message.

With --publish no message is needed: it says what would happen to one that is not
published, and who would get it. Nothing is stored.

A token is read from a file, from standard input or from SEAGATE_TOKEN, and not from an
argument, which every user of the machine can see.

A client may ask about itself. Who administers the jail and may read the stream may
ask about every client. --client is the recipient here; who asks is
SEAGATE_CLIENT_ID.`
	cmd.Example = `  seagate explain boiler 17
  seagate explain boiler 17 --client viewer --token viewer.jwt
  seagate explain boiler 17 --client sensors --group 3f2c7d1e-8a44-4f0b-9c57-0d8f2f6f1a10
  seagate explain boiler --publish '{"temperature": 91.5, "pressure": 3001}'`
	where.Register(cmd)
	flags := cmd.Flags()
	flags.Lookup("client").Usage = "the recipient is the client `ID`, by default the one that asks"
	flags.StringVar(&given.token, "token", "", "the recipient is the bearer of the token in `FILE`, - for standard input [SEAGATE_TOKEN]")
	flags.StringVar(&given.to.Group, "group", "", "the recipient is the group `UUID` of the client, or "+protocol.Ungrouped)
	flags.StringVar(&given.epoch, "epoch", "", "refuse if the stream has another epoch than `EPOCH`")
	flags.StringVar(&given.publish, "publish", "", "say what would happen if `MESSAGE` (JSON, or - for standard input) were published")
	flags.IntVar(&given.limit, "limit", 0, "with --publish, list at most `N` recipients (default 20)")
	return cmd
}

// maxExplained bounds a message that is read to be explained, in bytes.
const maxExplained = 16 << 20

func (x explain) run(ctx context.Context, t *task) error {
	if (x.publish == "") == (len(t.Args) == 1) {
		return usagef("give the number of a message, or --publish with a message")
	}
	if x.publish == "-" && x.token == "-" {
		return usagef("only one of --publish and --token can be standard input")
	}
	if x.to.Group != "" && x.to.Group != protocol.Ungrouped {
		if _, err := protocol.ParseGroupName(x.to.Group); err != nil {
			return usagef("%q is not a group: give a UUID, or %q for the one of subscriptions without a group", x.to.Group, protocol.Ungrouped)
		}
	}
	var err error
	if x.to.Token, err = t.readToken(x.token); err != nil {
		return err
	}
	answer, err := x.ask(ctx, t)
	if err != nil {
		return err
	}
	if t.JSON {
		return t.value(answer)
	}
	width := math.MaxInt // whatever reads a pipe finds words that no line breaks
	if t.terminal {
		width = terminal.Width(t.out)
	}
	return printExplanation(t.out, terminal.StyleOf(t.out), width, answer)
}

func (x explain) ask(ctx context.Context, t *task) (client.Explanation, error) {
	if x.publish != "" {
		payload := []byte(x.publish)
		if x.publish == "-" {
			var err error
			if payload, err = readAll(t.In, "standard input", maxExplained); err != nil {
				return client.Explanation{}, err
			}
		}
		if err := validJSON(cmp.Or(x.publish, "-"), payload); err != nil && x.publish == "-" {
			return client.Explanation{}, err
		} else if err != nil {
			return client.Explanation{}, usagef("the message of --publish is not JSON; quote it for the shell")
		}
		return t.ExplainPublish(ctx, t.Args[0], jsontext.Value(payload), x.to, x.limit)
	}
	seq, err := strconv.ParseUint(t.Args[1], 10, 53)
	if err != nil || seq == 0 {
		return client.Explanation{}, usagef("%q is not the number of a message; \"seagate messages %s --meta\" prints them", t.Args[1], t.Args[0])
	}
	return t.Explain(ctx, t.Args[0], seq, x.to, x.epoch)
}

// A treePrinter prints an explanation as a tree.
type treePrinter struct {
	out   strings.Builder
	style terminal.Style
	width int
}

// marks are the verdicts and outcomes as they are printed.
var marks = map[string]string{
	string(protocol.VerdictYes): "✓", string(protocol.VerdictNo): "✗", string(protocol.VerdictWaiting): "…", string(protocol.VerdictUnknown): "?",
	"true": "✓", "false": "✗", "error": "✗",
}

// paint marks what says no.
func (p *treePrinter) paint(mark string) string {
	if mark == "✗" {
		return p.style.Alarm(mark)
	}
	return p.style.Strong(mark)
}

func printExplanation(w io.Writer, style terminal.Style, width int, x client.Explanation) error {
	p := &treePrinter{style: style, width: width}
	subject := fmt.Sprintf("message %d of %s", x.Seq, x.StreamName)
	if x.DryRun {
		subject = "a message for " + x.StreamName
	}
	if x.ClientID != "" {
		subject += " to client " + x.ClientID
	}
	if x.Token {
		subject += " (token)"
	}
	if x.GroupID != "" {
		subject += ", group " + x.GroupID
	}
	p.line(0, marks[string(x.Verdict)], subject+": "+x.Summary, false)
	for i := range x.Steps {
		p.step(&x.Steps[i], 2)
	}
	if x.Omitted {
		p.line(2, "…", "there are more connections or groups than are listed", true)
	}
	_, err := io.WriteString(w, p.out.String())
	return err
}

func (p *treePrinter) step(s *protocol.ExplainStep, indent int) {
	const names = 13 // columns
	p.hanging(indent, names, marks[string(s.Verdict)], fmt.Sprintf("%-*s%s", names, s.Step, s.Message), false)
	for _, line := range s.Errors {
		p.line(indent+4, "✗", line, false)
	}
	if s.Filter != nil {
		p.node(s.Filter.Root, indent+4, false)
		if n := s.Filter.Omitted; n > 0 {
			p.line(indent+4, "…", fmt.Sprintf("%d nodes are left out", n), true)
		}
	}
	for i := range s.Steps {
		p.step(&s.Steps[i], indent+4)
	}
	if s.Recipients != nil && s.Recipients.Omitted > 0 {
		p.line(indent+4, "…", fmt.Sprintf("%d more are not listed", s.Recipients.Omitted), true)
	}
}

// node prints a node of a filter. Operands of eq are values, which are neither true nor false for
// a reader.
func (p *treePrinter) node(n *protocol.FilterNode, indent int, isValue bool) {
	mark, text := cmp.Or(marks[n.Outcome], "?"), n.Text
	if isValue && n.Outcome != "error" {
		if n.Type != "path" && n.Type != "meta" && len(n.Operands) == 0 {
			return // a literal, which is in the line above
		}
		mark = "·"
	}
	if len(n.Operands) > 0 && n.Type != "eq" {
		text = n.Type
	}
	if n.Value != "" && (n.Type == "path" || n.Type == "meta") {
		text += " is " + n.Value
	}
	if n.Reason != "" {
		text += ": " + n.Reason
	}
	p.line(indent, mark, text, !n.Decisive)
	for _, operand := range n.Operands {
		p.node(operand, indent+2, n.Type == "eq")
	}
}

// line prints a text behind a mark, in lines of at most the width.
func (p *treePrinter) line(indent int, mark, text string, faint bool) {
	p.hanging(indent, 0, mark, text, faint)
}

// hanging is line for a text whose further lines are indented by so many columns more.
func (p *treePrinter) hanging(indent, more int, mark, text string, faint bool) {
	room := max(p.width-indent-2, more+24)
	for i, part := range wrapHanging(terminal.Printable(text), room, more) {
		head := strings.Repeat(" ", indent+2+more)
		if i == 0 {
			head = strings.Repeat(" ", indent) + p.paint(mark) + " "
		}
		if faint {
			part = p.style.Faint(part)
		}
		p.out.WriteString(head + part + "\n")
	}
}

// wrap is wrapHanging with lines of one width.
func wrap(text string, width int) (lines []string) { return wrapHanging(text, width, 0) }

// wrapHanging cuts a text at blanks and behind commas into lines of at most so many characters, and
// longer words anywhere. The lines behind the first one have less room. Blanks within a line stay.
func wrapHanging(text string, width, less int) (lines []string) {
	for utf8.RuneCountInString(text) > width {
		runes := []rune(text)
		at := width
		for i := width; i > width/2; i-- {
			if runes[i] == ' ' || runes[i-1] == ',' && !unicode.IsDigit(runes[i]) {
				at = i
				break
			}
		}
		lines = append(lines, strings.TrimRight(string(runes[:at]), " "))
		text = strings.TrimLeft(string(runes[at:]), " ")
		width, less = width-less, 0
	}
	return append(lines, text)
}
