package seagate_test

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// mayImport is the rooms of the project and whom each may import, tests aside.
// Packages below a room belong to it, unless they are a room of their own, and
// may import their own room. The reasons are in docs/architecture.md.
var mayImport = map[string][]string{
	"internal": {},
	"protocol": {"internal"},
	"storage":  {"internal"},
	"auth":     {"internal", "storage"},
	"schema":   {"internal"},
	"streams":  {"internal", "storage"},
	"groups":   {"internal", "streams", "storage"},
	"catalog":  {"internal", "schema", "streams", "groups", "storage"},
	"gateway":  {"internal", "protocol", "auth", "schema", "streams", "groups", "catalog", "storage"},
	"client":   {"internal", "protocol", "streams"},
	"clients":  {},

	"gateway/outbox":  {"internal", "gateway"},
	"gateway/session": {"internal", "protocol", "auth", "groups", "streams", "gateway", "gateway/outbox"},
	"gateway/ws":      {"internal", "protocol", "gateway", "gateway/outbox", "gateway/session"},
	"gateway/lines":   {"internal", "protocol", "auth", "groups", "streams", "gateway", "gateway/outbox"},
	"gateway/httpapi": {"internal", "protocol", "auth", "schema", "streams", "groups", "gateway", "clients"},
	"gateway/admin":   {"internal"},
	"console":         {"internal", "protocol"},

	"cmd/seagate": {"internal", "protocol", "storage", "auth", "schema", "streams", "groups", "catalog", "client",
		"gateway", "gateway/outbox", "gateway/ws", "gateway/lines", "gateway/httpapi", "gateway/admin", "console"},
}

// Support for tests is imported by tests alone, and only they may break the
// rules.
var testSupport = []string{"storage/storagetest", "streams/streamstest", "streams/peer/peertest", "groups/groupstest", "gateway/ws/wstest", "gateway/gatewaytest", "gateway/standin", "auth/authtest",
	"gateway/httpapi/describedtest", "internal/sockets/socketstest", "internal/panics/panicstest"}

// oneFile says in how many files a library may be imported, where replacing it
// is to be a change of those alone.
var oneFile = map[string]int{
	"nhooyr.io/websocket": 2, // the server's, and the Go client's
	"filippo.io/age":      1,
}

// module is the path of the module, which make module changes.
var module = sync.OnceValue(func() string {
	out, err := exec.Command("go", "list", "-m").Output()
	if err != nil {
		panic(err)
	}
	return strings.TrimSpace(string(out))
})

type pkg struct {
	ImportPath string
	GoFiles    []string
	Imports    []string
	Dir        string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,GoFiles,Imports,Dir", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		switch err := d.Decode(&p); err {
		case nil:
			all = append(all, p)
		case io.EOF:
			return all
		default:
			t.Fatal(err)
		}
	}
}

// roomOf is the room that a package of the module belongs to.
func roomOf(path string) (room string, ours bool) {
	rest, ours := strings.CutPrefix(path, module()+"/")
	if !ours {
		return "", false
	}
	for candidate := range mayImport {
		if len(candidate) > len(room) && (rest == candidate || strings.HasPrefix(rest, candidate+"/")) {
			room = candidate
		}
	}
	if room == "" {
		room = rest
	}
	return room, true
}

func TestRoomsImportOnlyWhomTheyMay(t *testing.T) {
	for _, p := range packages(t) {
		rest := strings.TrimPrefix(p.ImportPath, module()+"/")
		if p.ImportPath == module() || slices.Contains(testSupport, rest) {
			continue
		}
		room, _ := roomOf(p.ImportPath)
		allowed, known := mayImport[room]
		if !known {
			t.Errorf("%s is in no room: add it to the list here and to docs/architecture.md", p.ImportPath)
		}
		for _, imported := range p.Imports {
			other, ours := roomOf(imported)
			if ours && other != room && !slices.Contains(allowed, other) {
				t.Errorf("%s imports %s: %s may not import %s", p.ImportPath, imported, room, other)
			}
			if slices.Contains(testSupport, strings.TrimPrefix(imported, module()+"/")) {
				t.Errorf("%s imports %s, which is for tests", p.ImportPath, imported)
			}
		}
	}
}

func TestLibrariesThatStandBehindOneFile(t *testing.T) {
	found := map[string][]string{}
	for _, p := range packages(t) {
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, imported := range file.Imports {
				library, _ := strconv.Unquote(imported.Path.Value)
				if _, watched := oneFile[library]; watched {
					found[library] = append(found[library], p.ImportPath+"/"+name)
				}
			}
		}
	}
	for library, want := range oneFile {
		if len(found[library]) != want {
			t.Errorf("%s is imported by %q, want %d files", library, found[library], want)
		}
	}
}
