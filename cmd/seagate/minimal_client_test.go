package main_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const minimalClient = "../../testdata/minimal/client.js"

// The first client of docs/protocol.md runs as it is printed there.
func TestMinimalClient(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile(minimalClient)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	if block := "\n```js\n" + string(source) + "```\n"; !strings.Contains(string(text), block) {
		t.Errorf("docs/protocol.md does not contain %s as it is", minimalClient)
	}

	g := start(t)
	output, err := runMinimalClient(t, g, root.secret)
	if want := "received { temperature: 91.5, pressure: 3001 }\n"; err != nil || output != want {
		t.Errorf("the client printed %q, %v, want %q", output, err, want)
	}
	if output, err = runMinimalClient(t, g, "wrong"); err == nil {
		t.Errorf("with a wrong secret the client printed %q and did not fail", output)
	}
}

// runMinimalClient returns what the client prints.
func runMinimalClient(t *testing.T, g *gateway, secret string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := append(nodeCommand(t), minimalClient)
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(bare(g.folder),
		"SEAGATE_URL=http://"+g.listen,
		"SEAGATE_CLIENT_ID="+root.id,
		"SEAGATE_CLIENT_SECRET="+secret,
	)
	output, err := cmd.Output()
	return string(output), err
}

// nodeCommand returns how to start a Node that has WebSocket. The Makefile
// looks for the same ones, and installs the first if there is none.
func nodeCommand(t *testing.T) []string {
	t.Helper()
	for _, node := range []string{filepath.FromSlash("../../.tools/node_modules/.bin/node"), "node"} {
		for _, command := range [][]string{{node}, {node, "--experimental-websocket"}} {
			check := append(command[1:len(command):len(command)], "-e", "process.exit(typeof WebSocket === 'function' ? 0 : 1)")
			if exec.Command(node, check...).Run() == nil {
				return command
			}
		}
	}
	t.Fatal("there is no Node that has WebSocket; run: make node")
	return nil
}
