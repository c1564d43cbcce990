package auth_test

import (
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"seagate/auth"
)

// fail tries n wrong secrets and returns the last error.
func fail(d *auth.Directory, id string, from netip.Addr, n int) (err error) {
	wrong := auth.NewSecret().Reveal()
	for range n {
		_, err = d.Basic(id, wrong, from)
	}
	return err
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func TestAddressLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := openNew(t, auth.Options{ClientAttempts: -1})
		_, secret := newJail(t, d, "a", "backend")
		wantErr(t, fail(d, "x", home, 300), auth.ErrInvalidCredentials)
		p, err := d.Basic("backend", secret, home)
		wantRefusal(t, p, err, auth.ErrTooManyAttempts, auth.ReasonAddressLimit)
		p, err = d.Token("backend", "x", "", home)
		wantRefusal(t, p, err, auth.ErrTooManyAttempts, auth.ReasonAddressLimit)
		if _, err := d.Basic("backend", secret, addr("192.0.2.2")); err != nil {
			t.Fatalf("another address: %v", err)
		}
		if got := d.Stats(); got.Refused != 300 || got.Limited != 2 || got.BasicAccepted != 1 {
			t.Fatalf("counted %+v", got)
		}

		// Being turned away does not count: one more every 200 ms.
		time.Sleep(199 * time.Millisecond)
		wantErr(t, fail(d, "x", home, 100), auth.ErrTooManyAttempts)
		time.Sleep(2 * time.Millisecond)
		wantErr(t, fail(d, "x", home, 1), auth.ErrInvalidCredentials)
		wantErr(t, fail(d, "x", home, 1), auth.ErrTooManyAttempts)
		time.Sleep(time.Hour)
		wantErr(t, fail(d, "x", home, 300), auth.ErrInvalidCredentials)
		wantErr(t, fail(d, "x", home, 1), auth.ErrTooManyAttempts)
	})
}

func TestAddressesThatCountAsOne(t *testing.T) {
	for _, c := range []struct {
		name, one, other string
		same             bool
	}{
		{"same /64", "2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true},
		{"next /64", "2001:db8::1", "2001:db8:0:1::1", false},
		{"zone", "fe80::1%eth0", "fe80::2", true},
		{"mapped IPv4", "192.0.2.1", "::ffff:192.0.2.1", true},
		{"next IPv4", "192.0.2.1", "192.0.2.2", false},
		{"mapped IPv4, next", "::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := openNew(t, auth.Options{AddressAttempts: 3, ClientAttempts: -1})
				fail(d, "x", addr(c.one), 3)
				wantErr(t, fail(d, "x", addr(c.one), 1), auth.ErrTooManyAttempts)
				want := auth.ErrInvalidCredentials
				if c.same {
					want = auth.ErrTooManyAttempts
				}
				wantErr(t, fail(d, "x", addr(c.other), 1), want)
			})
		})
	}
}

func TestNoAddressIsAnAddress(t *testing.T) {
	d := openNew(t, auth.Options{AddressAttempts: 1})
	fail(d, "x", netip.Addr{}, 1)
	wantErr(t, fail(d, "x", netip.Addr{}, 1), auth.ErrTooManyAttempts)
}

// An attacker from everywhere uses up a client's attempts; the client is none
// the worse for it.
func TestClientLimitLocksNobodyOut(t *testing.T) {
	pem, key := pemOf(0), keyPair(0)
	synctest.Test(t, func(t *testing.T) {
		token := sign(key, rs512, expiring(time.Hour))
		engine := newEngine()
		setUp := open(t, engine, unlimited)
		if _, err := setUp.EnsureRoot(t.Context(), "backend", ownWords); err != nil {
			t.Fatal(err)
		}
		a, secret := newJail(t, setUp, "a", "backend")
		setKey(t, setUp, a.UID, "backend", pem)

		d := open(t, engine, auth.Options{AddressAttempts: -1})
		wantErr(t, fail(d, "backend", home, 300), auth.ErrInvalidCredentials)
		p, err := d.Basic("backend", auth.NewSecret().Reveal(), home)
		wantRefusal(t, p, err, auth.ErrTooManyAttempts, auth.ReasonClientLimit)
		p, err = d.Token("backend", "x", "", home)
		wantRefusal(t, p, err, auth.ErrTooManyAttempts, auth.ReasonClientLimit)
		wantErr(t, fail(d, "other", home, 1), auth.ErrInvalidCredentials)

		mustBasic(t, d, "backend", secret)
		mustToken(t, d, "backend", token)

		slow := d.Stats().SlowChecks
		p, err = d.Basic("backend", ownWords, home)
		wantRefusal(t, p, err, auth.ErrTooManyAttempts, auth.ReasonClientLimit)
		if d.Stats().SlowChecks != slow {
			t.Fatal("over the limit, and stretched all the same")
		}
		if _, err := d.EnsureRoot(t.Context(), "backend", ownWords); err != nil {
			t.Fatal(err)
		}
		mustBasic(t, d, "backend", ownWords)
	})
}

