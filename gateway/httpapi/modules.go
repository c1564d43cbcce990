package httpapi

import (
	"net/http"
	"strconv"
	"strings"

	"seagate/clients/js"
	"seagate/internal/zipped"
)

// A module is a JavaScript module that the gateway serves to all pages, also to those that
// may not use the API: it has no secret.
type module struct {
	js.Module
	*zipped.File
}

func newModule(m js.Module) module { return module{m, zipped.New(m.Source, m.Integrity)} }

// serve writes the module, unless the browser has it already. Browsers ask each time, so
// that a page never has the module of another version of the gateway.
func (m module) serve(q *request) (any, error) {
	h := q.w.Header()
	body := m.Choose(q.r, h)
	h.Set("Cache-Control", "no-cache")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	q.streaming = true
	if strings.Contains(q.r.Header.Get("If-None-Match"), m.Integrity) {
		h.Del("Content-Encoding")
		q.w.WriteHeader(http.StatusNotModified)
		return nil, nil
	}
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	q.w.Write(body)
	return nil, nil
}

// handleModules serves the modules at their paths.
func (a *api) handleModules() {
	for _, m := range js.Modules() {
		a.mux.Handle(m.Path, a.endpoint(m.Path, route{
			methods: methods{"GET": newModule(m).serve}, public: true, anyOrigin: true,
		}))
	}
}

// A moduleLink is what a page needs to import a module and to be sure of it.
type moduleLink struct {
	Path      string `json:"path"`
	Integrity string `json:"integrity"`
}

func moduleLinks() []moduleLink {
	var links []moduleLink
	for _, m := range js.Modules() {
		links = append(links, moduleLink{m.Path, m.Integrity})
	}
	return links
}
