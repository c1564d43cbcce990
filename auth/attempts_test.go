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

// fail presents a wrong secret n times. It returns the last error.
func fail(d *auth.Directory, id string, from netip.Addr, n int) (err error) {
	wrong := auth.NewSecret().Reveal()
	for range n {
		_, err = d.Basic(id, wrong, from)
	}
	return err
}

// wantEach presents a wrong secret n times and checks the error of each.
func wantEach(t *testing.T, d *auth.Directory, id string, from netip.Addr, n int, want error) {
	t.Helper()
	for range n {
		wantErr(t, fail(d, id, from, 1), want)
	}
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func TestLimitOfAnAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := openNew(t, failuresPerMinute(300, noLimit))
		wantEach(t, d, "x", home, 300, auth.ErrInvalidCredentials)
		p, err := d.Basic("x", auth.NewSecret().Reveal(), home)
		wantRefusal(t, p, err, auth.ErrTooManyAttempts, auth.ReasonAddressLimit)
		p, err = d.Token("backend", "x", "", home)
		wantRefusal(t, p, err, auth.ErrTooManyAttempts, auth.ReasonAddressLimit)
		wantErr(t, fail(d, "x", addr("192.0.2.2"), 1), auth.ErrInvalidCredentials)
		if got := d.Limited(); got != 2 {
			t.Fatalf("%d attempts counted as limited, want 2", got)
		}

		// One failure is refilled every 200 ms. Attempts over the limit do not count as failures.
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

// An attacker shares its address with everybody behind the same proxy. Right credentials pass,
// whatever the others there do.
func TestLimitOfAnAddressLocksNobodyOut(t *testing.T) {
	pem, key := pemOf(0), keyPair(0)
	synctest.Test(t, func(t *testing.T) {
		engine := newEngine()
		setUp := open(t, engine, unlimited)
		if _, err := setUp.EnsureRoot(t.Context(), "ops", chosen); err != nil {
			t.Fatal(err)
		}
		a, secret := newJail(t, setUp, "a", "backend")
		setKey(t, setUp, a.UID, "backend", pem)

		d := open(t, engine, failuresPerMinute(300, noLimit))
		if _, err := d.EnsureRoot(t.Context(), "ops", chosen); err != nil { // as at each start
			t.Fatal(err)
		}
		for range 400 {
			fail(d, "x", home, 1)
			mustBasic(t, d, "backend", secret)
			mustBasic(t, d, "ops", chosen)
		}
		mustToken(t, d, "backend", sign(key, rs512, expiring(time.Hour)))
		_, err := d.Token("backend", sign(key, rs512, expiring(-time.Hour)), "", home)
		wantErr(t, err, auth.ErrTokenExpired)

		stretched := auth.CountStretched(d)
		p, err := d.Basic("ops", chosen+"!", home)
		wantRefusal(t, p, err, auth.ErrTooManyAttempts, auth.ReasonAddressLimit)
		if stretched.Load() != 0 {
			t.Fatal("a secret was stretched over the limit of the address")
		}
	})
}

// 180 addresses that guess neither keep a core busy nor make the operator wait, whether they
// guess the operator's secret or that of ids that do not exist.
func TestGuessersDoNotKeepTheOperatorWaiting(t *testing.T) {
	for name, idOf := range map[string]func(i int) string{
		"operator's id": func(int) string { return "ops" },
		"other ids":     func(i int) string { return fmt.Sprint("x", i) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				engine := newEngine()
				if _, err := open(t, engine, unlimited).EnsureRoot(t.Context(), "ops", chosen); err != nil {
					t.Fatal(err)
				}
				d := open(t, engine, failuresPerMinute(300, 300))
				const took = 30 * time.Millisecond
				busy := auth.SlowStretching(d, took, chosen)
				const guessing = 2 * time.Minute
				end := time.Now().Add(guessing)
				var guessers sync.WaitGroup
				for i := range 180 {
					guessers.Go(func() {
						for n := 0; time.Now().Before(end); n++ {
							d.Basic(idOf(i), fmt.Sprint("a wrong secret ", n), addr(fmt.Sprintf("192.0.2.%d", i)))
							time.Sleep(time.Second)
						}
					})
				}
				time.Sleep(guessing - 10*time.Second) // the first guesses of all addresses are over
				asked := time.Now()
				if _, err := d.Basic("ops", chosen, addr("198.51.100.1")); err != nil {
					t.Errorf("the operator is refused: %v", err)
				}
				if waited := time.Since(asked); waited > 5*took {
					t.Errorf("the operator waits for %v", waited)
				}
				time.Sleep(time.Until(end))
				share := float64(busy.Load()) / float64(guessing)
				guessers.Wait()
				if share > 0.34 {
					t.Errorf("guesses kept a core busy for %.0f %% of the time", 100*share)
				}
				time.Sleep(time.Minute) // the gate's last rest
			})
		})
	}
}

