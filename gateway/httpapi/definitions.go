package httpapi

import (
	"github.com/go-json-experiment/json/jsontext"

	"seagate/protocol"
	"seagate/schema"
)

// define is POST /streams/{stream}/define. With ?dryRun=true it returns what
// would change, and changes nothing.
func (q *request) define() (any, error) {
	definition, dryRun, err := q.definition()
	if err != nil {
		return nil, err
	}
	if dryRun {
		return q.planDefine(definition)
	}
	outcome, err := q.gateway.Define(q.r.Context(), q.principal, q.stream(), definition)
	return outcome.Definition, err
}

// definition reads a definition, and whether it is only to be planned.
func (q *request) definition() (body []byte, dryRun bool, err error) {
	if dryRun, err = q.dryRun(); err != nil {
		return nil, false, err
	}
	body, err = q.body()
	return body, dryRun, err
}

func (q *request) dryRun() (bool, error) {
	query := q.query("dryRun")
	dryRun := query.truth("dryRun")
	return dryRun, query.err()
}

func (q *request) planDefine(definition []byte) (any, error) {
	outcome, err := q.gateway.PlanDefine(q.r.Context(), q.principal, q.stream(), definition)
	return streamPlan(outcome), err
}

// streamPlan is {"change":...,"differences":[...],"breaking":[...],"definition":{...}}, nil if
// there is an error.
func streamPlan(outcome schema.Outcome) *protocol.DefinitionPlan {
	plan := planView(outcome, func(b []byte, d *schema.Definition) []byte { return d.AppendJSON(b) })
	if plan == nil {
		return nil
	}
	_, plan.Breaking = differenceLines(outcome.Differences)
	return plan
}

// planView is {"change":...,"differences":[...],"definition":{...}}.
func planView(outcome schema.Outcome, appendTo func([]byte, *schema.Definition) []byte) *protocol.DefinitionPlan {
	if outcome.Definition == nil { // there is an error
		return nil
	}
	differences, _ := differenceLines(outcome.Differences)
	return &protocol.DefinitionPlan{
		Change:      string(outcome.Change),
		Differences: differences,
		Definition:  appendTo(nil, outcome.Definition),
	}
}

// getSchema is GET /streams/{stream}/schema. The Python client fails on a key that
// it does not know, so what extensions add is only in the answers of schemas.
func (q *request) getSchema() (any, error) {
	definition, err := q.gateway.Describe(q.principal, q.stream())
	if err != nil {
		return nil, err
	}
	return definition.AppendThreeKeys(nil), nil
}

// getSchemas is GET /streams/{stream}/schemas: {"schemas":[...]}, oldest first.
func (q *request) getSchemas() (any, error) {
	versions, err := q.gateway.Versions(q.principal, q.stream())
	return struct {
		Schemas []*schema.Definition `json:"schemas"`
	}{versions}, err
}

// currentVersion stands for the version in force.
const currentVersion = "current"

// getSchemaVersion is GET /streams/{stream}/schemas/{version}.
func (q *request) getSchemaVersion() (any, error) {
	version := q.r.PathValue("version")
	if version == currentVersion {
		return q.gateway.Describe(q.principal, q.stream())
	}
	return q.gateway.Version(q.principal, q.stream(), version)
}

// compareSchemas is GET /streams/{stream}/schemas/{version}/changes?since=.
func (q *request) compareSchemas() (any, error) {
	query := q.query("since")
	since, given := query.values["since"]
	if !given {
		query.Add("query", "since is missing: the version to compare with")
	}
	if err := query.err(); err != nil {
		return nil, err
	}
	versions := []string{since, q.r.PathValue("version")}
	for i, version := range versions {
		if version == currentVersion {
			current, err := q.gateway.Describe(q.principal, q.stream())
			if err != nil {
				return nil, err
			}
			versions[i] = current.Version.String()
		}
	}
	c, err := q.gateway.Compare(q.r.Context(), q.principal, q.stream(), versions[0], versions[1])
	if err != nil {
		return nil, err
	}
	differences, breaking := differenceLines(c.Differences)
	return protocol.SchemaChanges{
		Since: c.Old.Version.AppendJSON(nil), Version: c.New.Version.AppendJSON(nil),
		Compatible: len(breaking) == 0, Differences: differences, Breaking: breaking,
	}, nil
}

// differenceLines returns differences as lines, and those of them that break. Neither is nil.
func differenceLines(differences []schema.Difference) (all, breaking []string) {
	all, breaking = make([]string, len(differences)), []string{}
	for i, d := range differences {
		all[i] = d.String()
		if d.Breaks {
			breaking = append(breaking, all[i])
		}
	}
	return all, breaking
}

// versionsVector is POST /schema-versions-vector: {"versionsVector":[...]}, in
// the order of "schemaNames", with null for a stream that does not exist.
func (q *request) versionsVector() (any, error) {
	var names []string
	if err := q.readForm(func(f *form) { names = f.names("schemaNames") }); err != nil {
		return nil, err
	}
	versions, err := q.gateway.VersionsVector(q.principal, names)
	return struct {
		Versions []*schema.Version `json:"versionsVector"`
	}{versions}, err
}

func versionOrNull(v *schema.Version) jsontext.Value {
	if v == nil {
		return jsontext.Value("null")
	}
	return v.AppendJSON(nil)
}

// Messages that a trial looks at: by default, and at most.
const (
	defaultTrial = 100
	maxTrial     = 1000
)

// trySchema is POST /streams/{stream}/schemas/trial?last=. The body is a definition.
func (q *request) trySchema() (any, error) {
	query := q.query("last")
	last := query.number("last", defaultTrial, 1, maxTrial)
	if err := query.err(); err != nil {
		return nil, err
	}
	definition, err := q.body()
	if err != nil {
		return nil, err
	}
	t, err := q.gateway.TrySchema(q.r.Context(), q.principal, q.stream(), definition, last)
	if err != nil {
		return nil, err
	}
	view := protocol.SchemaTrial{
		Messages: t.Messages, Refused: t.Refused, FirstSeq: t.First, LastSeq: t.Last,
		Stopped: protocol.Nullable(t.Stopped), Problems: make([]protocol.TrialProblem, len(t.Problems)),
	}
	if t.Refusal != nil {
		view.Refusal = &protocol.TrialRefusal{Code: t.Refusal.Code, Message: t.Refusal.Message, Errors: t.Refusal.Errors}
	} else {
		view.Plan = streamPlan(t.Outcome)
	}
	for i, problem := range t.Problems {
		view.Problems[i] = protocol.TrialProblem{
			Seq: problem.Message.Seq, Time: problem.Message.Time.UTC(), Message: problem.Refusal.Message, Errors: problem.Refusal.Errors,
		}
	}
	return view, nil
}
