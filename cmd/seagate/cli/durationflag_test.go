package cli_test

import (
	"testing"
	"time"

	"github.com/spf13/pflag"

	"seagate/cmd/seagate/cli"
)

func TestDurationVar(t *testing.T) {
	var age time.Duration
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	cli.DurationVar(flags, &age, "age", time.Hour, "the `AGE`")
	if age != time.Hour || flags.Lookup("age").DefValue != "1h0m0s" {
		t.Errorf("by default %v, shown as %s", age, flags.Lookup("age").DefValue)
	}
	if err := flags.Parse([]string{"--age", "7d"}); err != nil || age != 168*time.Hour {
		t.Errorf("%v %v", age, err)
	}
}
