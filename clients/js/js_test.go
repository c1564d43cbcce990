package js_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"testing"

	"seagate/clients/js"
)

// maxCompressed is what the client may weigh on its way to a page, in bytes.
const maxCompressed = 10_000

func TestClientIsSmall(t *testing.T) {
	for _, m := range js.Modules() {
		var packed bytes.Buffer
		w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
		w.Write(m.Source)
		w.Close()
		t.Logf("%s: %d bytes, %d compressed", m.Path, len(m.Source), packed.Len())
		if packed.Len() >= maxCompressed {
			t.Errorf("%s has %d bytes when it is compressed, and must have less than %d", m.Path, packed.Len(), maxCompressed)
		}
	}
}

// The package has every file that it names, and names every module.
func TestPackage(t *testing.T) {
	text, err := os.ReadFile("package.json")
	if err != nil {
		t.Fatal(err)
	}
	var p struct {
		Exports      map[string]map[string]string `json:"exports"`
		Files        []string                     `json:"files"`
		Dependencies map[string]string            `json:"dependencies"`
	}
	if err := json.Unmarshal(text, &p); err != nil {
		t.Fatal(err)
	}
	if len(p.Dependencies) > 0 {
		t.Errorf("the client has dependencies: %v", p.Dependencies)
	}
	exported := map[string]bool{}
	for _, conditions := range p.Exports {
		for _, file := range conditions {
			exported[file] = true
			if _, err := os.Stat(file); err != nil {
				t.Error(err)
			}
		}
	}
	for _, file := range p.Files {
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	}
	for _, m := range js.Modules() {
		if !exported["."+m.Path] {
			t.Errorf("package.json does not export %s", m.Path)
		}
	}
}