// The time of a refusal tells neither whether an id exists nor which key it has.
func TestRefusalsTakeTheSameTime(t *testing.T) {
	pem, unrelated := pemOf(0), goodToken(1)
	synctest.Test(t, func(t *testing.T) {
		const floor = 10 * time.Millisecond
		opts := failuresPerMinute(300, 300)
		opts.RefusalTime = floor
		d := openNew(t, opts)
		a, secret := newJail(t, d, "a", "backend")
		setKey(t, d, a.UID, "backend", pem)
		for name, attempt := range map[string]func() error{
			"wrong secret":       func() error { return fail(d, "backend", home, 1) },
			"unknown client":     func() error { return fail(d, "nobody", home, 1) },
			"malformed":          func() error { _, err := d.Basic("backend", "x", home); return err },
			"token":              func() error { _, err := d.Token("backend", unrelated, "", home); return err },
			"token of unknown":   func() error { _, err := d.Token("nobody", unrelated, "", home); return err },
			"token without form": func() error { _, err := d.Token("nobody", "x", "", home); return err },
		} {
			begun := time.Now()
			wantErr(t, attempt(), auth.ErrInvalidCredentials)
			if took := time.Since(begun); took != floor {
				t.Errorf("%s: refused after %v, want %v", name, took, floor)
			}
		}
		begun := time.Now()
		mustBasic(t, d, "backend", secret)
		if took := time.Since(begun); took != 0 {
			t.Errorf("a right secret waits for %v", took)
		}
	})
}

