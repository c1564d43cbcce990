package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"seagate/client"
	"seagate/cmd/seagate/config"
	"seagate/internal/days"
)

// asDefault is the value of a flag that removes a setting of the stream.
const asDefault = "default"

// A change is the flags that change a stream's settings. "" changes nothing.
type change struct {
	durability, age, bytes, messages string
}

func streamSettingsCommand() *cobra.Command {
	var given change
	cmd := onStream("settings STREAM", "Show or change how a stream keeps its messages", cobra.ExactArgs(1),
		func(ctx context.Context, t *task) error {
			if given == (change{}) {
				applied, err := t.StreamSettings(ctx, t.Args[0])
				return t.settings(applied, err)
			}
			return changeSettings(ctx, t, given)
		})
	cmd.Long = `Show or change how a stream keeps its messages. A setting that the stream does not
have is the gateway's default; "default" removes a setting from the stream. 0 is
no bound. The durability cannot change once the stream has had a message.

If a bound becomes smaller, messages beyond it are deleted at once.`
	cmd.Example = `  seagate stream settings boiler
  seagate stream settings boiler --retention-age 48h --retention-bytes 2GiB
  seagate stream settings boiler --retention-age default`
	flags := cmd.Flags()
	flags.StringVar(&given.durability, "durability", "", "`WHERE` messages are kept: disk, memory or default")
	flags.StringVar(&given.age, "retention-age", "", "drop messages that are older than `AGE`, such as 7d, in whole seconds")
	flags.StringVar(&given.bytes, "retention-bytes", "", "keep at most `SIZE` of messages, such as 512MiB")
	flags.StringVar(&given.messages, "retention-messages", "", "keep at most `N` messages")
	CompleteWith(cmd, "durability", client.DurabilityDisk, client.DurabilityMemory, "default")
	return cmd
}

// changeSettings changes what the flags say and keeps the other settings.
func changeSettings(ctx context.Context, t *task, given change) error {
	edit, err := given.edit()
	if err != nil {
		return Usage(err)
	}
	now, err := t.StreamSettings(ctx, t.Args[0])
	if err != nil {
		return err
	}
	edit(&now.Set)
	applied, err := t.SetStreamSettings(ctx, t.Args[0], now.Set)
	return t.settings(applied, err)
}

// edit reads the flags and returns a function that applies them.
func (c change) edit() (func(*client.StreamSettings), error) {
	durability, err1 := setting("durability", c.durability, parseDurability)
	age, err2 := setting("retention-age", c.age, parseAge)
	size, err3 := setting("retention-bytes", c.bytes, parseBytes)
	messages, err4 := setting("retention-messages", c.messages, parseMessages)
	return func(s *client.StreamSettings) {
		replace(&s.Durability, c.durability, durability)
		replace(&s.Retention.Age, c.age, age)
		replace(&s.Retention.Bytes, c.bytes, size)
		replace(&s.Retention.Messages, c.messages, messages)
	}, errors.Join(err1, err2, err3, err4)
}

// setting reads a flag. It returns nil for a flag that is not given, and for
// "default".
func setting[T any](flag, text string, parse func(string) (T, error)) (*T, error) {
	if text == "" || text == asDefault {
		return nil, nil
	}
	value, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("--%s %q: %w", flag, text, err)
	}
	return &value, nil
}

func replace[T any](value **T, text string, by *T) {
	if text != "" {
		*value = by
	}
}

func parseDurability(text string) (string, error) {
	if text != client.DurabilityDisk && text != client.DurabilityMemory {
		return "", errors.New("give disk, memory or default")
	}
	return text, nil
}

func parseAge(text string) (time.Duration, error) {
	age, err := days.Parse(text)
	if err != nil || age < 0 || age%time.Second != 0 {
		return 0, errors.New("give whole seconds, minutes, hours or days, such as 90s, 30m or 7d, 0 for no bound, or default")
	}
	return age, nil
}

func parseBytes(text string) (int64, error) {
	size, err := config.ParseSize(text)
	if err != nil {
		return 0, errors.New("give a number of bytes, or one with KiB, MiB or GiB, 0 for no bound, or default")
	}
	return int64(size), nil
}

func parseMessages(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 53)
	if err != nil {
		return 0, errors.New("give a number of messages, 0 for no bound, or default")
	}
	return n, nil
}

// settings prints the settings that apply to a stream, and whether each is the
// stream's own.
func (c *Console) settings(applied client.AppliedSettings, err error) error {
	if err != nil {
		return err
	}
	if c.JSON {
		raw, err := json.Marshal(applied, json.OmitZeroStructFields(true))
		if err != nil {
			return err
		}
		return c.value(jsontext.Value(raw))
	}
	rows := settingsOf(applied)
	if c.terminal {
		rows = settingsToRead(applied)
	}
	return list(c, rows, []string{"SETTING", "VALUE", "FROM"}, func(row []string) []string { return row })
}

func settingsOf(applied client.AppliedSettings) iter.Seq2[[]string, error] {
	holds, set := applied.Effective, applied.Set
	return func(yield func([]string, error) bool) {
		_ = yield(settingRow("durability", holds.Durability, set.Durability), nil) &&
			yield(settingRow("retention-age", holds.Retention.Age, set.Retention.Age), nil) &&
			yield(settingRow("retention-bytes", holds.Retention.Bytes, set.Retention.Bytes), nil) &&
			yield(settingRow("retention-messages", holds.Retention.Messages, set.Retention.Messages), nil)
	}
}

// settingsToRead is settingsOf with units, and with words for 0.
func settingsToRead(applied client.AppliedSettings) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		for row, err := range settingsOf(applied) {
			holds := applied.Effective.Retention
			switch {
			case row[1] == "0" || row[1] == "0s":
				row[1] = "no bound"
			case row[0] == "retention-age" && holds.Age != nil:
				row[1] = config.ShowDuration(*holds.Age)
			case row[0] == "retention-bytes" && holds.Bytes != nil:
				row[1] = Bytes(*holds.Bytes)
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

func settingRow[T any](name string, holds, set *T) []string {
	row := []string{name, "-", asDefault}
	if holds != nil {
		row[1] = fmt.Sprint(*holds)
	}
	if set != nil {
		row[2] = "stream"
	}
	return row
}
