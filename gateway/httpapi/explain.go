package httpapi

import (
	"github.com/go-json-experiment/json/jsontext"

	"seagate/gateway"
	"seagate/internal/jsonscan"
	"seagate/internal/secret"
	"seagate/protocol"
)

// explain is GET /streams/{stream}/messages/{seq}/explain?client=&group=&epoch=.
func (q *request) explain() (any, error) {
	query := q.query("client", "group", "epoch")
	about := gateway.ExplainQuery{Stream: q.stream(), Seq: q.seq(), Client: query.values["client"]}
	if text, given := query.values["client"]; given && protocol.CheckClientID(text) != nil {
		query.Add("query", "client is not the id of a client")
	}
	if text, given := query.values["group"]; given {
		about.Group, about.HasGroup = readGroup(&query.refusal, "query", text)
	}
	if epoch, given := query.values["epoch"]; given {
		if problem := epochProblem(epoch); problem != "" {
			query.Add("query", "epoch "+problem)
		}
		about.Epoch = epoch
	}
	if err := query.err(); err != nil {
		return nil, err
	}
	return q.gateway.Explain(q.r.Context(), q.principal, about)
}

// readGroup reads the id of a group, or "ungrouped" for that of subscriptions that name none.
func readGroup(r *refusal, place, text string) (group string, ok bool) {
	if text == protocol.Ungrouped {
		return "", true
	}
	group, err := protocol.ParseGroupName(text)
	if err != nil {
		r.Add(place, "group must be a UUID, or "+protocol.Ungrouped)
	}
	return group, err == nil
}

// explainTo is POST /streams/{stream}/messages/{seq}/explain. The body is
// {"clientId":...,"groupId":...,"token":...,"epoch":...}, each of them optional. A token is in the
// body since an address is logged.
func (q *request) explainTo() (any, error) {
	var about gateway.ExplainQuery
	err := q.readForm(func(f *form) {
		f.only("clientId", "groupId", "token", "epoch")
		about = f.recipient()
		about.Epoch = f.epoch("epoch")
	})
	if err != nil {
		return nil, err
	}
	about.Stream, about.Seq = q.stream(), q.seq()
	return q.gateway.Explain(q.r.Context(), q.principal, about)
}

// recipient returns the recipient that the members of the body name.
func (f *form) recipient() (about gateway.ExplainQuery) {
	about.Client = f.optionalText("clientId")
	if about.Client != "" && protocol.CheckClientID(about.Client) != nil {
		f.Add("clientId", "is not the id of a client")
	}
	about.Token = secret.New(f.optionalText("token"))
	if group := f.optionalText("groupId"); group != "" {
		about.Group, about.HasGroup = readGroup(&f.refusal, "groupId", group)
	}
	return about
}

// Recipients that a dry run lists: by default, and at most.
const (
	defaultRecipients = 20
	maxRecipients     = 100
)

// explainPublish is POST /streams/{stream}/explain. The body is {"payload":message}, with who the
// question is about, as for explainTo, and with "limit", how many recipients are listed.
func (q *request) explainPublish() (any, error) {
	body, err := q.body()
	if err != nil {
		return nil, err
	}
	payload, rest, err := q.splitPayload(body)
	if err != nil {
		return nil, err
	}
	f := &form{members: rest}
	f.only("payload", "clientId", "groupId", "token", "limit")
	about, limit := f.recipient(), defaultRecipients
	if payload == nil {
		f.Add("payload", mustBeThere)
	}
	if n := f.count("limit"); n != nil {
		if limit = int(min(*n, maxRecipients+1)); limit > maxRecipients {
			f.Addf("limit", "must be at most %d", maxRecipients)
		}
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	about.Stream = q.stream()
	return q.gateway.ExplainPublish(q.r.Context(), q.principal, about, payload, limit)
}

// splitPayload returns the other members of an object decoded, and its payload as it is, since
// problems of the payload are a part of the answer.
func (q *request) splitPayload(body []byte) (payload jsontext.Value, rest map[string]any, err error) {
	others := []byte{'{'}
	_, err = jsonscan.Object(body, q.bodyDepth(), func(quoted, value jsontext.Value) {
		if name, _ := jsonscan.Text(quoted); string(name) == "payload" && payload == nil {
			payload = value
			return
		}
		if len(others) > 1 {
			others = append(others, ',')
		}
		others = append(append(append(others, quoted...), ':'), value...)
	})
	if err != nil {
		if _, err := readJSON(body, q.bodyDepth()); err != nil {
			return nil, nil, err
		}
		return nil, nil, invalidRequest("body", "must be an object")
	}
	decoded, err := readJSON(append(others, '}'), q.depth)
	if err != nil {
		return nil, nil, err
	}
	rest, ok := decoded.(map[string]any)
	if _, twice := rest["payload"]; !ok || twice {
		return nil, nil, invalidRequest("payload", "must be there once")
	}
	return payload, rest, nil
}
