package auth

import (
	"net/netip"
	"sync/atomic"
	"time"
)

// StretchLess makes d stretch the secrets that it stores from now on, and the guesses for clients
// that do not exist, with few iterations. The race detector makes the usual number take seconds.
func StretchLess(d *Directory) {
	d.iterations = 100
	d.decoySecret.Iterations = d.iterations
}

// Iterations returns with how many iterations the chosen secret of a client of the root jail is
// stretched, and with how many guesses are for clients that do not exist.
func Iterations(d *Directory, clientID string) (stored, decoy int) {
	return d.jails[RootJailID].clients[clientID].record.Secret.Iterations, d.decoySecret.Iterations
}

// CountStretched returns how many secrets d has stretched since, to verify them.
func CountStretched(d *Directory) *atomic.Int64 {
	var count atomic.Int64
	do := d.stretch
	d.stretch = func(text string, salt []byte, iterations int) (digest, error) {
		count.Add(1)
		return do(text, salt, iterations)
	}
	return &count
}

// SlowStretching makes d take a time to stretch a secret, and stretch right alone in truth. It
// returns how long d was busy with it.
func SlowStretching(d *Directory, took time.Duration, right string) *atomic.Int64 {
	var busy atomic.Int64
	d.stretch = func(text string, salt []byte, iterations int) (digest, error) {
		time.Sleep(took)
		busy.Add(int64(took))
		if text != right {
			return digest{}, nil
		}
		return stretch(text, salt, iterations)
	}
	return &busy
}

// Limits reports whether an address may not fail once more.
func Limits(d *Directory, from netip.Addr) bool {
	return !d.addressFailures.allows(d.addressFailures.ofAddress(from))
}
