package httpapi

import (
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/auth"
	"seagate/gateway"
	"seagate/internal/secret"
	"seagate/protocol"
)

// importBody is the body of POST /import, once checkImport has found nothing.
type importBody struct {
	Jails []struct {
		ID      string  `json:"id"`
		Name    *string `json:"name"`
		Clients []struct {
			ID           string  `json:"id"`
			Description  *string `json:"description"`
			Secret       *string `json:"secret"`
			JWTPublicKey *string `json:"jwtPublicKey"`
		} `json:"clients"`
		Streams []struct {
			Name       string         `json:"name"`
			Definition jsontext.Value `json:"definition"`
		} `json:"streams"`
	} `json:"jails"`
}

// importAll is POST /import?dryRun=&overwrite=&allowShortSecrets=.
func (q *request) importAll() (any, error) {
	// Gateway.Import decides. A client that may not must not have its body read here.
	if err := q.principal.May(auth.ImportAll, ""); err != nil {
		return nil, err
	}
	query := q.query("dryRun", "overwrite", "allowShortSecrets")
	options := auth.ImportOptions{
		DryRun: query.truth("dryRun"), Overwrite: query.truth("overwrite"), AllowShortSecrets: query.truth("allowShortSecrets"),
	}
	if err := query.err(); err != nil {
		return nil, err
	}
	body, err := q.body()
	if err != nil {
		return nil, err
	}
	jails, err := readImport(body, q.depth)
	if err != nil {
		return nil, err
	}
	return q.gateway.Import(q.r.Context(), q.principal, jails, options)
}

func readImport(body []byte, depth int) ([]gateway.ImportedJail, error) {
	f, err := readForm(body, depth)
	if err != nil {
		return nil, err
	}
	checkImport(f)
	if err := f.err(); err != nil {
		return nil, err
	}
	var read importBody
	if err := json.Unmarshal(body, &read); err != nil {
		return nil, protocol.Errorf(protocol.CodeMalformedJSON, "the body: %s", protocol.DescribeJSON(err))
	}
	return read.jails(), nil
}

// checkImport adds a problem for each member that is not as importBody has it.
func checkImport(f *form) {
	f.only("jails")
	f.objects("jails", func(f *form) {
		f.only("id", "name", "clients", "streams")
		f.text("id")
		f.optionalText("name")
		f.objects("clients", func(f *form) {
			f.only("id", "description", "secret", "jwtPublicKey")
			f.text("id")
			f.optionalText("description")
			f.optionalText("secret")
			f.optionalText("jwtPublicKey")
		})
		f.objects("streams", func(f *form) {
			f.only("name", "definition")
			f.text("name")
			if _, ok := f.members["definition"].(map[string]any); !ok {
				f.Add("definition", "must be an object")
			}
		})
	})
	if f.members["jails"] == nil {
		f.Add("jails", mustBeThere)
	}
}

// objects calls read with each element of the member, a list of objects, and adds the problems. The
// member may be missing or null.
func (f *form) objects(name string, read func(*form)) {
	for i, item := range optional[[]any](f, name, "must be a list of objects") {
		place := fmt.Sprintf("%s[%d]", name, i)
		members, ok := item.(map[string]any)
		if !ok {
			f.Add(place, "must be an object")
			continue
		}
		inner := &form{members: members}
		read(inner)
		for _, problem := range inner.Kept() {
			f.Add(place+"."+problem.Place, problem.Message)
		}
		f.Skip(inner.More())
	}
}

func (b *importBody) jails() (jails []gateway.ImportedJail) {
	for _, j := range b.Jails {
		next := gateway.ImportedJail{ImportedJail: auth.ImportedJail{ID: j.ID, Name: orEmpty(j.Name)}}
		for _, c := range j.Clients {
			next.Clients = append(next.Clients, auth.ImportedClient{
				ID: c.ID, Description: orEmpty(c.Description), Secret: secret.New(orEmpty(c.Secret)), PublicKey: orEmpty(c.JWTPublicKey),
			})
		}
		for _, s := range j.Streams {
			next.Streams = append(next.Streams, gateway.ImportedStream{Name: s.Name, Definition: s.Definition})
		}
		jails = append(jails, next)
	}
	return jails
}

func orEmpty(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
