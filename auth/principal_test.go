package auth_test

import (
	"errors"
	"strings"
	"testing"

	"seagate/auth"
)

func TestMay(t *testing.T) {
	const all = "subscribe,publish,provide streams,define schemas,read schemas,list streams,administer streams,serve,fetch,signal,describe services,list services,define services,manage clients,"
	const connections = "list connections,end connections,"
	for _, c := range []struct {
		name string
		p    auth.Principal
		may  string
	}{
		{"client", auth.Principal{Method: auth.MethodBasic}, all + connections + "evaluate filters,ask what happened to messages,ask what happened to messages for other clients,"},
		{"root client", auth.Principal{Method: auth.MethodBasic, Root: true}, all + "manage jails,back up the server,import jails and clients," + connections + "inspect the server,evaluate filters,ask what happened to messages,ask what happened to messages for other clients,"},
		{"bearer", auth.Principal{Method: auth.MethodToken}, "subscribe,"},
		{"bearer that may fetch", auth.Principal{Method: auth.MethodToken, Fetches: []auth.FetchGrant{{Service: "pricing"}}}, "subscribe,fetch,"},
		{"bearer of a root client's token", auth.Principal{Method: auth.MethodToken, Root: true}, "subscribe,"},
		{"not authenticated", auth.Principal{Root: true}, ""},
		{"unknown method", auth.Principal{Method: 99, Root: true}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var may strings.Builder
			for a := range auth.ExplainOthers + 2 { // one below the first, one above the last
				err := c.p.May(a, "boiler")
				if err == nil {
					may.WriteString(a.String() + ",")
					continue
				}
				var forbidden *auth.ForbiddenError
				if !errors.Is(err, auth.ErrForbidden) || !errors.As(err, &forbidden) || forbidden.Action != a || forbidden.Why == "" || !strings.Contains(err.Error(), a.String()) {
					t.Fatalf("%s: error %v", a, err)
				}
			}
			if may.String() != c.may {
				t.Fatalf("may\n%s, want\n%s", may.String(), c.may)
			}
		})
	}
}

func TestUnauthenticatedPrincipalIsNotCurrent(t *testing.T) {
	p := auth.Principal{JailID: "root", Method: auth.MethodBasic, Root: true}
	if p.Current() {
		t.Fatal("current")
	}
}
