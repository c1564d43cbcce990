package cli_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"seagate/cmd/seagate/cli"
)

// A member is a file of an archive.
type member struct {
	name, text string
	kind       byte // 0: a regular file
}

// contents returns the last member of an archive with these members.
func contents(members ...member) member {
	var list []string
	for _, m := range members {
		sum := sha256.Sum256([]byte(m.text))
		list = append(list, fmt.Sprintf(`{"name":%q,"size":%d,"sha256":%q}`, m.name, len(m.text), hex.EncodeToString(sum[:])))
	}
	return member{name: "seagate-backup.json", text: `{"format":1,"createdAt":"2026-11-21T10:00:00Z","files":[` + strings.Join(list, ",") + `]}`}
}

// archive returns a tar of the members.
func archive(members ...member) string {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: m.name, Size: int64(len(m.text)), Mode: 0o777}
		if m.kind != 0 {
			h.Typeflag, h.Linkname = m.kind, "/etc/passwd"
		}
		if err := w.WriteHeader(h); err != nil {
			panic(err)
		}
		io.WriteString(w, m.text)
	}
	w.Close()
	return b.String()
}

var (
	one   = member{name: "MANIFEST-000001", text: "one"}
	two   = member{name: "deep/2", text: strings.Repeat("two", 1000)}
	whole = archive(one, two, contents(one, two))
)

func TestReadArchive(t *testing.T) {
	got := map[string]string{}
	a, err := cli.ReadArchive(strings.NewReader(whole), func(name string, content io.Reader) error {
		text, err := io.ReadAll(content)
		got[name] = string(text)
		return err
	})
	if err != nil || a.Files != 2 || a.Bytes != 3003 || a.CreatedAt.Year() != 2026 || got["deep/2"] != two.text || got[one.name] != "one" {
		t.Errorf("%+v, %v, %v", a, got, err)
	}
	refused := errors.New("no room")
	if _, err := cli.ReadArchive(strings.NewReader(whole), func(string, io.Reader) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("%v", err)
	}
}

func ignore(string, io.Reader) error { return nil }

func TestDamagedArchivesAreRefused(t *testing.T) {
	newer := contents(one)
	newer.text = strings.Replace(newer.text, `"format":1`, `"format":2`, 1)
	changed := member{name: one.name, text: "One"}
	named := func(name string) string { m := member{name: name, text: "x"}; return archive(m, contents(m)) }
	for name, c := range map[string]struct{ text, want string }{
		"nothing":         {"", "cut off"},
		"no list":         {archive(one, two), "cut off"},
		"no tar":          {strings.Repeat("nonsense", 1000), "it is not a tar"},
		"a file is gone":  {archive(one, contents(one, two)), "lacks the file deep/2"},
		"a file changed":  {archive(changed, two, contents(one, two)), "the file MANIFEST-000001 differs from its entry in the list"},
		"a file is new":   {archive(one, two, contents(one)), "deep/2 is not on its list"},
		"a file is twice": {archive(one, one, contents(one)), "the file MANIFEST-000001 twice"},
		"a list is twice": {archive(one, contents(one), contents(one)), "follows its list"},
		"the list is not": {archive(one, member{name: "seagate-backup.json", text: "{}"}), "cannot be read"},
		"a newer one":     {archive(one, newer), "format 2"},
		"a link":          {archive(member{name: "a", kind: tar.TypeSymlink}), "does not belong in a backup"},
		"a hard link":     {archive(member{name: "a", kind: tar.TypeLink}), "does not belong in a backup"},
		"a device":        {archive(member{name: "a", kind: tar.TypeChar}), "does not belong in a backup"},
		"a folder":        {archive(member{name: "a/", kind: tar.TypeDir}), "does not belong in a backup"},
		"absolute":        {named("/etc/passwd"), "does not belong in a backup"},
		"above":           {named("../a"), "does not belong in a backup"},
		"above in there":  {named("a/../../b"), "does not belong in a backup"},
		"here":            {named("./a"), "does not belong in a backup"},
		"Windows":         {named(`a\..\b`), "does not belong in a backup"},
		"a drive":         {named("C:a"), "does not belong in a backup"},
		"no name":         {named("a//b"), "does not belong in a backup"},
	} {
		if _, err := cli.ReadArchive(strings.NewReader(c.text), ignore); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestArchivesThatAreCutOffAreRefused, wherever they end before the list is complete.
func TestArchivesThatAreCutOffAreRefused(t *testing.T) {
	const trailer = 1024 // two blocks of zeros
	list := contents(one, two)
	end := len(whole) - trailer - (512-len(list.text)%512)%512
	for n := 0; n < end; n += 37 {
		if _, err := cli.ReadArchive(strings.NewReader(whole[:n]), ignore); err == nil || !strings.Contains(err.Error(), "cut off") {
			t.Fatalf("after %d of %d bytes: %v", n, len(whole), err)
		}
	}
}

func FuzzReadArchive(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte(archive(one)))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := cli.ReadArchive(bytes.NewReader(data), func(name string, content io.Reader) error {
			if !filepath.IsLocal(name) || strings.ContainsAny(name, "\\:\x00") {
				t.Errorf("the name %q leads away", name)
			}
			_, err := io.Copy(io.Discard, content)
			return err
		})
		if err == nil && !bytes.Contains(data, []byte("seagate-backup.json")) {
			t.Error("it took what has no list")
		}
	})
}

