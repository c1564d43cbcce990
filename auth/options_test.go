package auth_test

import (
	"testing"

	"seagate/auth"
	"seagate/auth/authtest"
)

func TestOpenRefusesOptionsThatAreNotSet(t *testing.T) {
	for name, change := range map[string]func(*auth.Options){
		"jails":                 func(o *auth.Options) { o.MaxJails = 0 },
		"clients":               func(o *auth.Options) { o.MaxClientsPerJail = 0 },
		"no address attempts":   func(o *auth.Options) { o.AddressAttempts = 0 },
		"no client attempts":    func(o *auth.Options) { o.ClientAttempts = 0 },
		"negative attempts":     func(o *auth.Options) { o.ClientAttempts = -1 },
		"too many attempts":     func(o *auth.Options) { o.AddressAttempts = 1e9 + 1 },
		"bytes of filters":      func(o *auth.Options) { o.FilterLimits.Bytes = 0 },
		"depth of filters":      func(o *auth.Options) { o.FilterLimits.Depth = 0 },
		"nodes of filters":      func(o *auth.Options) { o.FilterLimits.Nodes = 0 },
		"everything at once":    func(o *auth.Options) { *o = auth.Options{} },
		"negative client limit": func(o *auth.Options) { o.MaxClientsPerJail = -1 },
	} {
		opts := authtest.Options()
		change(&opts)
		if _, err := auth.Open(t.Context(), newEngine(), opts); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
