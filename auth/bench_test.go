package auth_test

import (
	"testing"

	"seagate/auth"
	"seagate/auth/authtest"
)

func BenchmarkBasic(b *testing.B) {
	d := openNew(b, authtest.Options())
	_, secret := newJail(b, d, "a", "backend")
	if _, err := d.EnsureRoot(b.Context(), "ops", chosen); err != nil {
		b.Fatal(err)
	}
	for name, c := range map[string]struct{ id, secret string }{
		"generated": {"backend", secret},
		"operator":  {"ops", chosen},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := d.Basic(c.id, c.secret, home); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
	b.Run("generated after a failure", func(b *testing.B) {
		fail(d, "backend", home, 1)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := d.Basic("backend", secret, home); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("wrong", func(b *testing.B) {
		d := openNew(b, unlimited)
		newJail(b, d, "a", "backend")
		wrong := auth.NewSecret().Reveal()
		b.ReportAllocs()
		for b.Loop() {
			_, _ = d.Basic("backend", wrong, home)
		}
	})
}

func BenchmarkToken(b *testing.B) {
	d, _ := tokenDirectory(b, unlimited)
	for name, c := range map[string]struct{ id, token string }{
		"good":           {"backend", goodToken(0)},
		"unknown client": {"nobody", goodToken(0)},
		"wrong key":      {"backend", goodToken(1)},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = d.Token(c.id, c.token, "", home)
			}
		})
	}
}
