package main_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestBrowser runs the scripts in e2e, each beside a gateway of its own. Most of them open
// pages in Chromium. e2e/harness.mjs says what a script can rely on.
func TestBrowser(t *testing.T) {
	if _, err := os.Stat("../../e2e/node_modules/playwright-core"); err != nil {
		t.Fatal("what the tests in a browser need is not installed; run: make browser")
	}
	scripts, err := filepath.Glob("../../e2e/*.test.mjs")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("there are no scripts: %v", err)
	}
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".test.mjs"), func(t *testing.T) {
			t.Parallel()
			runBrowserScript(t, start(t), script)
		})
	}
}

func runBrowserScript(t *testing.T, g *gateway, script string) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	command := append(nodeCommand(t), script)
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // so that it ends Chromium
	cmd.WaitDelay = patience
	cmd.Env = append(bare(t.TempDir()),
		"SEAGATE_URL=http://"+g.listen,
		"SEAGATE_ADMIN_URL=http://"+g.admin,
		"SEAGATE_CLIENT_ID="+root.id,
		"SEAGATE_CLIENT_SECRET="+root.secret,
		"SEAGATE_PROGRAM="+program,
		"CHROMIUM="+os.Getenv("CHROMIUM"),
	)
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, output)
		return
	}
	for line := range strings.Lines(string(output)) { // what the script has counted
		line = strings.TrimSpace(line)
		if mark, counted, _ := strings.Cut(line, " "); (mark == "#" || mark == "ℹ") && !strings.HasPrefix(counted, "Subtest") {
			t.Log(counted)
		}
	}
}
