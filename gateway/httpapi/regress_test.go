package httpapi_test

import (
	"testing"

	"seagate/protocol"
)

// Ages below what a duration can hold were taken for none.
func TestNegativeAgeIsRefused(t *testing.T) {
	s := newServer(t)
	s.define("a")
	for _, age := range []string{"-36028797018963968", "-1e300"} {
		s.refused(protocol.CodeInvalidRequest, call{method: "PUT", path: "/api/v1/streams/a/settings", body: `{"retention":{"age":` + age + `}}`})
	}
}
