package ws

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"seagate/gateway/ws/wstest"
)

// sniffed is the result of following a stream of bytes.
type sniffed struct {
	passed int // bytes
	pongs  []string
	err    error
}

const (
	testLimit = 100
	testBurst = 10 // events that the sniffer of a test admits at once
)

// sniff follows the bytes in pieces of the given sizes, and then the rest in one
// piece. Pongs that begin with "a" are solicited.
func sniff(b []byte, sizes ...byte) (out sniffed) {
	s := sniffer{maxMessage: testLimit, flood: bucket{perSecond: testBurst / 2}}
	s.onPong = func(payload []byte) bool {
		out.pongs = append(out.pongs, string(payload))
		return bytes.HasPrefix(payload, []byte("a"))
	}
	now := time.Unix(1_000_000, 0)
	for len(b) > 0 && out.err == nil {
		n := len(b)
		if len(sizes) > 0 {
			n, sizes = min(n, int(sizes[0])), sizes[1:]
		}
		var good int
		good, out.err = s.follow(b[:n], now)
		out.passed += good
		b = b[n:]
	}
	return out
}

func text(n int) []byte { return wstest.Frame(true, wstest.Text, make([]byte, n)) }

func part(opcode byte, n int) []byte { return wstest.Frame(false, opcode, make([]byte, n)) }

func last(n int) []byte { return wstest.Frame(true, wstest.Continuation, make([]byte, n)) }

func ping(payload string) []byte { return wstest.Frame(true, wstest.Ping, []byte(payload)) }

func pong(payload string) []byte { return wstest.Frame(true, wstest.Pong, []byte(payload)) }

func announced(length uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{0x81, 0xFF}, length)
}

func TestSniffer(t *testing.T) {
	masked := []byte{1, 2, 3, 4}
	for name, test := range map[string]struct {
		good  [][]byte // frames that pass
		bad   []byte   // the one that does not
		err   error
		pongs []string
	}{
		"nothing":                     {},
		"at the limit":                {good: [][]byte{text(testLimit), text(testLimit)}},
		"over it":                     {good: [][]byte{text(1)}, bad: text(testLimit + 1), err: errMessageTooLarge},
		"fragments at the limit":      {good: [][]byte{part(wstest.Text, 60), last(40), part(wstest.Text, 60), last(40)}},
		"fragments over it":           {good: [][]byte{part(wstest.Text, 60)}, bad: last(41), err: errMessageTooLarge},
		"fragments around a ping":     {good: [][]byte{part(wstest.Text, 60), ping("x"), last(40)}},
		"over it around a ping":       {good: [][]byte{part(wstest.Text, 60), ping("x")}, bad: last(41), err: errMessageTooLarge},
		"2^40 announced":              {bad: slices.Concat(announced(1<<40), masked), err: errMessageTooLarge},
		"2^64-1 announced":            {bad: slices.Concat(announced(1<<64-1), masked), err: errMessageTooLarge},
		"a sum that overflows":        {good: [][]byte{part(wstest.Text, 60)}, bad: slices.Concat(announced(1<<64-60), masked), err: errMessageTooLarge},
		"16 bits for a length of 7":   {bad: []byte{0x81, 0xFE, 0, 125, 1, 2, 3, 4}, err: errMalformed},
		"64 bits for a length of 16":  {bad: slices.Concat(announced(1<<16-1), masked), err: errMalformed},
		"a reason in UTF-8":           {good: [][]byte{wstest.Frame(true, wstest.Close, []byte("\x03\xe8s\u00fc\u00df"))}},
		"a reason not in UTF-8":       {bad: wstest.Frame(true, wstest.Close, []byte("\x03\xe8\xff")), err: errMalformed},
		"a ping's payload is no data": {good: [][]byte{text(testLimit), ping(string(make([]byte, maxControl)))}},
		"a pong":                      {good: [][]byte{pong("abc")}, pongs: []string{"abc"}},
		"a pong that is not masked":   {good: [][]byte{{0x8A, 3, 'a', 'b', 'c'}}, pongs: []string{"abc"}},
		"the largest pong":            {good: [][]byte{pong(string(bytes.Repeat([]byte("a"), maxControl)))}, pongs: []string{string(bytes.Repeat([]byte("a"), maxControl))}},
		"an empty pong":               {good: [][]byte{pong("")}, pongs: []string{""}},
		"an empty message":            {good: [][]byte{text(0)}},
		"pings up to the burst":       {good: slices.Repeat([][]byte{ping("x")}, testBurst)},
		"pings over it":               {good: slices.Repeat([][]byte{ping("x")}, testBurst), bad: ping("x"), err: errTooManyFrames},
		"pongs over it":               {good: slices.Repeat([][]byte{pong("x")}, testBurst), bad: pong("x"), err: errTooManyFrames, pongs: slices.Repeat([]string{"x"}, testBurst+1)},
		"pongs that were asked for":   {good: slices.Repeat([][]byte{pong("a")}, 100), pongs: slices.Repeat([]string{"a"}, 100)},
		"closes over it":              {good: slices.Repeat([][]byte{wstest.Frame(true, wstest.Close, nil)}, testBurst), bad: wstest.Frame(true, wstest.Close, nil), err: errTooManyFrames},
		"empty messages over it":      {good: slices.Repeat([][]byte{text(0)}, testBurst), bad: text(0), err: errTooManyFrames},
		"empty fragments over it":     {good: append([][]byte{part(wstest.Text, 1)}, slices.Repeat([][]byte{part(wstest.Continuation, 0)}, testBurst)...), bad: part(wstest.Continuation, 0), err: errTooManyFrames},
		"messages are no flood":       {good: slices.Repeat([][]byte{text(1)}, 100)},
	} {
		t.Run(name, func(t *testing.T) {
			good := slices.Concat(test.good...)
			got := sniff(slices.Concat(good, test.bad, text(1)))
			want := len(good)
			if test.err == nil {
				want += len(text(1))
			}
			if got.passed != want || !errors.Is(got.err, test.err) {
				t.Errorf("%d bytes passed, %v; want %d, %v", got.passed, got.err, want, test.err)
			}
			if !slices.Equal(got.pongs, test.pongs) {
				t.Errorf("pongs %q, want %q", got.pongs, test.pongs)
			}
		})
	}
}

