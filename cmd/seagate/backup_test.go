package main_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// asRoot returns the environment for commands that act as the root client.
func (g *gateway) asRoot() []string { return g.as(root) }

// as returns the environment for commands that act as a client.
func (g *gateway) as(c credentials) []string {
	return []string{"SEAGATE_URL=http://" + g.listen, "SEAGATE_CLIENT_ID=" + c.id, "SEAGATE_CLIENT_SECRET=" + c.secret}
}

// kept is what a gateway keeps about the stream measures.
type kept struct {
	Messages []struct {
		Seq     uint64         `json:"seq"`
		Payload map[string]int `json:"payload"`
	} `json:"messages"`
	Epoch string `json:"epoch"`
}

func (g *gateway) kept() (k kept) {
	g.t.Helper()
	if err := json.Unmarshal([]byte(g.ok(root, "GET", "/streams/measures/messages?limit=1000", "")), &k); err != nil {
		g.t.Fatal(err)
	}
	return k
}

// backedUp starts a gateway with messages 1 to 5 and backs it up.
func backedUp(t *testing.T) (g *gateway, file string) {
	g = start(t, "SEAGATE_AUDIT_DISABLED=true") // so that the messages can be counted
	g.define(root, "measures")
	g.measure(1, 5)
	file = filepath.Join(t.TempDir(), "seagate.tar")
	r := ok(t, g.asRoot(), "backup", file)
	if !strings.HasPrefix(r.notes, file+" is complete: ") {
		t.Errorf("it says %s", r.notes)
	}
	return g, file
}

// measure publishes {"n":from} and so on.
func (g *gateway) measure(from, to int) {
	g.t.Helper()
	var list []string
	for n := from; n <= to; n++ {
		list = append(list, fmt.Sprintf(`{"n":%d}`, n))
	}
	g.ok(root, "POST", "/streams/measures/publish", "["+strings.Join(list, ",")+"]")
}

// TestBackupAndRestore: a restored gateway has what the backup has, and refuses
// positions from before the restore.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	g, file := backedUp(t)
	before := g.kept()
	g.measure(6, 9)
	folder := filepath.Join(t.TempDir(), "new", "data")
	r := ok(t, nil, "restore", file, "--data", folder)
	if !strings.Contains(r.notes, folder+" is restored to its state at 20") || !strings.Contains(r.notes, "messages: 5, with 35 B; streams that have any: 1;") {
		t.Errorf("it says %s", r.notes)
	}
	if info, err := os.Stat(filepath.Join(folder, "store")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	again := startIn(t, folder)
	after := again.kept()
	if len(after.Messages) != 5 || after.Messages[4].Payload["n"] != 5 || after.Epoch == before.Epoch {
		t.Errorf("it was %+v and is %+v", before, after)
	}
	if a := again.call(root, "GET", "/streams/measures/messages?epoch="+before.Epoch, ""); a.status != 410 {
		t.Errorf("a position from before: %d %s", a.status, a.body)
	}
	again.measure(6, 6)
	if now := again.kept(); len(now.Messages) != 6 || now.Messages[5].Seq != 6 || now.Epoch != after.Epoch {
		t.Errorf("it goes on as %+v", now)
	}
	if len(g.kept().Messages) != 9 {
		t.Error("the backup did something to the gateway")
	}
}

func TestRestoreFromStandardInput(t *testing.T) {
	t.Parallel()
	_, file := backedUp(t)
	folder := t.TempDir() // empty
	text, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	cmd := exec.Command(program, "restore", "-", "--json")
	cmd.Env, cmd.Stdin = append(bare(t.TempDir()), "SEAGATE_DATA_DIR="+folder), text
	out, err := cmd.Output()
	var said struct {
		Data     string `json:"data"`
		Messages int    `json:"messages"`
	}
	if err := errors.Join(err, json.Unmarshal(out, &said)); err != nil || said.Data != folder || said.Messages != 5 {
		t.Errorf("%v, %s", err, out)
	}
}

// TestRestoreRefused: a restore that fails leaves the folder as it was.
func TestRestoreRefused(t *testing.T) {
	t.Parallel()
	_, file := backedUp(t)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		backup string
		want   string
	}{
		"cut off":     {string(whole[:len(whole)/2]), "the backup was cut off"},
		"changed":     {strings.Replace(string(whole), `{"n":5}`, `{"n":6}`, 1), "differs from its entry in the list"},
		"no tar":      {strings.Repeat("x", 10_000), "it is not a tar"},
		"no store":    {listed(map[string]string{"a": "b"}), "the backup cannot be used"},
		"nothing":     {listed(nil), "the backup cannot be used"},
		"leading out": {listed(map[string]string{"../a": "b"}), "does not belong in a backup"},
	} {
		bad := filepath.Join(t.TempDir(), "bad.tar")
		if err := os.WriteFile(bad, []byte(c.backup), 0o600); err != nil {
			t.Fatal(err)
		}
		empty, missing := t.TempDir(), filepath.Join(t.TempDir(), "missing")
		for _, folder := range []string{empty, missing} {
			if r := command(t, nil, "restore", bad, "--data", folder); r.code != 1 || !strings.Contains(r.notes, c.want) {
				t.Errorf("%s: exit status %d, %s", name, r.code, r.notes)
			}
		}
		if left, _ := os.ReadDir(empty); len(left) > 0 {
			t.Errorf("%s: left is %v", name, left)
		}
		if _, err := os.Stat(missing); err == nil {
			t.Errorf("%s: the folder was left", name)
		}
	}
	used := t.TempDir()
	if err := os.WriteFile(filepath.Join(used, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := command(t, nil, "restore", file, "--data", used); r.code != 1 || !strings.Contains(r.notes, "is not empty, it has mine") {
		t.Errorf("exit status %d, %s", r.code, r.notes)
	}
	if r := command(t, nil, "restore", file); r.code != 2 || !strings.Contains(r.notes, "--data") {
		t.Errorf("exit status %d, %s", r.code, r.notes)
	}
	if r := command(t, nil, "restore", "/nowhere.tar", "--data", used); r.code != 2 || !strings.Contains(r.notes, "no such file") {
		t.Errorf("exit status %d, %s", r.code, r.notes)
	}
}

// listed returns an archive of files with a list of them.
func listed(files map[string]string) string {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	list := `{"format":1,"createdAt":"2026-11-21T10:00:00Z","files":[]}`
	for name, text := range files {
		w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(text))})
		io.WriteString(w, text)
		// The sum is that of "b".
		list = fmt.Sprintf(`{"format":1,"createdAt":"2026-11-21T10:00:00Z","files":[{"name":%q,"size":%d,"sha256":"3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"}]}`, name, len(text))
	}
	w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "seagate-backup.json", Size: int64(len(list))})
	io.WriteString(w, list)
	w.Close()
	return b.String()
}

