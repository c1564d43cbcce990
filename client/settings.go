package client

import (
	"context"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// StreamSettings returns the stream's settings.
func (c *Client) StreamSettings(ctx context.Context, stream string) (AppliedSettings, error) {
	var answer AppliedSettings
	err := c.onStream(ctx, "read the settings of", http.MethodGet, stream, "settings", nil, &answer)
	return answer, err
}

// SetStreamSettings replaces all settings of the stream, and returns what
// applies afterwards. To change one setting, begin with Set of StreamSettings.
// The code to expect is durability_fixed.
func (c *Client) SetStreamSettings(ctx context.Context, stream string, set StreamSettings) (AppliedSettings, error) {
	var answer AppliedSettings
	body, err := json.Marshal(set, json.OmitZeroStructFields(true))
	if err != nil {
		return answer, fmt.Errorf("client: change the settings of %q: %w", stream, err)
	}
	err = c.onStream(ctx, "change the settings of", http.MethodPut, stream, "settings", jsontext.Value(body), &answer)
	return answer, err
}
