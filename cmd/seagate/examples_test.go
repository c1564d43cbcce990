package main_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestExamples runs the examples of the documents: all blocks that begin with
// ```sh, from the top of a file to its end in one shell, beside `seagate dev`.
// A user who pastes them into a terminal has seagate in PATH, the credentials
// in data/dev, and the gateway on the default port. A command that fails, and a
// call that the gateway refuses, fails the test with the line of the document.
func TestExamples(t *testing.T) {
	t.Parallel()
	documents, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := 0
	for _, document := range append(documents, "../../README.md") {
		script := exampleScript(t, document)
		if script == "" {
			continue
		}
		examples++
		t.Run(filepath.Base(document), func(t *testing.T) {
			t.Parallel()
			runExamples(t, document, script)
		})
	}
	if examples < 3 {
		t.Errorf("only %d documents have examples", examples)
	}
}

// exampleScript returns the examples of a document as a shell script with the
// line numbers of the document, or "" if there are none.
func exampleScript(t *testing.T, document string) string {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	language, any := "", false
	for i, line := range strings.Split(string(text), "\n") {
		mark, fence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case fence && language != "":
			language = ""
		case fence && (mark == "" || mark == "bash" || mark == "shell" || mark == "console"):
			t.Fatalf("%s:%d: mark the block with sh if it is to be run, or with text", document, i+1)
		case fence:
			language = mark
		case language == "sh":
			script.WriteString(line)
			any = true
		}
		script.WriteString("\n")
	}
	if !any {
		return ""
	}
	return script.String()
}

// exampleShell ends at the first failure, and says in which line it was.
const exampleShell = `set -eE -o pipefail; trap 'echo "failed: $DOCUMENT:$LINENO: $BASH_COMMAND" >&2' ERR; . ./examples.sh`

func runExamples(t *testing.T, document, script string) {
	for _, tool := range []string{"curl", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil && strings.Contains(script, tool+" ") {
			t.Skipf("there is no %s", tool)
		}
	}
	if _, err := exec.LookPath("nc"); err != nil && strings.Contains(script, "nc ") {
		t.Fatal("there is no nc; run: make netcat")
	}
	w := newWorkplace(t, "seagate")
	w.env = append(w.env, "SEAGATE_LINES_CLIENT_ID=root") // as docs/lines.md tells its reader
	d := w.dev("--lines-listen 127.0.0.1:0")
	script = strings.NewReplacer("127.0.0.1:3104", d.listen, "127.0.0.1:3105", d.admin, "127.0.0.1:3106", d.lines,
		"127.0.0.1 3106", strings.Replace(d.lines, ":", " ", 1)).Replace(script)
	writeFile(t, w.folder, "examples.sh", script)
	writeFile(t, w.folder, ".curlrc", "fail-with-body\nsilent\nshow-error\n")
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", exampleShell)
	cmd.Dir = w.folder
	cmd.Env = append(bare(w.folder), "PATH="+filepath.Join(w.folder, "bin")+":"+os.Getenv("PATH"), "DOCUMENT="+document)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		t.Errorf("%v\n%s", err, output.String())
	}
}
