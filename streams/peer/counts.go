package peer

import (
	"strings"
	"time"
	"unicode/utf8"
)

// Stats is what a server has done since it was registered.
type Stats struct {
	Calls    uint64 // that it took, those under way included
	Failed   uint64 // of them, those that ended with an error or without an answer in time
	UnderWay int
	Median   time.Duration // of the latest calls with an answer, at most 128
	Longest  time.Duration // of all calls with an answer
	// LastError is the latest error, as text, or "" if there was none.
	LastError string
}

// counts collects Stats. It is guarded by the mutex of the space.
type counts struct {
	calls, failed uint64
	longest       time.Duration
	lastError     string
	latest        []time.Duration // a ring, once it is full
	oldest        int             // index in latest of the value that is replaced next
}

// keptTimes is the number of latest durations that the median is computed from.
const keptTimes = 128

// maxLastError bounds the text that is kept of an error, in bytes.
const maxLastError = 256

func (c *counts) answered(took time.Duration) {
	c.longest = max(c.longest, took)
	if len(c.latest) < keptTimes {
		c.latest = append(c.latest, took)
		return
	}
	c.latest[c.oldest] = took
	c.oldest = (c.oldest + 1) % keptTimes
}

func (c *counts) failedWith(err error) {
	c.failed++
	c.lastError = cut(strings.TrimPrefix(err.Error(), "peer: "), maxLastError)
}

// cut returns the text as valid UTF-8 of at most so many bytes, so that whatever
// a server answers can be shown.
func cut(text string, most int) string {
	if len(text) > most {
		for limit := most - utf8.UTFMax; most > limit && !utf8.RuneStart(text[most]); {
			most--
		}
		text = text[:most]
	}
	return strings.ToValidUTF8(text, "?")
}

// stats returns the Stats without the median.
func (c *counts) stats(underWay int) Stats {
	return Stats{Calls: c.calls, Failed: c.failed, UnderWay: underWay, Longest: c.longest, LastError: c.lastError}
}