func TestAddressesOfOneSubscriberShareALimit(t *testing.T) {
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
				d := openNew(t, failuresPerMinute(3, noLimit))
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

func TestUnknownAddressHasALimit(t *testing.T) {
	d := openNew(t, failuresPerMinute(1, 300))
	fail(d, "x", netip.Addr{}, 1)
	wantErr(t, fail(d, "x", netip.Addr{}, 1), auth.ErrTooManyAttempts)
}

// An attacker with many addresses can exhaust the attempts of a client id, and the client still
// gets in.
func TestLimitOfAClientIDDoesNotLockTheClientOut(t *testing.T) {
	pem, key := pemOf(0), keyPair(0)
	synctest.Test(t, func(t *testing.T) {
		token := sign(key, rs512, expiring(time.Hour))
		engine := newEngine()
		setUp := open(t, engine, unlimited)
		if _, err := setUp.EnsureRoot(t.Context(), "backend", chosen); err != nil {
			t.Fatal(err)
		}
		a, secret := newJail(t, setUp, "a", "backend")
		setKey(t, setUp, a.UID, "backend", pem)

		d := open(t, engine, failuresPerMinute(noLimit, 300))
		wantErr(t, fail(d, "backend", home, 300), auth.ErrInvalidCredentials)
		p, err := d.Basic("backend", auth.NewSecret().Reveal(), home)
		wantRefusal(t, p, err, auth.ErrTooManyAttempts, auth.ReasonClientLimit)
		p, err = d.Token("backend", "x", "", home)
		wantRefusal(t, p, err, auth.ErrTooManyAttempts, auth.ReasonClientLimit)
		wantErr(t, fail(d, "other", home, 1), auth.ErrInvalidCredentials)

		mustBasic(t, d, "backend", secret)
		mustToken(t, d, "backend", token)

		stretched := auth.CountStretched(d)
		p, err = d.Basic("backend", chosen, home)
		wantRefusal(t, p, err, auth.ErrTooManyAttempts, auth.ReasonClientLimit)
		if stretched.Load() != 0 {
			t.Fatal("a secret was stretched over the limit")
		}
		if _, err := d.Basic("backend", chosen, addr("192.0.2.77")); err != nil {
			t.Fatalf("from an address that has not failed: %v", err)
		}
		mustBasic(t, d, "backend", chosen)
	})
}

func TestLimitOfAnUnknownClientID(t *testing.T) {
	d := openNew(t, failuresPerMinute(noLimit, 2))
	newJail(t, d, "a", "backend")
	for _, id := range []string{"backend", "nobody"} {
		wantErr(t, fail(d, id, home, 2), auth.ErrInvalidCredentials)
		wantErr(t, fail(d, id, home, 1), auth.ErrTooManyAttempts)
	}
}

// A token with a valid signature was not guessed. Bearers who present an expired one again and
// again do not exhaust the limits.
func TestRefusedTokensWithAValidSignatureDoNotCount(t *testing.T) {
	d, _ := tokenDirectory(t, failuresPerMinute(5, 5))
	for claims, want := range map[string]error{
		expiring(-time.Hour):              auth.ErrTokenExpired,
		`{}`:                              auth.ErrInvalidCredentials,
		`{"exp":253402300799,"filter":1}`: auth.ErrInvalidCredentials,
	} {
		token := sign(keyPair(0), rs512, claims)
		for range 20 {
			_, err := d.Token("backend", token, "", home)
			wantErr(t, err, want)
		}
	}
	mustToken(t, d, "backend", goodToken(0))
	for range 5 {
		_, err := d.Token("backend", sign(keyPair(1), rs512, expiring(-time.Hour)), "", home)
		wantErr(t, err, auth.ErrInvalidCredentials)
	}
	_, err := d.Token("backend", sign(keyPair(1), rs512, expiring(-time.Hour)), "", home)
	wantErr(t, err, auth.ErrTooManyAttempts)
}

// Failures from many addresses neither take memory, nor make the limiter forget an exhausted
// address, nor exhaust others.
func TestFailuresFromManyAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const addresses = 200_000
		d := openNew(t, failuresPerMinute(300, noLimit))
		fail(d, "x", home, 300)
		wrong := auth.NewSecret().Reveal()
		before := heap()
		for i := range addresses {
			from := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
			if _, err := d.Basic("x", wrong, from); i%1000 == 0 {
				wantErr(t, err, auth.ErrInvalidCredentials)
			}
		}
		if grown := int64(heap()) - int64(before); grown > 1<<20 {
			t.Errorf("memory grew by %d bytes", grown)
		}
		wantErr(t, fail(d, "x", home, 1), auth.ErrTooManyAttempts)
		wantErr(t, fail(d, "x", addr("192.0.2.77"), 1), auth.ErrInvalidCredentials)
	})
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestExhaustedAddressesDoNotExhaustOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := openNew(t, failuresPerMinute(1, noLimit))
		for i := range 1000 {
			fail(d, "x", netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 1)
		}
		refused := 0
		for i := range 10_000 {
			if auth.Limits(d, netip.AddrFrom4([4]byte{11, 0, byte(i >> 8), byte(i)})) {
				refused++
			}
		}
		if refused > 5 { // 0.01 expected
			t.Fatalf("%d of 10,000 addresses without failures were refused", refused)
		}
	})
}

func TestConcurrentFailuresAllCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := openNew(t, failuresPerMinute(noLimit, 100))
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
			t.Fatalf("%d failures before the limit, want 100", got)
		}
	})
}
