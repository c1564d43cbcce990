package auth

import "sync/atomic"

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
