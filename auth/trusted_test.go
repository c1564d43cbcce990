package auth_test

import (
	"testing"

	"seagate/auth"
)

func TestTrusted(t *testing.T) {
	d := openNew(t, unlimited)
	a, _ := newJail(t, d, "a", "of-a")
	b, _ := newJail(t, d, "b", "of-b")
	newClient(t, d, a.UID, "both")
	newClient(t, d, b.UID, "both")
	for _, test := range []struct {
		client, jail string
		uid          string
		err          error
	}{
		{"of-a", "", a.UID, nil},
		{"of-a", "a", a.UID, nil},
		{"of-a", "b", "", auth.ErrClientNotFound},
		{"nobody", "", "", auth.ErrClientNotFound},
		{"both", "", "", auth.ErrSeveralClients},
		{"both", "b", b.UID, nil},
		{"both", "c", "", auth.ErrClientNotFound},
	} {
		p, err := d.Trusted(test.client, test.jail)
		wantErr(t, err, test.err)
		if err == nil && (p.JailUID != test.uid || p.ClientID != test.client || !p.Current() || p.May(auth.Publish, "boiler") != nil) {
			t.Errorf("%+v: %+v", test, p)
		}
	}
	p, err := d.Trusted("of-a", "")
	wantErr(t, err, nil)
	if _, err := d.DeleteClient(t.Context(), a.UID, "of-a"); err != nil {
		t.Fatal(err)
	}
	if p.Current() {
		t.Error("the principal of a deleted client is current")
	}
}