func TestFailuresOfAnUnknownClientAreLimitedTheSame(t *testing.T) {
	d := openNew(t, auth.Options{AddressAttempts: -1, ClientAttempts: 2})
	newJail(t, d, "a", "backend")
	for _, id := range []string{"backend", "nobody"} {
		wantErr(t, fail(d, id, home, 2), auth.ErrInvalidCredentials)
		wantErr(t, fail(d, id, home, 1), auth.ErrTooManyAttempts)
	}
}

// A token whose signature verifies was not guessed: bearers that come with an
// expired one, over and over, close the door for nobody.
func TestSignedTokensAreNotCounted(t *testing.T) {
	d, _ := tokenDirectory(t, auth.Options{AddressAttempts: 5, ClientAttempts: 5})
	for _, claims := range []string{expiring(-time.Hour), `{}`, `{"exp":253402300799,"filter":1}`} {
		token := sign(keyPair(0), rs512, claims)
		for range 20 {
			_, err := d.Token("backend", token, "", home)
			wantErr(t, err, auth.ErrInvalidCredentials)
		}
	}
	mustToken(t, d, "backend", goodToken(0))
	for range 5 {
		_, err := d.Token("backend", sign(keyPair(1), rs512, expiring(-time.Hour)), "", home)
		wantErr(t, err, auth.ErrInvalidCredentials)
	}
	_, err := d.Token("backend", goodToken(0), "", home)
	wantErr(t, err, auth.ErrTooManyAttempts)
}

// To spray addresses neither grows memory, nor makes the limiter forget the
// one that has used up its attempts, nor keeps others out.
func TestSprayingAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const sprayed = 200_000
		d := openNew(t, auth.Options{ClientAttempts: -1})
		_, secret := newJail(t, d, "a", "backend")
		fail(d, "x", home, 300)
		wrong := auth.NewSecret().Reveal()
		before := heap()
		for i := range sprayed {
			from := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
			if _, err := d.Basic("x", wrong, from); i%1000 == 0 {
				wantErr(t, err, auth.ErrInvalidCredentials)
			}
		}
		if grown := int64(heap()) - int64(before); grown > 1<<20 {
			t.Errorf("memory grew by %d bytes", grown)
		}
		_, err := d.Basic("backend", secret, home)
		wantErr(t, err, auth.ErrTooManyAttempts)
		if _, err := d.Basic("backend", secret, addr("192.0.2.77")); err != nil {
			t.Fatalf("an innocent address: %v", err)
		}
	})
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestExhaustedAddressesDoNotShutOutOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := openNew(t, auth.Options{AddressAttempts: 1, ClientAttempts: -1})
		_, secret := newJail(t, d, "a", "backend")
		for i := range 1000 {
			fail(d, "x", netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 1)
		}
		shut := 0
		for i := range 10_000 {
			if _, err := d.Basic("backend", secret, netip.AddrFrom4([4]byte{11, 0, byte(i >> 8), byte(i)})); err != nil {
				shut++
			}
		}
		if shut > 5 { // 0.01 expected
			t.Fatalf("%d of 10,000 innocent addresses were shut out", shut)
		}
	})
}

func TestConcurrentFailuresAreAllCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := openNew(t, auth.Options{AddressAttempts: -1, ClientAttempts: 100})
		wrong := auth.NewSecret().Reveal()
		var invalid atomic.Int64
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for range 100 {
					if _, err := d.Basic("x", wrong, addr(fmt.Sprintf("192.0.2.%d", i))); reasonOf(err) == auth.ReasonUnknownClient {
						invalid.Add(1)
					}
				}
			})
		}
		wg.Wait()
		if got := invalid.Load(); got != 100 {
			t.Fatalf("%d failures were let through, want 100", got)
		}
	})
}
