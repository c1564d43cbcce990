package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"seagate/internal/zipped"
	"seagate/protocol"
)

// Path is where the console begins. Paths in the pages are relative, so a proxy may put
// the gateway below a path of its own.
const Path = "/console/"

//go:embed assets
var embedded embed.FS

// policy lets the pages use their own origin, and forbids what injected markup would
// need: inline code, frames, plugins, forms that are sent elsewhere, and texts that
// become HTML.
const policy = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// contentTypes are those of the files by extension. The operating system's table is not
// asked: some say that a module is text/plain, and then no browser runs it.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// A Handler serves the console at Path. It is safe for concurrent use.
type Handler struct {
	assets func() map[string]*asset // by the path below Path; they are read when a browser asks
}

// An asset is a file of the console.
type asset struct {
	*zipped.File
	contentType string
}

// New returns a Handler.
func New() *Handler { return &Handler{assets: sync.OnceValue(readAssets)} }

func readAssets() map[string]*asset {
	assets := map[string]*asset{}
	err := fs.WalkDir(embedded, "assets", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := embedded.ReadFile(name)
		if err != nil {
			return err
		}
		assets[strings.TrimPrefix(name, "assets/")] = newAsset(path.Ext(name), body)
		return nil
	})
	if err != nil {
		panic("console: the embedded files cannot be read: " + err.Error())
	}
	assets[adviceFile] = newAsset(".js", advice())
	assets[""] = assets["index.html"]
	return assets
}

// adviceFile is a module that is made of the table of error codes.
const adviceFile = "advice.js"

// advice returns a module that says what each error code means, and what to do about it.
func advice() []byte {
	titles := map[string]string{}
	texts := map[string]string{
		"unreachable": "Wait a moment. The console tries again by itself where it shows something live.",
		"not_json":    "Look at the proxy in front of the gateway: it has to pass on all paths below /api/v1.",
	}
	for _, code := range protocol.Codes() {
		titles[string(code.Code)], texts[string(code.Code)] = code.Title, code.Advice
	}
	return fmt.Appendf(nil, "export const advice = %s;\nexport const titles = %s;\n", encoded(texts), encoded(titles))
}

func encoded(texts map[string]string) []byte {
	value, err := json.Marshal(texts, json.Deterministic(true))
	if err != nil {
		panic("console: texts cannot be encoded: " + err.Error())
	}
	return value
}

func newAsset(extension string, body []byte) *asset {
	sum := sha256.Sum256(body)
	return &asset{zipped.New(body, hex.EncodeToString(sum[:8])), contentTypes[extension]}
}

// Serves reports whether a path is the console's.
func Serves(path string) bool {
	return path == strings.TrimSuffix(Path, "/") || strings.HasPrefix(path, Path)
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "the console is read with GET", http.StatusMethodNotAllowed)
		return
	}
	name, below := strings.CutPrefix(r.URL.Path, Path)
	if !below {
		Redirect(w)
		return
	}
	file := h.assets()[name]
	if file == nil {
		http.Error(w, "the console has no such file", http.StatusNotFound)
		return
	}
	file.serve(w, r)
}

// Redirect sends a browser from a page beside the console to the console. The location is
// relative, so that it is right behind a proxy that puts the gateway below a path.
func Redirect(w http.ResponseWriter) {
	w.Header().Set("Location", strings.TrimPrefix(Path, "/"))
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusSeeOther)
}

func (a *asset) serve(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", a.contentType)
	header.Set("Content-Security-Policy", policy)
	header.Set("Cache-Control", "no-cache") // ask whether the ETag is still the same
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.Choose(r, header)))
}
