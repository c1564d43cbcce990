package httpapi

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"seagate/protocol"
)

// base is where the API lies.
const base = "/api/v1"

// A route is a path, a pattern of http.ServeMux below base, and what can be
// done there.
type route struct {
	path    string
	methods methods
	public  bool // asks for no credentials
}

// methods are the operations by HTTP method. GET is HEAD, too.
type methods map[string]operation

// On the paths that deployed clients use, what is singular is what they say.
var routes = []route{
	{path: "", methods: methods{"GET": (*request).index}, public: true},

	{path: "/streams", methods: methods{"GET": (*request).listStreams}},
	{path: "/streams/{stream}", methods: methods{
		"GET":    onStream((*request).stream),
		"DELETE": onStream((*request).deleteStream),
	}},
	{path: "/streams/{stream}/publish", methods: methods{"POST": onStream((*request).publish)}},
	{path: "/streams/{stream}/messages", methods: methods{"GET": onStream((*request).readMessages)}},
	{path: "/streams/{stream}/settings", methods: methods{
		"GET": onStream((*request).settings),
		"PUT": onStream((*request).setSettings),
	}},
	{path: "/streams/{stream}/groups", methods: methods{"GET": onStream((*request).listGroups)}},
	{path: "/streams/{stream}/groups/{client}/{group}", methods: methods{
		"GET":    onGroup((*request).group),
		"DELETE": onGroup((*request).deleteGroup),
	}},
	{path: "/streams/{stream}/groups/{client}/{group}/move", methods: methods{"POST": onGroup((*request).moveGroup)}},
	{path: "/streams/{stream}/define", methods: methods{"POST": onStream((*request).define)}},
	{path: "/streams/{stream}/schema", methods: methods{"GET": onStream((*request).schema)}},
	{path: "/streams/{stream}/schemas", methods: methods{"GET": onStream((*request).schemas)}},
	{path: "/streams/{stream}/schemas/{version}", methods: methods{"GET": onStream((*request).schemaVersion)}},
	{path: "/streams/{stream}/header", methods: methods{
		"GET":    onStream((*request).header),
		"PUT":    onStream((*request).setHeader),
		"DELETE": onStream((*request).clearHeader),
	}},
	{path: "/streams/{stream}/pause", methods: methods{"POST": onStream((*request).pause)}},
	{path: "/streams/{stream}/resume", methods: methods{"POST": onStream((*request).resume)}},
	{path: "/schema-versions-vector", methods: methods{"POST": (*request).versionsVector}},

	{path: "/client", methods: methods{"POST": (*request).createClient}},
	{path: "/client/{client}", methods: methods{
		"PUT":    onClient((*request).rotateSecret),
		"DELETE": onClient((*request).deleteClient),
	}},
	{path: "/client/{client}/jwt-public-key", methods: methods{"PUT": onClient((*request).setPublicKey)}},
	{path: "/clients", methods: methods{"GET": (*request).listClients}},

	{path: "/jails", methods: methods{
		"GET":  (*request).listJails,
		"POST": (*request).createJail,
	}},
	{path: "/jails/{jail}", methods: methods{"DELETE": onJail((*request).deleteJail)}},

	{path: "/backup", methods: methods{"GET": (*request).backup}},
}

// A namedOperation is one on what the path names.
type namedOperation func(q *request, name string) ([]byte, error)

func onStream(do namedOperation) operation {
	return onNamed("stream", protocol.CheckStreamName, do)
}

func onClient(do namedOperation) operation {
	return onNamed("client", protocol.CheckClientID, do)
}

func onJail(do namedOperation) operation {
	return onNamed("jail", protocol.CheckJailID, do)
}

// onNamed refuses names that nothing can have, with the reason. Otherwise
// there would just be nothing of that name.
func onNamed(value string, check func(string) error, do namedOperation) operation {
	return func(q *request) ([]byte, error) {
		name := q.r.PathValue(value)
		if err := check(name); err != nil {
			return nil, err
		}
		return do(q, name)
	}
}

// allow is the value of the Allow header (RFC 9110 §10.2.1).
func (m methods) allow() string {
	list := slices.Collect(maps.Keys(m))
	if m[http.MethodGet] != nil {
		list = append(list, http.MethodHead)
	}
	list = append(list, http.MethodOptions)
	slices.Sort(list)
	return strings.Join(list, ", ")
}
