package httpapi_test

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"seagate/protocol"
)

// A folder is the files, by name, that a checkpoint writes.
type folder map[string]string

func (c folder) checkpoint(_ context.Context, dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for name, text := range c {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// newBackupServer returns a server with this checkpoint function, and the folder
// that holds the copies.
func newBackupServer(t *testing.T, do func(context.Context, string) error, change ...func(*setup)) (*server, string) {
	dir := t.TempDir()
	s := newServer(t, append(change, func(s *setup) { s.checkpoint, s.options.BackupDir = do, dir })...)
	return s, dir
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	eventually(t, func() bool { return len(must(os.ReadDir(dir))) == 0 })
}

func TestBackup(t *testing.T) {
	files := folder{"a": "one", "deep/er/b": strings.Repeat("two", 100_000), "empty": ""}
	s, dir := newBackupServer(t, files.checkpoint)
	a := s.do(call{method: "GET", path: "/api/v1/backup"})
	if a.status != 200 || a.header.Get("Content-Type") != "application/x-tar" || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v", a.status, a.header)
	}
	wantArchive(t, strings.NewReader(a.body), files)
	wantEmpty(t, dir)
	if a := s.do(call{method: "HEAD", path: "/api/v1/backup"}); a.status != 200 || a.body != "" {
		t.Errorf("HEAD: %d, %d bytes", a.status, len(a.body))
	}
	wantEmpty(t, dir)
}

// wantArchive checks that an archive has these files and ends with their list.
func wantArchive(t *testing.T, r io.Reader, files folder) {
	t.Helper()
	var list struct {
		Format    int       `json:"format"`
		CreatedAt time.Time `json:"createdAt"`
		Files     []struct {
			Name   string `json:"name"`
			Size   int    `json:"size"`
			SHA256 string `json:"sha256"`
		} `json:"files"`
	}
	archive := tar.NewReader(r)
	got := folder{}
	for list.Format == 0 {
		h, err := archive.Next()
		check(t, err)
		text := string(must(io.ReadAll(archive)))
		if h.Name == "seagate-backup.json" {
			check(t, json.Unmarshal([]byte(text), &list, json.RejectUnknownMembers(true)))
			continue
		}
		if h.Typeflag != tar.TypeReg || h.Mode != 0o600 {
			t.Errorf("%s: %+v", h.Name, h)
		}
		got[h.Name] = text
	}
	if _, err := archive.Next(); err != io.EOF {
		t.Errorf("after the list: %v", err)
	}
	if list.Format != 1 || time.Since(list.CreatedAt) > time.Minute || len(list.Files) != len(files) || len(got) != len(files) {
		t.Errorf("the list is %+v", list)
	}
	for _, f := range list.Files {
		sum := sha256.Sum256([]byte(files[f.Name]))
		if got[f.Name] != files[f.Name] || f.Size != len(files[f.Name]) || f.SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("the file %+v", f)
		}
	}
}

func TestFailedBackupLeavesNoCopy(t *testing.T) {
	s, dir := newBackupServer(t, folder{"a": "one"}.checkpoint)
	tenant := s.newJail("tenant", "boss")
	s.refused(protocol.CodeForbidden, call{method: "GET", path: "/api/v1/backup", as: &tenant})
	s.refused(protocol.CodeCredentialsRequired, call{method: "GET", path: "/api/v1/backup", anonymous: true})
	wantEmpty(t, dir)

	s, dir = newBackupServer(t, func(_ context.Context, dir string) error {
		return errors.Join(os.Mkdir(dir, 0o700), errors.New("no"))
	})
	s.refused(protocol.CodeInternal, call{method: "GET", path: "/api/v1/backup"})
	wantEmpty(t, dir)
}

