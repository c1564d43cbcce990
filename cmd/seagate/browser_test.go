package main_test

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestBrowser runs the scripts in e2e, each beside a gateway of its own. Most of them open
// pages in one Chromium. e2e/harness.mjs says what a script can rely on.
func TestBrowser(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("../../e2e/node_modules/playwright-core"); err != nil {
		t.Fatal("what the tests in a browser need is not installed; run: make browser")
	}
	scripts, err := filepath.Glob("../../e2e/*.test.mjs")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("there are no scripts: %v", err)
	}
	browser := startBrowser(t)
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".test.mjs"), func(t *testing.T) {
			t.Parallel()
			runBrowserScript(t, start(t), browser, script)
		})
	}
}

// startBrowser starts the Chromium that the scripts share and returns its address. It ends when
// they are done.
func startBrowser(t *testing.T) string {
	command := append(nodeCommand(t), "../../e2e/browser.mjs")
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(bare(t.TempDir()), "CHROMIUM="+os.Getenv("CHROMIUM"))
	var notes bytes.Buffer
	cmd.Stderr = &notes
	cmd.WaitDelay = patience
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(patience, func() { cmd.Process.Signal(syscall.SIGTERM) })
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the browser: %v\n%s", err, notes.Bytes())
		}
	})
	address, err := bufio.NewReader(stdout).ReadString('\n')
	late.Stop()
	if err != nil {
		t.Fatal("the browser does not start")
	}
	return strings.TrimSpace(address)
}

func runBrowserScript(t *testing.T, g *gateway, browser, script string) {
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
		"SEAGATE_BROWSER="+browser,
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
