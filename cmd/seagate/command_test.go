package main_test

import (
	"bytes"
	"errors"
	"os/exec"
	"testing"
	"time"
)

// A result is what a command left behind.
type result struct {
	out, notes string // standard output and standard error
	code       int
}

// command runs the program with settings, each KEY=VALUE of the environment.
func command(t *testing.T, settings []string, args ...string) result {
	t.Helper()
	var out, notes bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Env = append(bare(t.TempDir()), settings...)
	cmd.Stdout, cmd.Stderr = &out, &notes
	stuck := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer stuck.Stop()
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return result{out.String(), notes.String(), cmd.ProcessState.ExitCode()}
}

// ok runs a command that must succeed.
func ok(t *testing.T, settings []string, args ...string) result {
	t.Helper()
	r := command(t, settings, args...)
	if r.code != 0 {
		t.Fatalf("%q: exit status %d\n%s%s", args, r.code, r.out, r.notes)
	}
	return r
}
