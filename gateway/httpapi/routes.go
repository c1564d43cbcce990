package httpapi

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"seagate/protocol"
	"seagate/schema"
)

// base begins all paths of the API.
const base = "/api/v1"

// A route is a path and its operations.
type route struct {
	path    string // a pattern of http.ServeMux, below base
	methods methods
	public  bool // needs no credentials

	anyOrigin bool // is for all pages, whatever Options.Origins says
}

// methods are the operations by HTTP method. HEAD is served as GET.
type methods map[string]operation

// routes are all routes. Deployed clients use the paths with a singular noun.
var routes = []route{
	{path: "", methods: methods{"GET": (*request).index}, public: true},

	{path: "/openapi.json", methods: methods{"GET": (*request).getOpenAPI}, public: true},
	{path: "/asyncapi.json", methods: methods{"GET": (*request).getAsyncAPI}, public: true},
	{path: "/errors", methods: methods{"GET": (*request).listErrors}, public: true},
	{path: "/errors/{code}", methods: methods{"GET": (*request).getError}, public: true},

	{path: "/whoami", methods: methods{"GET": (*request).whoami}},

	{path: "/streams", methods: methods{"GET": (*request).listStreams}},
	{path: "/streams/{stream}", methods: methods{
		"GET":    (*request).getStream,
		"DELETE": (*request).deleteStream,
	}},
	{path: publishPath, methods: methods{"POST": (*request).publish}},
	{path: "/streams/{stream}/messages", methods: methods{"GET": (*request).readMessages}},
	{path: "/streams/{stream}/messages/{seq}/publish", methods: methods{"POST": (*request).publishAgain}},
	{path: "/streams/{stream}/messages/{seq}/explain", methods: methods{
		"GET":  (*request).explain,
		"POST": (*request).explainTo,
	}},
	{path: "/streams/{stream}/explain", methods: methods{"POST": (*request).explainPublish}},
	{path: "/streams/{stream}/settings", methods: methods{
		"GET": (*request).getSettings,
		"PUT": (*request).setSettings,
	}},
	{path: "/streams/{stream}/groups", methods: methods{"GET": (*request).listGroups}},
	{path: "/streams/{stream}/groups/{client}/{group}", methods: methods{
		"GET":    (*request).getGroup,
		"DELETE": (*request).deleteGroup,
	}},
	{path: "/streams/{stream}/groups/{client}/{group}/move", methods: methods{"POST": (*request).moveGroup}},
	{path: "/streams/{stream}/define", methods: methods{"POST": (*request).define}},
	{path: "/streams/{stream}/schema", methods: methods{"GET": (*request).getSchema}},
	{path: "/streams/{stream}/schemas", methods: methods{"GET": (*request).getSchemas}},
	{path: "/streams/{stream}/schemas/trial", methods: methods{"POST": (*request).trySchema}},
	{path: "/streams/{stream}/schemas/{version}", methods: methods{"GET": (*request).getSchemaVersion}},
	{path: "/streams/{stream}/schemas/{version}/changes", methods: methods{"GET": (*request).compareSchemas}},
	{path: "/streams/{stream}/header", methods: methods{
		"GET":    (*request).getHeader,
		"PUT":    (*request).setHeader,
		"DELETE": (*request).clearHeader,
	}},
	{path: "/streams/{stream}/pause", methods: methods{"POST": (*request).pause}},
	{path: "/streams/{stream}/resume", methods: methods{"POST": (*request).resume}},
	{path: "/schema-versions-vector", methods: methods{"POST": (*request).versionsVector}},

	{path: "/client", methods: methods{"POST": (*request).createClient}},
	{path: "/client/{client}", methods: methods{
		"PUT":    (*request).rotateSecret,
		"DELETE": (*request).deleteClient,
	}},
	{path: "/client/{client}/rights", methods: methods{"PUT": (*request).setRights}},
	{path: "/client/{client}/jwt-public-key", methods: methods{"PUT": (*request).setPublicKey}},
	{path: "/client/{client}/keys", methods: methods{
		"GET": (*request).getKeys,
		"PUT": (*request).setKeys,
	}},
	{path: "/client/{client}/keys/{key}", methods: methods{
		"PUT":    (*request).addKey,
		"DELETE": (*request).endKey,
	}},
	{path: "/client/{client}/token-rules", methods: methods{"PUT": (*request).setTokenRules}},
	{path: "/client/{client}/revoked-tokens", methods: methods{"POST": (*request).revokeToken}},
	{path: "/clients", methods: methods{"GET": (*request).listClients}},

	{path: "/jails", methods: methods{
		"GET":  (*request).listJails,
		"POST": (*request).createJail,
	}},
	{path: "/jails/{jail}", methods: methods{"DELETE": (*request).deleteJail}},
	{path: "/jails/{jail}/quotas", methods: methods{
		"GET": (*request).getQuotas,
		"PUT": (*request).setQuotas,
	}},
	{path: "/quotas", methods: methods{"GET": (*request).getQuotas}},

	{path: "/services", methods: methods{"GET": (*request).listServices}},
	// A definition has no path of two segments below /services: each of those is a
	// procedure, whatever its name is.
	{path: "/services/{service}", methods: methods{
		"GET":    (*request).getService,
		"PUT":    (*request).defineService,
		"DELETE": (*request).deleteServiceDefinition,
	}},
	{path: "/services/{service}/schemas/{version}", methods: methods{"GET": (*request).getServiceVersion}},
	{path: "/services/{service}/{procedure}", methods: methods{"POST": (*request).call}},

	{path: "/connections", methods: methods{"GET": (*request).listConnections}},
	{path: "/connections/{connection}", methods: methods{
		"GET":    (*request).getConnection,
		"DELETE": (*request).endConnection,
	}},

	{path: "/filters/evaluate", methods: methods{"POST": (*request).evaluateFilter}},
	{path: "/network", methods: methods{"GET": (*request).getNetwork}},
	{path: "/config", methods: methods{"GET": (*request).getConfig}},
	{path: "/logs", methods: methods{"GET": (*request).getLogs}},

	{path: "/import", methods: methods{"POST": (*request).importAll}},

	{path: "/backup", methods: methods{"GET": (*request).backup}},
}

