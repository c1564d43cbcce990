package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const importFile = `{"jails":[{"id":"root","clients":[{"id":"js","secret":"deployed long ago, and kept"}],
	"streams":[{"name":"boiler","definition":{"version":1,"fields":[{"name":"t","type":"float"}]}}]},
	{"id":"import-plant","clients":[{"id":"py","secret":"another one that is deployed"}]}]}`

func TestImportCommand(t *testing.T) {
	t.Parallel()
	g := start(t)
	file := filepath.Join(t.TempDir(), "import.json")
	if err := os.WriteFile(file, []byte(importFile), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := ok(t, g.asRoot(), "import", file, "--dry-run"); !strings.Contains(r.notes, "4 would change") || strings.Contains(r.notes, "warning") {
		t.Errorf("dry run: %+v", r)
	}
	if r := ok(t, g.asRoot(), "import", file); !strings.Contains(r.out, "created jail import-plant client py\n") || !strings.Contains(r.notes, "4 changed") {
		t.Errorf("%+v", r)
	}
	js := []string{"SEAGATE_URL=http://" + g.listen, "SEAGATE_CLIENT_ID=js", "SEAGATE_CLIENT_SECRET=deployed long ago, and kept"}
	ok(t, js, "publish", "boiler", `{"t":1.5}`)
	if r := command(t, js, "import", file); r.code != 0 { // js is in the root jail
		t.Errorf("%+v", r)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if r := ok(t, g.asRoot(), "import", file); r.out != "" || !strings.Contains(r.notes, "nothing to change") || !strings.Contains(r.notes, "others can read") {
		t.Errorf("again: %+v", r)
	}
	g.kill()
	g = startIn(t, g.folder)
	js[0] = "SEAGATE_URL=http://" + g.listen
	ok(t, js, "publish", "boiler", `{"t":2.5}`)

	py := []string{"SEAGATE_URL=http://" + g.listen, "SEAGATE_CLIENT_ID=py", "SEAGATE_CLIENT_SECRET=another one that is deployed"}
	if r := command(t, py, "import", file); r.code != 1 || !strings.Contains(r.notes, "forbidden") {
		t.Errorf("a tenant: %+v", r)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(importFile, "deployed long ago", "hunter2hunter2hunter2", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := command(t, g.asRoot(), "import", file); r.code != 1 || !strings.Contains(r.notes, "jails[0].clients[0].secret: it differs") ||
		strings.Contains(r.notes, "hunter2") {
		t.Errorf("a difference: %+v", r)
	}
}