func TestBackup(t *testing.T) {
	f := newFake(t, map[string]string{"GET /backup": whole})
	dir := t.TempDir()
	name := filepath.Join(dir, "b.tar")
	run(t, "backup", name).want(t, "", name+" is complete: 2 files, 2.9KiB\n", 0)
	f.wantRequests("GET /backup")
	info, err := os.Stat(name)
	text, _ := os.ReadFile(name)
	if err != nil || info.Mode().Perm() != 0o600 || string(text) != whole {
		t.Errorf("%v, %v", info, err)
	}
	r := run(t, "backup", name)
	if r.code != 1 || !strings.Contains(r.notes, "is there already") {
		t.Errorf("the second time: %+v", r)
	}
	f.wantRequests("GET /backup")                         // it was not asked again
	if entries, _ := os.ReadDir(dir); len(entries) != 2 { // and its digest
		t.Errorf("the folder has %v", entries)
	}
	run(t, "backup", name+"2", "--json").want(t,
		`{"file":"`+name+`2","createdAt":"2026-11-21T10:00:00Z","files":2,"bytes":3003}`+"\n", "", 0)
}

func TestBackupToStandardOutput(t *testing.T) {
	newFake(t, map[string]string{"GET /backup": whole})
	run(t, "backup", "-").want(t, whole, "the backup is complete: 2 files, 2.9KiB\n", 0)
	run(t, "backup", "-", "--json").want(t, whole, `{"createdAt":"2026-11-21T10:00:00Z","files":2,"bytes":3003}`+"\n", 0)
}

func TestAFailedBackupLeavesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		answer, want string
	}{
		"refused": {"forbidden|no", "error: forbidden: no"},
		"busy":    {"rate_limited|a backup is being made already", "rate_limited"},
		"cut off": {whole[:2000], "cut off"},
		"changed": {strings.Replace(whole, "two", "TWO", 1), "the file deep/2 differs from its entry in the list"},
		"no tar":  {strings.Repeat("<html>", 100_000), "it is not a tar"},
	} {
		newFake(t, map[string]string{"GET /backup": c.answer})
		dir := t.TempDir()
		r := run(t, "backup", filepath.Join(dir, "b.tar"))
		if entries, _ := os.ReadDir(dir); r.code != 1 || !strings.Contains(r.notes, c.want) || len(entries) > 0 {
			t.Errorf("%s: %+v, the folder has %v", name, r, entries)
		}
	}
	newFake(t, nil)
	dir := t.TempDir()
	partial := filepath.Join(dir, "b.tar.partial")
	if err := os.WriteFile(partial, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := run(t, "backup", filepath.Join(dir, "b.tar")); r.code != 1 || !strings.Contains(r.notes, "another backup is being made") {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(partial); err != nil {
		t.Errorf("somebody else's file: %v", err)
	}
	if r := run(t, "backup", filepath.Join(dir, "nowhere", "b.tar")); r.code != 1 || !strings.Contains(r.notes, "there is no folder") {
		t.Errorf("%+v", r)
	}
}

func TestAnInterruptedBackupLeavesNothing(t *testing.T) {
	newFake(t, map[string]string{"GET /backup": whole})
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	dir := t.TempDir()
	r := runWith(ctx, strings.NewReader(""), "backup", filepath.Join(dir, "b.tar"))
	r.want(t, "", "error: interrupted; there is no backup\n", 1)
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("the folder has %v", entries)
	}
}
