package cli_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"seagate/cmd/seagate/cli"
)

const (
	aToken  = "eyJhbGciOiJSUzUxMiJ9.eyJleHAiOjF9.c2lnbmF0dXJl"
	aSecret = "sea_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJw"
)

// TestSecretsAreNoArguments, which every user of the machine can read. Whoever gives one all
// the same is told, and it is not repeated.
func TestSecretsAreNoArguments(t *testing.T) {
	newFake(t, nil)
	key := write(t, "key.pub", "-----BEGIN PUBLIC KEY-----\n")
	for _, args := range [][]string{
		{"explain", "boiler", "1", "--token", aToken},
		{"token", "check", "floor", key, aToken},
		{"token", "explain", "floor", aToken},
		{"token", "revoke", "floor", aToken},
		{"streams", "--secret-file", aSecret},
		{"streams", "--server", "https://me:" + aSecret + "@gate.example"},
		{"streams", "-v", "--server", "http://me:" + aSecret + "@gate.example"},
		{"context", "add", "x", "--client", "c", "--server", "http://me:" + aSecret + "@gate.example"},
		{"context", "add", "x", "--client", "c", "--server", "https://gate.example", "--secret-file", aSecret},
	} {
		for _, args := range [][]string{args, append(args, "--json")} {
			r := run(t, args...)
			if r.code != cli.ExitUsage && r.code != cli.ExitFailed || strings.Contains(r.out+r.notes, aToken) || strings.Contains(r.out+r.notes, aSecret) || r.notes == "" {
				t.Errorf("%q: exit status %d\n%s%s", args, r.code, r.out, r.notes)
			}
		}
	}
}

// TestFlagsTakeNoSecrets: a flag that is about a secret takes the name of a file.
func TestFlagsTakeNoSecrets(t *testing.T) {
	about := regexp.MustCompile(`secret|token$|password|private`)
	seen := 0
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, below := range cmd.Commands() {
			walk(below)
		}
		cmd.Flags().VisitAll(func(flag *pflag.Flag) {
			if value, _ := pflag.UnquoteUsage(flag); about.MatchString(flag.Name) && flag.Value.Type() != "bool" {
				if seen++; value != "FILE" {
					t.Errorf("%s --%s takes %s, and not the name of a FILE", cmd.CommandPath(), flag.Name, value)
				}
			}
		})
	}
	for _, cmd := range cli.Commands() {
		walk(cmd)
	}
	if seen < 20 {
		t.Errorf("only %d flags were found", seen)
	}
}

// TestTokenFromTheEnvironment, a file or standard input.
func TestTokenFromTheEnvironment(t *testing.T) {
	const answer = `{"streamName":"boiler","seq":1,"dryRun":false,"verdict":"yes","summary":"s","steps":[]}`
	for _, command := range [][]string{{"explain", "boiler", "1", "--client", "floor"}, {"token", "explain", "floor"}} {
		for _, how := range []string{"variable", "file", "input"} {
			args, in, path := command, "", ""
			f := newFake(t, map[string]string{"POST /streams/boiler/messages/1/explain": answer, "POST /filters/evaluate": `{"token":{"valid":false,"reason":"r"}}`})
			t.Setenv("SEAGATE_TOKEN", "")
			switch how {
			case "variable":
				t.Setenv("SEAGATE_TOKEN", aToken)
			case "file":
				path = write(t, "token", aToken+"\n")
			case "input":
				in, path = aToken+"\n", "-"
			}
			if path != "" && command[0] == "explain" {
				args = append(args, "--token", path)
			} else if path != "" {
				args = append(args, path)
			}
			r := runWith(t.Context(), strings.NewReader(in), args...)
			if r.code != 0 || len(f.requests) != 1 || !strings.Contains(f.requests[0], `"`+aToken+`"`) {
				t.Errorf("%s from the %s: exit status %d, %s, asked %q", command, how, r.code, r.notes, f.requests)
			}
		}
	}
}
