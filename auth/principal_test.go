package auth_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"seagate/auth"
)

func TestMay(t *testing.T) {
	const all = "subscribe,unsubscribe,publish,define schemas,read schemas,list streams,administer streams,manage clients,"
	for _, c := range []struct {
		name string
		p    auth.Principal
		may  string
	}{
		{"client", auth.Principal{Method: auth.MethodBasic}, all},
		{"root client", auth.Principal{Method: auth.MethodBasic, Root: true}, all + "manage jails,back up the server,"},
		{"bearer", auth.Principal{Method: auth.MethodToken}, "subscribe,unsubscribe,"},
		{"bearer of a root client's token", auth.Principal{Method: auth.MethodToken, Root: true}, "subscribe,unsubscribe,"},
		{"nobody", auth.Principal{Root: true}, ""},
		{"unheard-of method", auth.Principal{Method: 99, Root: true}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var may strings.Builder
			for a := range auth.BackUp + 2 { // one below the first, one above the last
				err := c.p.May(a)
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

func TestNobodyIsCurrent(t *testing.T) {
	d := openNew(t, unlimited)
	if d.Current(&auth.Principal{JailID: "root", Method: auth.MethodBasic, Root: true}) {
		t.Fatal("a principal that nobody authenticated is current")
	}
}

func TestPrincipalInTheLog(t *testing.T) {
	var log bytes.Buffer
	p := &auth.Principal{JailID: "a", ClientID: "backend", Method: auth.MethodToken}
	slog.New(slog.NewTextHandler(&log, nil)).Info("in", "who", p)
	if !strings.Contains(log.String(), "who.jail=a who.client=backend who.method=jwt") {
		t.Fatal(log.String())
	}
	if got := auth.MethodBasic.String() + auth.Method(0).String(); got != "basicnone" {
		t.Fatal(got)
	}
}
