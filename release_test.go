package seagate_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Archives of a release have what README.md leads to, the time of the commit for each file, and units where there is systemd.
func TestArchives(t *testing.T) {
	archives := section(t, readText(t, "packaging/goreleaser.yaml"), "archives")
	linux, darwin, _ := strings.Cut(archives, "- id: darwin\n")
	for name, text := range map[string]string{"linux": linux, "darwin": darwin} {
		for _, file := range []string{"SECURITY.md", `"docs/**"`, `"examples/*"`, `"dist/man/*"`, `"dist/completion/*"`} {
			if !strings.Contains(text, "- src: "+file+"\n") {
				t.Errorf("the archive for %s lacks %s", name, file)
			}
		}
		if sources := strings.Count(text, "- src: "); strings.Count(text, "  info: *unchanging\n") != sources {
			t.Errorf("in the archive for %s some of %d sources have the times of their files", name, sources)
		}
	}
	if strings.Contains(darwin, "systemd") || !strings.Contains(linux, "systemd") {
		t.Error("units are for Linux alone")
	}
}

// Notes are those of the release that is asked for, and not of one whose version begins alike.
func TestReleaseNotes(t *testing.T) {
	for _, version := range []string{"Unreleased", "Unrel", "9.9.9"} {
		out, err := exec.Command("make", "-s", "release-notes", "RELEASE_NOTES="+version).CombinedOutput()
		if exists := version == "Unreleased"; (err == nil) != exists || !exists && !strings.Contains(string(out), "has no section "+version) {
			t.Errorf("%s: %v, %s", version, err, out)
		}
	}
}

// Each corrected license is that of a module of ours, by the words of its file.
func TestCorrectedLicenses(t *testing.T) {
	words := map[string]string{"BSD-3-Clause": "Neither the name of", "ISC": "Permission to use, copy, modify, and distribute this software for any"}
	corrected := map[string]bool{}
	for line := range strings.Lines(readText(t, "packaging/licenses.txt")) {
		module, license, _ := strings.Cut(strings.TrimSpace(line), " ")
		if module == "#" {
			continue
		}
		corrected[module] = true
		folder, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
		if err != nil {
			t.Errorf("%s is no module of ours: %v", module, err)
			continue
		}
		files, _ := filepath.Glob(filepath.Join(strings.TrimSpace(string(folder)), "LICENSE*"))
		if len(files) != 1 || words[license] == "" || !strings.Contains(readText(t, files[0]), words[license]) {
			t.Errorf("%s has not the license %s: see %q", module, license, files)
		}
	}
	// Their license is worded so that it is taken for another.
	for _, m := range regexp.MustCompile(`(?m)^\t(golang\.org/x/(?:crypto|net|sys|term|text|time)) `).FindAllStringSubmatch(readText(t, "go.mod"), -1) {
		if !corrected[m[1]] {
			t.Errorf("packaging/licenses.txt lacks %s", m[1])
		}
	}
}

// The list of modules has the license of the program, and the corrected ones.
func TestModuleListIsCorrected(t *testing.T) {
	folder := t.TempDir()
	tool, list := filepath.Join(folder, "cyclonedx-gomod"), filepath.Join(folder, "list.json")
	const found = `{
  "metadata": {
    "component": {
      "name": "seagate",
      "version": "1.2.3"
    }
  },
  "components": [
    {
      "name": "golang.org/x/net",
      "version": "v0.59.0",
      "evidence": {
        "licenses": [
          {
            "license": {
              "id": "BSD-Source-Code"
            }
          }
        ]
      }
    },
    {
      "name": "example.com/other",
      "evidence": {
        "licenses": [
          {
            "license": {
              "id": "0BSD"
            }
          }
        ]
      }
    }
  ]
}
`
	if err := os.WriteFile(tool, []byte("#!/bin/sh\ncat > "+list+" <<'END'\n"+found+"END\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("packaging/sbom.sh", "1.2.3", "bin/seagate", list)
	cmd.Env = append(os.Environ(), "CYCLONEDX="+tool)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v: %s", err, out)
	}
	var corrected any
	want := strings.Replace(strings.Replace(found, "BSD-Source-Code", "BSD-3-Clause", 1), `      "version": "1.2.3"`,
		"      \"version\": \"1.2.3\",\n      \"licenses\": [{\"license\": {\"id\": \"Apache-2.0\"}}]", 1)
	if got := readText(t, list); json.Unmarshal([]byte(got), &corrected) != nil || got != want {
		t.Errorf("the list is\n%s", got)
	}
}

// copyOfModule returns a folder with what is in this module.
func copyOfModule(t *testing.T) string {
	t.Helper()
	copied := t.TempDir()
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != "." && (strings.HasPrefix(entry.Name(), ".") || slices.Contains([]string{"bin", "dist", "data", "node_modules"}, entry.Name())):
			return filepath.SkipDir
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(copied, path), 0o700)
		case !entry.Type().IsRegular():
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(copied, path), text, info.Mode())
	})
	if err != nil {
		t.Fatal(err)
	}
	return copied
}

// make module gives a copy another path, and everything in it is found under that path.
func TestModulePathCanChange(t *testing.T) {
	t.Parallel()
	copied := copyOfModule(t)
	run := func(name string, arguments ...string) string {
		t.Helper()
		cmd := exec.Command(name, arguments...)
		cmd.Dir = copied
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %q: %v\n%s", name, arguments, err, out)
		}
		return string(out)
	}
	const path = "github.com/example/gateway"
	for wrong, want := range map[string]string{
		"gateway": "begins with a host", "https://github.com/a/b": "begins with a host", ".com/a": "begins with a host",
		"github.com": "names after the host", "github.com/": "names after the host", "github.com/a b": "names after the host",
		"github.com/A/../B": "names after the host", "github.com/A": "an owner and a name", "github.com/A/B.git": "no .git",
		"github.com/A/B/v1": "v2 or more", "github.com/A/B/v0": "v2 or more", "example.com/a/v01": "v2 or more",
	} {
		cmd := exec.Command("make", "module", "PATH="+wrong)
		cmd.Dir = copied
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), want) {
			t.Errorf("the path %q: %v, %s", wrong, err, out)
		}
	}
	// Another path first, which is the beginning of a module that is imported: it stays as it is.
	imported := "package protocol\n\nimport (\n\t_ \"seagate/internal/secret\"\n\t_ \"nhooyr.io/websocket\"\n)\n\nconst agent = \"seagate/\"\n"
	if err := os.WriteFile(filepath.Join(copied, "protocol", "imported_test.go"), []byte(imported), 0o600); err != nil {
		t.Fatal(err)
	}
	run("make", "module", "PATH=nhooyr.io/web")
	run("make", "module", "PATH="+path)
	if got := readText(t, filepath.Join(copied, "protocol", "imported_test.go")); !strings.Contains(got, `"nhooyr.io/websocket"`) ||
		!strings.Contains(got, `"`+path+`/internal/secret"`) || !strings.Contains(got, `"seagate/"`) {
		t.Errorf("imports became\n%s", got)
	}
	if got := strings.TrimSpace(run("go", "list", "-m")); got != path {
		t.Errorf("the module is called %s", got)
	}
	// This finds each import of each package and test, and compiles nothing.
	for line := range strings.Lines(run("go", "list", "-e", "-test", "-f", "{{with .Error}}{{.}}{{end}}{{range .DepsErrors}}{{.}}{{end}}{{.ImportPath}}", "./...")) {
		if !strings.HasPrefix(line, path) {
			t.Errorf("%s", line)
		}
	}
	run("go", "build", "./internal/...", "./protocol/...")
}
