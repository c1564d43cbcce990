// Package js has the JavaScript client, which the gateway serves to pages.
package js

import (
	"crypto/sha512"
	_ "embed" // of the modules
	"encoding/base64"
	"sync"
)

var (
	//go:embed seagate.js
	client []byte
	//go:embed stream-sea.js
	streamSea []byte
)

// A Module is an ES module.
type Module struct {
	Path   string // at which the gateway serves it
	Source []byte // must not be changed

	// Integrity is what a page says in an attribute or import map to be sure of the
	// source (https://www.w3.org/TR/SRI).
	Integrity string
}

// Modules returns the modules. They import each other by relative paths. The slice must not
// be changed.
func Modules() []Module { return modules() }

var modules = sync.OnceValue(func() []Module {
	return []Module{
		module("/seagate.js", client),
		module("/stream-sea.js", streamSea),
	}
})

func module(path string, source []byte) Module {
	sum := sha512.Sum384(source)
	return Module{path, source, "sha384-" + base64.StdEncoding.EncodeToString(sum[:])}
}
