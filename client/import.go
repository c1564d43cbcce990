package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/protocol"
)

// ImportOptions change what Import accepts.
type ImportOptions struct {
	DryRun            bool // check everything, and change nothing
	Overwrite         bool // replace what differs; otherwise a difference is a problem
	AllowShortSecrets bool // accept secrets of fewer than 16 characters
}

// Imported is what an import has changed, or would change.
type Imported = protocol.Imported

// Import makes jails, clients with their secrets, and streams, as the document says: see
// docs/migration.md. It makes nothing if anything in the document is wrong. After another error
// call it again: it makes what is missing. Only clients of the root jail can import.
func (c *Client) Import(ctx context.Context, document jsontext.Value, o ImportOptions) (Imported, error) {
	var answer Imported
	err := c.do(ctx, request{
		doing: "import", method: http.MethodPost, path: []string{"import"}, body: document,
		query: url.Values{
			"dryRun": {strconv.FormatBool(o.DryRun)}, "overwrite": {strconv.FormatBool(o.Overwrite)},
			"allowShortSecrets": {strconv.FormatBool(o.AllowShortSecrets)},
		},
	}, &answer)
	return answer, err
}