func TestBackupNeedsTheRootJail(t *testing.T) {
	t.Parallel()
	g := sharedGateway(t)
	secret := strings.TrimSpace(ok(t, g.asRoot(), "jails", "create", "backup-tenant", "boss").out)
	tenant := []string{"SEAGATE_URL=http://" + g.listen, "SEAGATE_CLIENT_ID=boss", "SEAGATE_CLIENT_SECRET=" + secret}
	file := filepath.Join(t.TempDir(), "seagate.tar")
	if r := command(t, tenant, "backup", file); r.code != 1 || !strings.HasPrefix(r.notes, "error: forbidden: ") {
		t.Errorf("exit status %d, %s", r.code, r.notes)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("there is a file")
	}
}

func TestDataCheck(t *testing.T) {
	t.Parallel()
	g := start(t, "SEAGATE_AUDIT_DISABLED=true")
	g.define(root, "measures")
	g.measure(1, 500)
	if r := command(t, nil, "data", "check", "--data", g.folder); r.code != 1 || !strings.Contains(r.notes, "in use by another process") ||
		!strings.Contains(r.notes, "`seagate backup`") {
		t.Errorf("in use: exit status %d, %s", r.code, r.notes)
	}
	g.stopped()
	if r := ok(t, nil, "data", "check", "--data", g.folder); !strings.Contains(r.notes, "messages: 500, with 4.3KiB;") || r.out != "" {
		t.Errorf("%+v", r)
	}
	r := ok(t, []string{"SEAGATE_DATA_DIR=" + g.folder}, "data", "check", "--json")
	if !strings.HasPrefix(r.out, `{"data":"`+g.folder+`","logs":`) || !strings.HasSuffix(r.out, `"problems":0}`+"\n") {
		t.Errorf("%+v", r)
	}
	damage(t, filepath.Join(g.folder, "store"))
	if r := command(t, nil, "data", "check", "--data", g.folder); r.code != 1 || !strings.Contains(r.out, "restore it from a backup") ||
		!strings.Contains(r.notes, "error: problems found: ") {
		t.Errorf("damaged: %+v", r)
	}
	if r := command(t, nil, "data", "check", "--data", g.folder, "--json"); r.code != 1 || !strings.Contains(r.out, `"advice":"`) {
		t.Errorf("damaged: %+v", r)
	}
	if r := command(t, nil, "data", "check", "--data", t.TempDir()); r.code != 1 || !strings.Contains(r.notes, "is not a data folder of a gateway") {
		t.Errorf("none: %+v", r)
	}
	if r := command(t, nil, "data", "check"); r.code != 2 || !strings.Contains(r.notes, "--data") {
		t.Errorf("unnamed: %+v", r)
	}
}

// damage flips a bit in the middle of the largest file of a store.
func damage(t *testing.T, store string) {
	t.Helper()
	entries, err := os.ReadDir(store)
	if err != nil {
		t.Fatal(err)
	}
	largest, size := "", int64(0)
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && info.Size() > size {
			largest, size = filepath.Join(store, entry.Name()), info.Size()
		}
	}
	text, err := os.ReadFile(largest)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := os.WriteFile(largest, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	if r := ok(t, nil, "version"); r.out != testVersion+"\n" {
		t.Errorf("%+v", r)
	}
	if r := ok(t, nil, "--version"); !strings.Contains(r.out, testVersion) {
		t.Errorf("%+v", r)
	}
}

// A backup has its digest beside it, and restore refuses a file that does not fit it.
func TestABackupHasADigest(t *testing.T) {
	t.Parallel()
	_, file := backedUp(t)
	digest, err := os.ReadFile(file + ".sha256")
	if err != nil || !strings.HasSuffix(string(digest), "  "+filepath.Base(file)+"\n") {
		t.Fatalf("%q, %v", digest, err)
	}
	other := strings.Repeat("0", 64) + "  seagate.tar\n"
	for text, want := range map[string]string{other: "is not the file that was written", "nonsense": "is damaged"} {
		if err := os.WriteFile(file+".sha256", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		folder := filepath.Join(t.TempDir(), "data")
		r := command(t, nil, "restore", file, "--data", folder)
		if r.code != 1 || !strings.Contains(r.notes, want) {
			t.Errorf("%q: %d, %s", text, r.code, r.notes)
		}
		if _, err := os.Stat(folder); err == nil {
			t.Error("there is a data folder")
		}
	}
	if err := os.WriteFile(file+".sha256", digest, 0o600); err != nil {
		t.Fatal(err)
	}
	ok(t, nil, "restore", file, "--data", filepath.Join(t.TempDir(), "data"))
}
