package main_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"seagate/cmd/seagate/terminal/terminaltest"
)

// completions are what somebody types in front of a tab, and what the line is after it. %s is
// the id of a group.
var completions = [][2]string{
	{"subsc", "subscribe"},
	{"clients cre", "clients create"},
	{"describe boil", "describe boiler_data"},
	{"subscribe boiler_data pu", "subscribe boiler_data pump"},
	{"subscribe pump --expl", "subscribe pump --explicit"},
	{"clients rotate sen", "clients rotate sensors"},
	{"jails delete ten", "jails delete tenant-1"},
	{"context use pla", "context use plant"},
	{"streams --context pla", "streams --context plant"},
	{"group show boiler_data ro", "group show boiler_data root"},
	{"group show boiler_data root 3f2c", "group show boiler_data root 3f2c7d1e-8a44-4f0b-9c57-0d8f2f6f1a10"},
	{"fetch sho", "fetch shop"},
	{"fetch shop pri", "fetch shop price"},
	{"errors stream_not", "errors stream_not_found"},
	{"publish pump not", "publish pump notes.ndjson"},
}

// TestCompletionInShells types in front of the tab key in real shells. make check-completion
// installs them, and runs it.
func TestCompletionInShells(t *testing.T) {
	if os.Getenv("SEAGATE_SHELLS") == "" {
		t.Skip("make check-completion runs it")
	}
	g := start(t)
	g.define(root, "boiler_data")
	g.define(root, "pump")
	ok(t, g.asRoot(), "clients", "create", "sensors")
	ok(t, g.asRoot(), "jails", "create", "tenant-1", "tenant-client")
	member := g.login(root, "root")
	member.subscribe(2, "boiler_data", "3f2c7d1e-8a44-4f0b-9c57-0d8f2f6f1a10")
	server := g.login(root, "root")
	server.Send(`{"id":2,"action":"serve","payload":{"service":"shop","procedures":["price"]}}`)
	eventually(t, "that it serves", func() bool { return strings.Contains(ok(t, g.asRoot(), "services").out, "shop") })

	home := t.TempDir()
	settings := append(append(bare(home), g.asRoot()...), "TERM=dumb", "PATH="+filepath.Dir(program)+":"+os.Getenv("PATH"))
	for _, file := range []string{"notes.ndjson", "secret"} {
		if err := os.WriteFile(filepath.Join(home, file), []byte("def123"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ok(t, settings, "context", "add", "plant", "--server", "http://"+g.listen, "--client", root.id, "--secret-file", filepath.Join(home, "secret"))
	for shell, complete := range map[string]func(*testing.T, []string, string, string) string{
		"bash": typeIn("bash", "--norc", "--noprofile", "-i"),
		"zsh":  typeIn("zsh", "-f", "-i"),
		"fish": askFish,
	} {
		t.Run(shell, func(t *testing.T) {
			if _, err := exec.LookPath(shell); err != nil {
				t.Fatal(err)
			}
			for _, c := range completions {
				if got := complete(t, settings, home, c[0]); got != c[1] {
					t.Errorf("%q becomes %q, want %q", c[0], got, c[1])
				}
			}
		})
	}
}

// beginnings prepare a shell: the command prints its arguments, apart from the questions of the
// completion, which go to the program.
var beginnings = map[string]string{
	"bash": `source /usr/share/bash-completion/bash_completion; source <(command seagate completion bash); bind 'set enable-bracketed-paste off'
seagate() { if [ "$1" = __complete ]; then command seagate "$@"; else echo GO""T"[$*]"; fi; }; PS1=; echo REA""DY
`,
	"zsh": `autoload -U compinit; compinit -u -d "$HOME/dump"; source <(command seagate completion zsh)
seagate() { if [ "$1" = __complete ]; then command seagate "$@"; else print -r -- GO""T"[$*]"; fi }; PS1=; print REA""DY
`,
}

// typeIn returns a function that types a line with a tab behind it in a shell.
func typeIn(shell string, args ...string) func(*testing.T, []string, string, string) string {
	return func(t *testing.T, settings []string, folder, line string) string {
		t.Helper()
		person, terminal := terminaltest.Open(t)
		cmd := exec.Command(shell, args...)
		cmd.Env, cmd.Dir = settings, folder
		cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer cmd.Wait()
		defer cmd.Process.Kill()
		seen := &lockedBuffer{}
		go io.Copy(seen, person)
		io.WriteString(person, beginnings[shell])
		eventually(t, "a prompt of "+shell, func() bool { return strings.Contains(seen.String(), "READY") })
		io.WriteString(person, "seagate "+line+"\t")
		// The line editor reads what follows when it has completed.
		io.WriteString(person, "\n")
		eventually(t, "an answer in "+shell+" to "+line, func() bool {
			_, after, found := strings.Cut(seen.String(), "GOT[")
			return found && strings.Contains(after, "]")
		})
		_, after, _ := strings.Cut(seen.String(), "GOT[")
		got, _, _ := strings.Cut(after, "]")
		return got
	}
}

// askFish asks fish what it would complete.
func askFish(t *testing.T, settings []string, folder, line string) string {
	t.Helper()
	cmd := exec.Command("fish", "--no-config", "-c", fmt.Sprintf("seagate completion fish | source; complete -C 'seagate %s'", line))
	cmd.Env, cmd.Dir = settings, folder
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(line)
	answers := strings.Split(strings.TrimSpace(string(out)), "\n")
	answer, _, _ := strings.Cut(answers[0], "\t")
	if len(answers) != 1 {
		answer = fmt.Sprintf("%q", answers)
	}
	return strings.Join(append(words[:len(words)-1], answer), " ")
}
