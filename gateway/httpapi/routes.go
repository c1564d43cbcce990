package httpapi

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// base is where the API lies.
const base = "/api/v1"

// A route is a path, a pattern of http.ServeMux below base, and what can be
// done there. GET is HEAD, too.
type route struct {
	path    string
	methods map[string]operation
	public  bool // asks for no credentials
}

// Names are those of the path values: {stream}, {client}, {jail}, {version}.
var routes = []route{
	{"", map[string]operation{"GET": (*request).index}, true},

	{"/streams", map[string]operation{"GET": (*request).listStreams}, false},
	{"/streams/{stream}", map[string]operation{"GET": (*request).stream, "DELETE": (*request).deleteStream}, false},
	{"/streams/{stream}/publish", map[string]operation{"POST": (*request).publish}, false},
	{"/streams/{stream}/define", map[string]operation{"POST": (*request).define}, false},
	{"/streams/{stream}/schema", map[string]operation{"GET": (*request).schema}, false},
	{"/streams/{stream}/schemas", map[string]operation{"GET": (*request).schemas}, false},
	{"/streams/{stream}/schemas/{version}", map[string]operation{"GET": (*request).schemaVersion}, false},
	{"/streams/{stream}/header", map[string]operation{
		"GET": (*request).header, "PUT": (*request).setHeader, "DELETE": (*request).clearHeader}, false},
	{"/streams/{stream}/pause", map[string]operation{"POST": (*request).pause}, false},
	{"/streams/{stream}/resume", map[string]operation{"POST": (*request).resume}, false},
	{"/schema-versions-vector", map[string]operation{"POST": (*request).versionsVector}, false},

	// The singular is what deployed clients say.
	{"/client", map[string]operation{"POST": (*request).createClient}, false},
	{"/client/{client}", map[string]operation{"PUT": (*request).rotateSecret, "DELETE": (*request).deleteClient}, false},
	{"/client/{client}/jwt-public-key", map[string]operation{"PUT": (*request).setPublicKey}, false},
	{"/clients", map[string]operation{"GET": (*request).listClients}, false},
	{"/jails", map[string]operation{"GET": (*request).listJails, "POST": (*request).createJail}, false},
	{"/jails/{jail}", map[string]operation{"DELETE": (*request).deleteJail}, false},
}

// allow is the value of the Allow header for these methods (RFC 9110 §10.2.1).
func allow(methods map[string]operation) string {
	list := slices.Collect(maps.Keys(methods))
	if methods[http.MethodGet] != nil {
		list = append(list, http.MethodHead)
	}
	list = append(list, http.MethodOptions)
	slices.Sort(list)
	return strings.Join(list, ", ")
}
