package main_test

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"seagate/cmd/seagate/terminal/terminaltest"
)

// pause is longer than a second, after which progress is shown.
const pause = 1200 * time.Millisecond

// TestProgressOnATerminal: what takes longer than a second says how far it is, on standard
// error and on a terminal only, and leaves no trace of that.
func TestProgressOnATerminal(t *testing.T) {
	t.Parallel()
	g := start(t)
	g.ok(root, "POST", "/streams/large/define", `{"version":1,"fields":[{"name":"text","type":"string"}]}`)
	random := make([]byte, 20_000) // which no compression makes small
	for range 30 {
		rand.Read(random)
		g.publish(root, "large", fmt.Sprintf(`{"text":"%x"}`, random))
	}
	backup := ok(t, g.asRoot(), "backup", "-").out
	half := len(backup) / 2

	t.Run("backup", func(t *testing.T) {
		t.Parallel()
		out, in := io.Pipe() // the command waits for its reader
		defer in.Close()
		go func() {
			io.CopyN(io.Discard, out, int64(half))
			time.Sleep(pause)
			io.Copy(io.Discard, out)
		}()
		seen := watched(t, g.asRoot(), nil, in, "backup", "-")
		wantProgress(t, seen, `backup: \d+(\.\d)?[KM]iB, \d+(\.\d)?[KM]iB/s`)
		// Afterwards, since a gateway makes one backup at a time.
		t.Run("elsewhere", func(t *testing.T) {
			r, out := slowBackup(t, g)
			if strings.Contains(r, "\x1b") || strings.Contains(r, "\r") || out != len(backup) && out < half {
				t.Errorf("without a terminal it says %q, and writes %d bytes", r, out)
			}
		})
	})
	t.Run("restore", func(t *testing.T) {
		t.Parallel()
		out, in := io.Pipe()
		go func() {
			io.WriteString(in, backup[:half])
			time.Sleep(pause)
			io.WriteString(in, backup[half:])
			in.Close()
		}()
		folder := filepath.Join(t.TempDir(), "data")
		seen := watched(t, nil, out, io.Discard, "restore", "-", "--data", folder)
		wantProgress(t, seen, `restore: \d+(\.\d)?[KM]iB, \d+(\.\d)?[KM]iB/s`)
		if seen = watched(t, nil, nil, io.Discard, "data", "check", "--data", folder); strings.Contains(seen, "\x1b[K") && !strings.Contains(seen, "data check: ") {
			t.Errorf("a check of the data shows %q", seen)
		}
	})
	t.Run("oracle", func(t *testing.T) {
		t.Parallel()
		o := start(t)
		seen := watched(t, o.asRoot(), nil, io.Discard, "oracle", "--duration", "2500ms", "--publishers", "1", "--streams", "1", "--journal", filepath.Join(t.TempDir(), "journal"))
		wantProgress(t, seen, `oracle: [\d,]+ messages, [\d,]+ messages/s, \ds`)
		o.stopped()
	})
	t.Run("bench", func(t *testing.T) {
		t.Parallel()
		b := start(t)
		seen := watched(t, b.asRoot(), nil, nil, "bench", "--duration", "2500ms", "--publishers", "1", "--subscribers", "1")
		wantProgress(t, seen, `published \d+/s, delivered \d+/s`)
		if !strings.Contains(seen, "\x1b[Kconnected") {
			t.Errorf("the report does not begin on a line of its own: %q", seen)
		}
	})
}

// slowBackup runs a backup that takes longer than a second, without a terminal.
func slowBackup(t *testing.T, g *gateway) (notes string, written int) {
	var said bytes.Buffer
	cmd := exec.Command(program, "backup", "-")
	cmd.Env = append(bare(t.TempDir()), g.asRoot()...)
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 1)
	io.ReadFull(out, first)
	time.Sleep(pause)
	rest, _ := io.ReadAll(out)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, &said)
	}
	return said.String(), len(first) + len(rest)
}

// watched runs the program with standard error on a terminal, and standard output too if out is nil. It returns what
// is seen there.
func watched(t *testing.T, settings []string, in io.Reader, out io.Writer, args ...string) string {
	t.Helper()
	person, command := terminaltest.Open(t)
	terminaltest.Resize(t, command, 80, 24)
	everything := terminaltest.ReadAll(person)
	cmd := exec.Command(program, args...)
	cmd.Env = append(append(bare(t.TempDir()), "TERM=xterm", "NO_COLOR=1"), settings...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, cmp.Or[io.Writer](out, command), command
	stuck := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer stuck.Stop()
	err := cmd.Run()
	command.Close()
	seen := <-everything
	if err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	if code := cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("%q: exit status %d: %q", args, code, seen)
	}
	return seen
}

// wantProgress fails unless progress was shown, and erased at the end.
func wantProgress(t *testing.T, seen, line string) {
	t.Helper()
	if !regexp.MustCompile(`\r\x1b\[K` + line).MatchString(seen) {
		t.Errorf("no progress %s is shown: %q", line, seen)
	}
	last := seen[strings.LastIndex(seen, "\x1b[K")+len("\x1b[K"):]
	if regexp.MustCompile(line).MatchString(last) {
		t.Errorf("progress is left: %q", last)
	}
}