func TestBucket(t *testing.T) {
	b := bucket{perSecond: 2}
	at := func(ms int) bool { return b.take(time.Unix(1_000_000, 0).Add(time.Duration(ms) * time.Millisecond)) }
	var got []bool
	for _, ms := range []int{0, 0, 0, 0, 0, 499, 500, 500, 1500, 1500, 1500, 60_000, 60_000, 60_000, 60_000, 60_000} {
		got = append(got, at(ms))
	}
	want := []bool{true, true, true, true, false, false, true, false, true, true, false, true, true, true, true, false}
	if !slices.Equal(got, want) {
		t.Errorf("let through %v, want %v", got, want)
	}
}

// FuzzSniffer checks that the result does not depend on how the network cuts a
// stream into pieces, and that no message over the limit passes.
func FuzzSniffer(f *testing.F) {
	everything := slices.Concat(text(0), text(5), part(wstest.Text, 60), ping("between"), last(40), pong("answer"),
		pong("unasked"), wstest.Frame(true, wstest.Binary, make([]byte, 3)))
	f.Add(everything, []byte{1, 1, 1, 1, 1, 1, 1, 1})
	f.Add(slices.Concat(everything, text(testLimit+1), everything), []byte{7, 0, 50, 2})
	f.Add(slices.Concat(part(wstest.Text, 60), part(wstest.Continuation, 60)), []byte{64, 3, 3, 3})
	f.Add(slices.Concat(announced(1<<64-1), make([]byte, 40)), []byte{2, 8, 1})
	f.Add(bytes.Repeat(ping(""), testBurst+1), bytes.Repeat([]byte{5}, 20))
	f.Add([]byte{0x8A, 0xFF, 0, 0, 0, 0, 0, 0, 0x10, 0, 1, 2, 3, 4, 'x', 'y'}, []byte{15})
	f.Fuzz(func(t *testing.T, b, sizes []byte) {
		whole, cut := sniff(b), sniff(b, sizes...)
		if whole.err != cut.err || !slices.Equal(whole.pongs, cut.pongs) {
			t.Errorf("at once %v, pongs %q; in pieces %v, pongs %q", whole.err, whole.pongs, cut.err, cut.pongs)
		}
		// A piece of a frame may pass before the sniffer can refuse the frame.
		if whole.passed > cut.passed || whole.err == nil && cut.passed != len(b) {
			t.Errorf("of %d bytes %d passed at once, %d in pieces", len(b), whole.passed, cut.passed)
		}
		if n := largestMessage(b[:cut.passed]); n > testLimit {
			t.Errorf("a message of %d bytes passed, the limit is %d", n, testLimit)
		}
	})
}

// largestMessage returns the size of the largest message that the frames of b
// announce. A frame without its whole header announces nothing.
func largestMessage(b []byte) (largest uint64) {
	message := uint64(0)
	for len(b) >= 2 {
		isData, fin, length, size := b[0]&0x08 == 0, b[0]&0x80 != 0, uint64(b[1]&0x7F), 2
		extended := map[uint64]int{126: 2, 127: 8}[length]
		size += extended
		if b[1]&0x80 != 0 {
			size += 4
		}
		if len(b) < size {
			break
		}
		if extended > 0 {
			length = 0
			for _, digit := range b[2 : 2+extended] {
				length = length<<8 | uint64(digit)
			}
		}
		if isData {
			message += length
			largest = max(largest, message, length)
			if fin {
				message = 0
			}
		}
		b = b[min(uint64(len(b)), uint64(size)+min(length, 1<<32)):]
	}
	return largest
}
