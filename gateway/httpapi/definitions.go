package httpapi

import (
	"github.com/go-json-experiment/json/jsontext"

	"seagate/protocol"
	"seagate/schema"
)

// define is POST /streams/{stream}/define. With ?dryRun=true it changes
// nothing, and says what it would change.
func (q *request) define(stream string) ([]byte, error) {
	dryRun, err := q.dryRun()
	if err != nil {
		return nil, err
	}
	definition, err := q.body()
	if err != nil {
		return nil, err
	}
	if dryRun {
		return q.planDefine(stream, definition)
	}
	outcome, err := q.gateway.Define(q.r.Context(), q.principal, stream, definition)
	if err != nil {
		return nil, err
	}
	return outcome.Definition.AppendJSON(nil), nil
}

func (q *request) dryRun() (bool, error) {
	query, wrong := q.query("dryRun")
	text, given := query["dryRun"]
	if given && text != "true" && text != "false" {
		wrong.Add("query", "dryRun must be true or false")
	}
	return text == "true", refusal(&wrong)
}

// planDefine answers {"change":...,"differences":[...],"definition":{...}}.
func (q *request) planDefine(stream string, definition []byte) ([]byte, error) {
	outcome, err := q.gateway.PlanDefine(q.principal, stream, definition)
	if err != nil {
		return nil, err
	}
	differences := make([]string, len(outcome.Differences))
	for i, d := range outcome.Differences {
		differences[i] = d.String()
	}
	return q.encode(protocol.DefinitionPlan{
		Change:      string(outcome.Change),
		Differences: differences,
		Definition:  outcome.Definition.AppendJSON(nil),
	})
}

// schema is GET /streams/{stream}/schema. The Python client makes an object of
// the answer, and breaks on a key that it does not know.
func (q *request) schema(stream string) ([]byte, error) {
	definition, err := q.gateway.Describe(q.principal, stream)
	if err != nil {
		return nil, err
	}
	return definition.AppendJSON(nil), nil
}

// schemas is GET /streams/{stream}/schemas: {"schemas":[...]}, oldest first.
func (q *request) schemas(stream string) ([]byte, error) {
	versions, err := q.gateway.Versions(q.principal, stream)
	if err != nil {
		return nil, err
	}
	return q.encode(struct {
		Schemas []*schema.Definition `json:"schemas"`
	}{versions})
}

// schemaVersion is GET /streams/{stream}/schemas/{version}.
func (q *request) schemaVersion(stream string) ([]byte, error) {
	version := q.r.PathValue("version")
	if _, err := schema.ParseVersionText(version); err != nil {
		return nil, invalidRequest("version", err.Error())
	}
	definition, err := q.gateway.Version(q.principal, stream, version)
	if err != nil {
		return nil, err
	}
	return definition.AppendJSON(nil), nil
}

// versionsVector is POST /schema-versions-vector: {"versionsVector":[...]},
// in the order of "schemaNames", null where there is no such stream.
func (q *request) versionsVector() ([]byte, error) {
	form, err := q.form()
	if err != nil {
		return nil, err
	}
	names := form.names("schemaNames")
	if err := form.err(); err != nil {
		return nil, err
	}
	vector, err := q.gateway.VersionsVector(q.principal, names)
	if err != nil {
		return nil, err
	}
	answer := []byte(`{"versionsVector":[`)
	for i, version := range vector {
		if i > 0 {
			answer = append(answer, ',')
		}
		answer = append(answer, versionOrNull(version)...)
	}
	return append(answer, "]}"...), nil
}

func versionOrNull(v *schema.Version) jsontext.Value {
	if v == nil {
		return jsontext.Value("null")
	}
	return v.AppendJSON(nil)
}
