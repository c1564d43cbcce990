package gateway

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/auth"
	"seagate/auth/fdsl"
	"seagate/internal/jsonpath"
	"seagate/internal/secret"
	"seagate/protocol"
)

// A FilterQuestion asks what a filter, or a token with its filter, means for a message.
type FilterQuestion struct {
	Stream  string
	Message jsontext.Value // it need not match the definition of the stream; nil for none, with a token

	Filter jsontext.Value // the tree; nil if there is a token

	ClientID string // of the client that signed the token
	Token    secret.Text
}

// evaluatedSteps bounds an evaluation if Settings.FilterSteps is 0.
const evaluatedSteps = 1_000_000

// EvaluateFilter says what a filter yields for a message, node by node. It uses the evaluator that
// decides about deliveries. If the question has a token, it also says whether the token would be
// accepted now, and why not. A client may ask about its own tokens; a principal that manages
// clients may ask about those of all clients of the jail. The call counts as a change, since it can
// be much work.
func (g *Gateway) EvaluateFilter(ctx context.Context, p *auth.Principal, q FilterQuestion) (trial protocol.FilterTrial, err error) {
	action := auth.EvaluateFilters
	if q.Filter == nil && q.ClientID != p.ClientID {
		action = auth.ManageClients
	}
	if err := g.authorize(p, action, ""); err != nil {
		return protocol.FilterTrial{}, err
	}
	if err := g.spendChange(p); err != nil {
		return protocol.FilterTrial{}, err
	}
	err = g.computing(ctx, "evaluate the filter", p, func() (err error) {
		if q.Filter == nil {
			trial, err = g.evaluateToken(p, q)
		} else {
			trial.Filter, err = g.evaluate(q.Filter, q)
		}
		return err
	})
	return trial, err
}

// evaluate explains a tree. Without a message it only checks that the tree is a filter.
func (g *Gateway) evaluate(filter jsontext.Value, q FilterQuestion) (*protocol.FilterExplanation, error) {
	tree, err := g.Directory.ParseFilter(filter)
	if err != nil || q.Message == nil {
		return nil, filterRefusal(err)
	}
	var document jsonpath.Document
	if !jsonpath.SetOf(tree.Paths()).Read(q.Message, &document) {
		var whole any
		err := json.Unmarshal(q.Message, &whole) // which can say why
		return nil, protocol.Errorf(protocol.CodeMalformedJSON, "the message cannot be read as JSON: %v", err)
	}
	return filterView(tree.Explain(document.Value, q.Stream, cmp.Or(g.settings.FilterSteps, evaluatedSteps))), nil
}

// filterRefusal returns the refusal of a tree that is not a filter, and other errors as they are.
func filterRefusal(err error) error {
	if refused, ok := errors.AsType[*fdsl.Error](err); ok {
		return protocol.Listed(protocol.CodeInvalidRequest, "the filter is not valid", filterProblems(refused))
	}
	return err
}

// filterProblems returns what is wrong with a tree, each with its place.
func filterProblems(refused *fdsl.Error) []string {
	lines := make([]string, len(refused.Problems))
	for i, problem := range refused.Problems {
		lines[i] = "filter" + problem.Place + ": " + problem.Message
	}
	if refused.More {
		lines = append(lines, "and more")
	}
	return lines
}

func (g *Gateway) evaluateToken(p *auth.Principal, q FilterQuestion) (protocol.FilterTrial, error) {
	if _, err := g.Directory.Client(p.JailUID, q.ClientID); err != nil {
		return protocol.FilterTrial{}, attempted("evaluate the token", err)
	}
	token := &protocol.TokenTrial{}
	said := readSegments(q.Token.Reveal(), token)
	g.judgeToken(p, q, token)
	trial := protocol.FilterTrial{Token: token}
	if said.Filter == nil {
		return trial, nil
	}
	explained, err := g.evaluate(said.Filter, q)
	refusal, refused := errors.AsType[*protocol.Error](err)
	if refused && refusal.Code == protocol.CodeInvalidRequest {
		token.FilterErrors, err = problemsOf(refusal), nil
	}
	trial.Filter = explained
	return trial, err
}

// judgeToken says whether the gateway would accept the token, and whether its bearer may read the
// stream.
func (g *Gateway) judgeToken(p *auth.Principal, q FilterQuestion, t *protocol.TokenTrial) {
	bearer, _, refusal := g.Directory.ExplainToken(q.ClientID, q.Token.Reveal(), p.JailID)
	if refusal != nil {
		t.Reason = string(refusal.Reason)
		if _, listed := errors.AsType[*fdsl.Error](refusal.Cause); !listed { // in FilterErrors
			t.Reason = refusal.Explain()
		}
		return
	}
	t.Valid = true
	expires := bearer.Expires.UTC()
	t.Expires = &expires
	if q.Stream == "" {
		return
	}
	err := bearer.May(auth.Subscribe, q.Stream)
	may := err == nil
	t.MayRead = &may
	if err != nil {
		t.Reason = err.Error()
	}
}

// tokenSegments is what an evaluation needs of the claims.
type tokenSegments struct {
	Filter jsontext.Value `json:"filter"`
}

// readSegments notes what the token says, whether or not its signature is right.
func readSegments(token string, t *protocol.TokenTrial) (said tokenSegments) {
	if len(token) > auth.MaxToken {
		return said
	}
	parts := strings.Split(token, ".")
	for i, to := range []*jsontext.Value{&t.Header, &t.Claims} {
		if i >= len(parts) {
			break
		}
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if value := jsontext.Value(raw); err == nil && value.IsValid() {
			*to = value
		}
	}
	if t.Claims != nil {
		_ = json.Unmarshal(t.Claims, &said) // what is wrong with them is the reason of the refusal
	}
	return said
}