// A client that may not make backups does not learn that one is being made.
func TestOneBackupAtATime(t *testing.T) {
	begun, goOn := make(chan bool), make(chan bool)
	s, _ := newBackupServer(t, func(ctx context.Context, dir string) error {
		begun <- true
		<-goOn
		return folder{"a": "one"}.checkpoint(ctx, dir)
	})
	tenant := s.newJail("tenant", "boss")
	first := make(chan answer)
	go func() { first <- s.do(call{method: "GET", path: "/api/v1/backup"}) }()
	<-begun
	p := s.refused(protocol.CodeRateLimited, call{method: "GET", path: "/api/v1/backup"})
	if !strings.Contains(p.Message, "a backup is being made already") {
		t.Errorf("%q", p.Message)
	}
	s.refused(protocol.CodeForbidden, call{method: "GET", path: "/api/v1/backup", as: &tenant})
	close(goOn)
	wantArchive(t, strings.NewReader((<-first).body), folder{"a": "one"})
	go func() { <-begun }()
	wantArchive(t, strings.NewReader(s.do(call{method: "GET", path: "/api/v1/backup"}).body), folder{"a": "one"})
}

// A client must be able to tell that an archive is not complete.
func TestIncompleteBackupClosesTheConnection(t *testing.T) {
	s, dir := newBackupServer(t, func(ctx context.Context, dir string) error {
		if err := (folder{"a": strings.Repeat("x", 1<<20)}).checkpoint(ctx, dir); err != nil {
			return err
		}
		return os.Symlink("/nowhere", filepath.Join(dir, "b"))
	})
	r := must(http.NewRequest("GET", s.url+"/api/v1/backup", nil))
	r.SetBasicAuth(s.root.id, s.root.secret)
	response := must(plain.Do(r))
	defer response.Body.Close()
	n, err := io.Copy(io.Discard, response.Body)
	if response.StatusCode != 200 || n < 1<<20 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%d, %d bytes, %v", response.StatusCode, n, err)
	}
	wantEmpty(t, dir)
	if !strings.Contains(s.log.String(), "a backup was cut off") {
		t.Errorf("the log says %s", s.log)
	}
}

// The server's deadline for an answer does not apply while the client reads.
func TestBackupOutlivesTheWriteDeadline(t *testing.T) {
	files := folder{"a": strings.Repeat("x", 8<<20)}
	s, _ := newBackupServer(t, files.checkpoint)
	late := withWriteTimeout(t, s, time.Nanosecond)
	r := must(http.NewRequest("GET", late+"/api/v1/backup", nil))
	r.SetBasicAuth(s.root.id, s.root.secret)
	response := must(plain.Do(r))
	defer response.Body.Close()
	wantArchive(t, response.Body, files)
}

// A client that reads nothing would otherwise block the backups of others.
func TestStalledBackupIsCutOff(t *testing.T) {
	files := folder{"a": strings.Repeat("x", 64<<20)} // more than the buffers of a socket
	s, dir := newBackupServer(t, files.checkpoint, func(s *setup) { s.options.BackupStall = 50 * time.Millisecond })
	r := must(http.NewRequest("GET", s.url+"/api/v1/backup", nil))
	r.SetBasicAuth(s.root.id, s.root.secret)
	response := must(plain.Do(r))
	defer response.Body.Close()
	eventually(t, func() bool { return strings.Contains(s.log.String(), "a backup was cut off") })
	wantEmpty(t, dir)
}

// New removes the copies of an earlier process and nothing else.
func TestOldCopiesAreRemoved(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"seagate-backup-X/a", "store/a", "seagate-backups/a"} {
		check(t, os.MkdirAll(filepath.Join(dir, name), 0o700))
	}
	check(t, os.WriteFile(filepath.Join(dir, "seagate-backup-of-mine.tar"), nil, 0o600))
	newServer(t, func(s *setup) { s.options.BackupDir = dir })
	var left []string
	for _, entry := range must(os.ReadDir(dir)) {
		left = append(left, entry.Name())
	}
	if got := strings.Join(left, " "); got != "seagate-backup-of-mine.tar seagate-backups store" {
		t.Errorf("left are %s", got)
	}
}
