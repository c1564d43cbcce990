package client

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// What is wrong with a payload is said in words of JSON, not of Go.
func TestAPayloadThatIsNotJSON(t *testing.T) {
	_, err := marshal(jsontext.Value("working"))
	if want := "the payload is not JSON: invalid character 'w' at start of value"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
