package cli

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"seagate/client"
)

func deadLettersCommand() *cobra.Command {
	return NewGroup("dead-letters", "List the messages that groups gave up, and publish them again",
		deadLettersListCommand(), deadLettersPublishCommand())
}

// A letter is a message of a stream of dead letters.
type letter struct {
	Seq        uint64         `json:"seq"` // in the stream of dead letters
	Epoch      string         `json:"epoch"`
	Stream     string         `json:"streamName"`
	Of         uint64         `json:"of"` // its number in that stream
	Client     string         `json:"clientId"`
	Group      string         `json:"groupId"`
	Deliveries int            `json:"deliveries"`
	Reason     string         `json:"reason"`
	Payload    jsontext.Value `json:"payload"`
}

var letterHeading = []string{"NUMBER", "STREAM", "MESSAGE", "CLIENT", "GROUP", "DELIVERIES", "REASON"}

func letterRow(l letter) []string {
	return []string{strconv.FormatUint(l.Seq, 10), l.Stream, strconv.FormatUint(l.Of, 10), l.Client, cmp.Or(l.Group, "-"),
		strconv.Itoa(l.Deliveries), l.Reason}
}

// On a terminal the list has what tells the dead letters apart.
var shortLetterHeading = []string{"NUMBER", "MESSAGE", "STREAM", "CLIENT", "TRIES", "REASON"}

func shortLetterRow(l letter) []string {
	all := letterRow(l)
	return []string{all[0], all[2], all[1], all[3], all[5], all[6]}
}

func deadLettersListCommand() *cobra.Command {
	from := ""
	cmd := onStream("list STREAM", "List dead letters", cobra.ExactArgs(1), func(ctx context.Context, t *task) error {
		begin, err := t.position(ctx, "--from", from)
		if err != nil {
			return err
		}
		return listShort(t.Console, t.letters(ctx, begin), columns[letter]{letterHeading, letterRow}, columns[letter]{shortLetterHeading, shortLetterRow}, 2, 3, 5)
	})
	cmd.Long = `List dead letters: messages that a group gave up after several attempts. STREAM is the
stream of dead letters, such as boiler.dead. On a terminal the list leaves out the groups.
Elsewhere the columns are
` + strings.ToLower(strings.Join(letterHeading, ", ")) + `.`
	cmd.Flags().StringVar(&from, "from", "earliest", "begin at `POSITION`: "+positions)
	cmd.Example = `  seagate dead-letters list boiler.dead`
	return cmd
}

// letters returns the dead letters that there are.
func (t *task) letters(ctx context.Context, from client.Position) iter.Seq2[letter, error] {
	return func(yield func(letter, error) bool) {
		epoch := ""
		for {
			page, err := t.Messages(ctx, t.Args[0], from, largestPage, epoch)
			if err != nil {
				yield(letter{}, err)
				return
			}
			for _, m := range page.Messages {
				if l, err := readLetter(m); !yield(l, err) {
					return
				}
			}
			if page.AtEnd {
				return
			}
			from, epoch = page.Next, page.Epoch
		}
	}
}

func readLetter(m client.Message) (letter, error) {
	var read struct {
		Stream     string         `json:"streamName"`
		Seq        uint64         `json:"seq"`
		Client     string         `json:"clientId"`
		Group      string         `json:"groupId"`
		Deliveries int            `json:"deliveries"`
		Reason     string         `json:"reason"`
		Payload    jsontext.Value `json:"payload"`
	}
	if err := json.Unmarshal(m.Payload, &read); err != nil || read.Stream == "" {
		return letter{}, fmt.Errorf("message %d of %s is not a dead letter; give the stream of dead letters, such as boiler.dead", m.Seq, m.Stream)
	}
	return letter{m.Seq, m.Epoch, read.Stream, read.Seq, read.Client, read.Group, read.Deliveries, read.Reason, read.Payload}, nil
}

// republished is the result of publishing a dead letter again.
type republished struct {
	Letter uint64 `json:"letter"`
	client.PublishedAgain
}

func deadLettersPublishCommand() *cobra.Command {
	var all bool
	cmd := onStream("publish STREAM [NUMBER...]", "Publish the messages of dead letters again", cobra.MinimumNArgs(1), func(ctx context.Context, t *task) error {
		if all == (len(t.Args) > 1) {
			return usagef("give the numbers of dead letters, as the list has them, or --all")
		}
		if all {
			return t.publishLetters(ctx)
		}
		var numbers []uint64
		for _, text := range t.Args[1:] {
			n, err := strconv.ParseUint(text, 10, 64)
			if err != nil || n == 0 {
				return usagef("%q is not the number of a dead letter", text)
			}
			numbers = append(numbers, n)
		}
		for _, n := range numbers {
			if err := t.publishLetter(ctx, n); err != nil {
				return err
			}
		}
		return nil
	})
	cmd.Long = `Publish the messages of dead letters to their streams again, for all who read these. The
gateway checks each like any message, so one that does not match a newer version of the
schema is refused, and the command stops there. The dead letters stay where they are.
STREAM is the stream of dead letters, such as boiler.dead. On a terminal the list leaves out the groups.
Elsewhere the columns are
` + strings.ToLower(strings.Join(letterHeading, ", ")) + `.`
	cmd.Example = `  seagate dead-letters publish boiler.dead 3 7
  seagate dead-letters publish boiler.dead --all`
	cmd.Flags().BoolVar(&all, "all", false, "publish all dead letters that there are")
	return cmd
}

func (t *task) publishLetters(ctx context.Context) error {
	from, err := t.position(ctx, "--from", "earliest")
	if err != nil {
		return err
	}
	count := 0
	for l, err := range t.letters(ctx, from) {
		if err == nil {
			err = t.publishLetter(ctx, l.Seq)
		}
		if err != nil {
			return err
		}
		count++
	}
	if count == 0 {
		t.Note("there are no dead letters in %s", t.Args[0])
	}
	return nil
}

func (t *task) publishLetter(ctx context.Context, number uint64) error {
	at, err := t.PublishAgain(ctx, t.Args[0], number, "")
	if err != nil {
		return err
	}
	return t.Done(republished{number, at}, "dead letter %d is published to %s again: message %d of epoch %s", number, at.StreamName, at.Seq, at.Epoch)
}
