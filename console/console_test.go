package console_test

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"regexp"
	"strings"
	"sync"
	"testing"

	"seagate/console"
	"seagate/protocol"
)

var handler = sync.OnceValue(console.New)

func request(method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	handler().ServeHTTP(w, r)
	return w
}

// assets returns the text of each file by its path below the console.
func assets(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS("assets"), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path.Join("assets", name))
		files[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestEachFileIsServedWithItsTypeAndPolicy(t *testing.T) {
	types := map[string]string{".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
	for name, text := range assets(t) {
		w := request("GET", "/console/"+name)
		h := w.Header()
		if w.Code != 200 || w.Body.String() != text || h.Get("Content-Type") != types[path.Ext(name)] {
			t.Errorf("%s: %d %q, %d bytes of %d", name, w.Code, h.Get("Content-Type"), w.Body.Len(), len(text))
		}
		for _, directive := range []string{"default-src 'self'", "frame-ancestors 'none'", "form-action 'none'", "base-uri 'none'", "object-src 'none'"} {
			if !strings.Contains(h.Get("Content-Security-Policy"), directive) {
				t.Errorf("%s: no %s in %s", name, directive, h.Get("Content-Security-Policy"))
			}
		}
		if strings.Contains(h.Get("Content-Security-Policy"), "unsafe") {
			t.Errorf("%s: %s", name, h.Get("Content-Security-Policy"))
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: %v", name, h)
		}
	}
	if w := request("GET", "/console/"); w.Code != 200 || !strings.Contains(w.Body.String(), `src="app.js"`) {
		t.Errorf("the page itself: %d %s", w.Code, w.Body)
	}
}

func TestFilesAreRevalidatedByETag(t *testing.T) {
	plain := request("GET", "/console/app.js")
	zipped := request("GET", "/console/app.js", "Accept-Encoding", "br, gzip;q=0.5")
	if zipped.Header().Get("Content-Encoding") != "gzip" || zipped.Header().Get("Vary") != "Accept-Encoding" {
		t.Fatalf("%v", zipped.Header())
	}
	reader, err := gzip.NewReader(zipped.Body)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(reader); err != nil || string(text) != plain.Body.String() {
		t.Errorf("unzipped: %d bytes, %v", len(text), err)
	}
	tags := []string{plain.Header().Get("ETag"), zipped.Header().Get("ETag")}
	if tags[0] == "" || tags[1] == "" || tags[0] == tags[1] {
		t.Errorf("ETags %q", tags)
	}
	if w := request("GET", "/console/app.js", "If-None-Match", tags[0]); w.Code != 304 || w.Body.Len() != 0 {
		t.Errorf("unchanged: %d", w.Code)
	}
	if w := request("GET", "/console/app.js", "Accept-Encoding", "gzip", "If-None-Match", tags[1]); w.Code != 304 {
		t.Errorf("unchanged, zipped: %d", w.Code)
	}
	if w := request("GET", "/console/app.js", "Accept-Encoding", "gzip;q=0"); w.Header().Get("Content-Encoding") != "" {
		t.Errorf("gzip with weight 0: %v", w.Header())
	}
	if w := request("GET", "/console/app.js", "If-None-Match", `"other"`); w.Code != 200 {
		t.Errorf("changed: %d", w.Code)
	}
	if w := request("HEAD", "/console/app.js"); w.Code != 200 || w.Body.Len() != 0 {
		t.Errorf("HEAD: %d, %d bytes", w.Code, w.Body.Len())
	}
}

// The console says what each error code means and what to do, in the words of the protocol.
func TestAdviceHasEachErrorCode(t *testing.T) {
	module := request("GET", "/console/advice.js").Body.String()
	texts := map[string]map[string]string{}
	for line := range strings.Lines(module) {
		name, object, _ := strings.Cut(strings.TrimPrefix(line, "export const "), " = ")
		var of map[string]string
		if err := json.Unmarshal([]byte(strings.TrimSuffix(object, ";\n")), &of); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		texts[name] = of
	}
	for _, code := range protocol.Codes() {
		for name, want := range map[string]string{"advice": code.Advice, "titles": code.Title} {
			if got := texts[name][string(code.Code)]; got != want {
				t.Errorf("%s: %s are %q, want %q", code.Code, name, got, want)
			}
		}
	}
}

func TestOtherPathsAndMethods(t *testing.T) {
	if w := request("GET", "/console"); w.Code != 303 || w.Header().Get("Location") != "console/" {
		t.Errorf("without the slash: %d %v", w.Code, w.Header())
	}
	for _, name := range []string{"none.js", "../console.go", "assets/app.js", "screens", "screens/", "%2e%2e/console.go"} {
		if w := request("GET", "/console/"+name); w.Code != 404 {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	if w := request("POST", "/console/"); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d %v", w.Code, w.Header())
	}
	for path, want := range map[string]bool{"/console": true, "/console/": true, "/console/a/b": true, "/": false, "/consoles": false, "/api/v1": false} {
		if console.Serves(path) != want {
			t.Errorf("Serves(%s) = %v", path, !want)
		}
	}
}

var (
	importing  = regexp.MustCompile(`(?m)(?:^import .*from|import\()\s*"([^"]+)"`)
	foreign    = regexp.MustCompile(`(?i)["'(=](?:https?|wss?):?//[a-z0-9]`)
	namespace  = regexp.MustCompile(`"http://www\.w3\.org/[a-z0-9/]+"`)
	inline     = regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|<script>|javascript:`)
	unsafeHTML = regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|localStorage\.setItem\("[^t]`)
)

// The policy of the console forbids inline code and other origins, so a file that has
// either does not work. What is imported must be there.
func TestFilesKeepToThePolicy(t *testing.T) {
	files := assets(t)
	files["advice.js"] = request("GET", "/console/advice.js").Body.String()
	for name, text := range files {
		text = namespace.ReplaceAllString(text, "")
		if found := foreign.FindString(text); found != "" {
			t.Errorf("%s has a URL of another origin: %s", name, found)
		}
		if found := unsafeHTML.FindString(text); found != "" {
			t.Errorf("%s has %s", name, found)
		}
		if path.Ext(name) == ".html" && inline.MatchString(text) {
			t.Errorf("%s has inline code or style: %s", name, inline.FindString(text))
		}
		if path.Ext(name) != ".js" {
			continue
		}
		for _, found := range importing.FindAllStringSubmatch(text, -1) {
			if target := path.Join(path.Dir(name), found[1]); !strings.HasPrefix(found[1], ".") || files[target] == "" {
				t.Errorf("%s imports %s, which is no file of the console", name, found[1])
			}
		}
		if lines := strings.Count(text, "\n"); lines > 500 {
			t.Errorf("%s has %d lines, at most 500 are allowed", name, lines)
		}
	}
	if len(files) < 10 {
		t.Errorf("there are only %d files", len(files))
	}
}

// CSS without light-dark(), which browsers have had since 2024 alone, needs the dark colours
// twice: chosen, and as the system has it. They are the same.
func TestBothDarkPalettesAreTheSame(t *testing.T) {
	text, err := os.ReadFile("assets/css/tokens.css")
	if err != nil {
		t.Fatal(err)
	}
	palette := func(selector string) string {
		_, block, found := strings.Cut(string(text), selector+" {")
		block, _, closed := strings.Cut(block, "}")
		if !found || !closed || !strings.Contains(block, "--page:") {
			t.Fatalf("%s has no colours", selector)
		}
		return strings.Join(strings.Fields(block), " ")
	}
	if chosen, system := palette(`:root[data-theme="dark"]`), palette(`:root:not([data-theme="light"])`); chosen != system {
		t.Errorf("chosen:\n%s\nsystem:\n%s", chosen, system)
	}
}

// The themes differ in custom properties alone, which hold colours and shadows. So the browser
// tests look at what is independent of colours in one theme.
func TestThemesAreColours(t *testing.T) {
	themed := regexp.MustCompile(`(?:\[data-theme|@media[^{]*prefers-color-scheme)[^{]*\{(?:\s*:root[^{]*\{)?([^{}]*)\}`)
	mentions := regexp.MustCompile(`data-theme="dark"|prefers-color-scheme`)
	property := regexp.MustCompile(`(?:^|;)\s*([\w-]+)\s*:`)
	files := assets(t)
	example, err := os.ReadFile("../examples/style.css")
	if err != nil {
		t.Fatal(err)
	}
	files["examples/style.css"] = string(example)
	found := 0
	for name, text := range files {
		if path.Ext(name) != ".css" {
			continue
		}
		blocks := themed.FindAllStringSubmatch(text, -1)
		if n := len(mentions.FindAllString(text, -1)); n != len(blocks) {
			t.Errorf("%s: %d themes, and %d of them are blocks of properties", name, n, len(blocks))
		}
		for _, block := range blocks {
			found++
			for _, declaration := range property.FindAllStringSubmatch(block[1], -1) {
				if p := declaration[1]; !strings.HasPrefix(p, "--") && p != "color-scheme" {
					t.Errorf("%s: a theme sets %s", name, p)
				}
			}
		}
	}
	if found != 3 {
		t.Errorf("%d blocks of a dark theme, want 3", found)
	}
}