// A pathName is a name in a path and its check. Without the check the answer to
// a name that nothing can have would only be that there is nothing of this name.
type pathName struct {
	wildcard string // of the pattern
	check    func(string) error
}

// pathNames are checked in this order, after authentication.
var pathNames = []pathName{
	{"stream", protocol.CheckStreamName},
	{"client", protocol.CheckClientID},
	{"jail", protocol.CheckJailID},
	{"group", checkGroup},
	{"version", checkVersion},
	{"seq", checkSeq},
	{"service", protocol.CheckServiceName},
	{"procedure", protocol.CheckProcedureName},
	{"code", checkCode},
}

func checkVersion(text string) error {
	if text == currentVersion {
		return nil
	}
	if _, err := schema.ParseVersionText(text); err != nil {
		return invalidRequest("version", err.Error())
	}
	return nil
}

// checkGroup accepts a UUID in any case, or "ungrouped".
func checkGroup(text string) error {
	if _, err := protocol.ParseGroupName(text); err != nil && text != protocol.Ungrouped {
		return invalidRequest("group", "must be a UUID, or "+protocol.Ungrouped)
	}
	return nil
}

// pathValue returns the part of the path at a wildcard of the pattern, or "".
func (q *request) pathValue(wildcard string) string {
	if q.published != "" && wildcard == "stream" {
		return q.published
	}
	return q.r.PathValue(wildcard)
}

// publishPath is the path below base of a publish.
const publishPath = "/streams/{stream}/publish"

// The names in the path. Those that the pattern does not have are "".
func (q *request) stream() string { return q.pathValue("stream") }
func (q *request) client() string { return q.r.PathValue("client") }
func (q *request) jail() string   { return q.r.PathValue("jail") }

// seq returns the number of the message in the path.
func (q *request) seq() uint64 {
	n, _ := strconv.ParseUint(q.r.PathValue("seq"), 10, 64) // checkSeq has accepted it
	return n
}

// group returns the id of the group in the path, in lower case as in a
// subscribe request, or "" for the group without an id.
func (q *request) group() string {
	id, err := protocol.ParseGroupName(q.r.PathValue("group"))
	if err != nil {
		return "" // it is "ungrouped"
	}
	return id
}

// allow returns the value of the Allow header (RFC 9110 §10.2.1).
func (m methods) allow() string {
	list := slices.Collect(maps.Keys(m))
	if m[http.MethodGet] != nil {
		list = append(list, http.MethodHead)
	}
	list = append(list, http.MethodOptions)
	slices.Sort(list)
	return strings.Join(list, ", ")
}
