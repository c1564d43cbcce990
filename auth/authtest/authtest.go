// Package authtest opens directories for tests.
package authtest

import (
	"net/netip"
	"testing"

	"seagate/auth"
	"seagate/auth/fdsl"
	"seagate/internal/secret"
	"seagate/storage"
)

// Options returns limits that a test does not reach by accident. A test changes those that it is
// about.
func Options() auth.Options {
	return auth.Options{
		MaxJails:          10_000,
		MaxClientsPerJail: 10_000,
		AddressAttempts:   300,
		ClientAttempts:    300,
		MaxRevokedTokens:  1000,
		FilterLimits:      fdsl.Limits{Bytes: 16 << 10, Depth: 32, Nodes: 512},
	}
}

// Open opens a directory, or ends the test.
func Open(t testing.TB, records storage.Records, opts auth.Options) *auth.Directory {
	t.Helper()
	d, err := auth.Open(t.Context(), records, opts)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// NewRoot creates the root client and returns its secret, or ends the test if the root jail has a
// client.
func NewRoot(t testing.TB, d *auth.Directory, clientID string) secret.Text {
	t.Helper()
	s := auth.NewSecret()
	if created, err := d.EnsureRoot(t.Context(), clientID, s.Reveal()); err != nil || !created {
		t.Fatalf("root client created: %t, %v", created, err)
	}
	return s
}

// LogIn returns the principal of a client's secret, or ends the test.
func LogIn(t testing.TB, d *auth.Directory, clientID string, s secret.Text) *auth.Principal {
	t.Helper()
	p, err := d.Basic(clientID, s.Reveal(), netip.MustParseAddr("192.0.2.1"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}
