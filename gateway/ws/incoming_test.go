package ws

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"seagate/gateway/ws/wstest"
)

// received is what came out of a stream of bytes.
type received struct {
	frames []string // opcode and payload
	err    error
}

const (
	testLimit = 100
	testBurst = 10 // events that the bucket of a test admits at once
)

var opcodeNames = map[byte]string{opText: "text ", opClose: "close ", opPing: "ping ", opPong: "pong "}

// receive gives the bytes to an incoming in pieces of the given sizes, and then the
// rest in one piece. Pongs that begin with "a" are solicited.
func receive(t testing.TB, b []byte, sizes ...byte) (out received) {
	t.Helper()
	in := incoming{flood: bucket{perSecond: testBurst / 2}}
	now := time.Unix(1_000_000, 0)
	for len(b) > 0 && out.err == nil {
		n := len(b)
		if len(sizes) > 0 {
			n, sizes = min(n, int(sizes[0])), sizes[1:]
		}
		n = copy(in.space(), b[:n])
		in.filled(n)
		b = b[n:]
		for ok := true; ok && out.err == nil; {
			var f frame
			f, ok, out.err = in.next(testLimit, now)
			if !ok || out.err != nil {
				break
			}
			out.frames = append(out.frames, opcodeNames[f.opcode]+string(f.payload))
			if asked := f.opcode == opText || f.opcode == opPong && bytes.HasPrefix(f.payload, []byte("a")); !asked {
				out.err = in.unasked(now)
			}
		}
		if held := in.pending(); out.err == nil && held > testLimit+2*maxClientHeader+maxControl {
			t.Fatalf("%d bytes are held", held)
		}
	}
	if out.err == nil && in.pending() == 0 && in.buf != nil {
		t.Error("an incoming with nothing in it holds a buffer")
	}
	return out
}

// maxClientHeader is the size of the largest header of a client's frame.
const maxClientHeader = maxHeader + 4

func text(s string) []byte { return wstest.Frame(true, wstest.Text, []byte(s)) }

func sized(n int) []byte { return text(strings.Repeat("x", n)) }

func part(opcode byte, s string) []byte { return wstest.Frame(false, opcode, []byte(s)) }

func last(s string) []byte { return wstest.Frame(true, wstest.Continuation, []byte(s)) }

func ping(payload string) []byte { return wstest.Frame(true, wstest.Ping, []byte(payload)) }

func pong(payload string) []byte { return wstest.Frame(true, wstest.Pong, []byte(payload)) }

func closing(code uint16, reason string) []byte {
	return wstest.Frame(true, wstest.Close, append(binary.BigEndian.AppendUint16(nil, code), reason...))
}

// raw returns a frame with the first byte as it is given.
func raw(first byte, payload string) []byte {
	b := text(payload)
	b[0] = first
	return b
}

func announced(length uint64) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{0x81, 0xFF}, length), 1, 2, 3, 4)
}

// The groups are the sections of Autobahn's test suite for servers.
func TestIncoming(t *testing.T) {
	x60, x40, x41 := strings.Repeat("x", 60), strings.Repeat("x", 40), strings.Repeat("x", 41)
	for name, test := range map[string]struct {
		frames [][]byte // all but the last pass if there is an error
		err    error
		want   []string
	}{
		"nothing": {},

		"1 framing: empty":              {frames: [][]byte{text("")}, want: []string{"text "}},
		"1 framing: 7 bits":             {frames: [][]byte{sized(60)}, want: []string{"text " + x60}},
		"1 framing: at the limit":       {frames: [][]byte{sized(testLimit), sized(testLimit)}, want: slices.Repeat([]string{"text " + x60 + x40}, 2)},
		"1 framing: over the limit":     {frames: [][]byte{text("1"), sized(testLimit + 1)}, err: errMessageTooLarge, want: []string{"text 1"}},
		"1 framing: 2^40 announced":     {frames: [][]byte{announced(1 << 40)}, err: errMessageTooLarge},
		"1 framing: 2^64-1 announced":   {frames: [][]byte{announced(1<<64 - 1)}, err: errMessageTooLarge},
		"1 framing: 16 bits for 7":      {frames: [][]byte{{0x81, 0xFE, 0, 125, 1, 2, 3, 4}}, err: errMalformed},
		"1 framing: 64 bits for 16":     {frames: [][]byte{announced(1<<16 - 1)}, err: errMalformed},
		"1 framing: binary":             {frames: [][]byte{wstest.Frame(true, wstest.Binary, []byte("x"))}, err: errBinary},
		"1 framing: not masked":         {frames: [][]byte{{0x81, 1, 'x'}}, err: errMalformed},
		"1 framing: a mask of zeros":    {frames: [][]byte{{0x81, 0x81, 0, 0, 0, 0, 'x'}}, want: []string{"text x"}},
		"1 framing: messages in a row":  {frames: slices.Repeat([][]byte{text("1")}, 100), want: slices.Repeat([]string{"text 1"}, 100)},
		"1 framing: empty over the top": {frames: slices.Repeat([][]byte{text("")}, testBurst+1), err: errTooManyFrames, want: slices.Repeat([]string{"text "}, testBurst)},

		"2 pings: empty":                 {frames: [][]byte{ping("")}, want: []string{"ping "}},
		"2 pings: with a payload":        {frames: [][]byte{ping("Hello")}, want: []string{"ping Hello"}},
		"2 pings: binary payload":        {frames: [][]byte{ping("\x00\xff\xfe")}, want: []string{"ping \x00\xff\xfe"}},
		"2 pings: the largest":           {frames: [][]byte{ping(strings.Repeat("x", maxControl))}, want: []string{"ping " + strings.Repeat("x", maxControl)}},
		"2 pings: too large":             {frames: [][]byte{ping(strings.Repeat("x", maxControl+1))}, err: errMalformed},
		"2 pings: an unsolicited pong":   {frames: [][]byte{pong("")}, want: []string{"pong "}},
		"2 pings: pong, then ping":       {frames: [][]byte{pong("u"), ping("p")}, want: []string{"pong u", "ping p"}},
		"2 pings: up to the burst":       {frames: slices.Repeat([][]byte{ping("x")}, testBurst), want: slices.Repeat([]string{"ping x"}, testBurst)},
		"2 pings: over it":               {frames: slices.Repeat([][]byte{ping("x")}, testBurst+1), err: errTooManyFrames, want: slices.Repeat([]string{"ping x"}, testBurst+1)},
		"2 pings: pongs over it":         {frames: slices.Repeat([][]byte{pong("x")}, testBurst+1), err: errTooManyFrames, want: slices.Repeat([]string{"pong x"}, testBurst+1)},
		"2 pings: pongs that were asked": {frames: slices.Repeat([][]byte{pong("a")}, 100), want: slices.Repeat([]string{"pong a"}, 100)},

		"3 reserved bits: RSV1":              {frames: [][]byte{text("1"), raw(0xC1, "x")}, err: errMalformed, want: []string{"text 1"}},
		"3 reserved bits: RSV2":              {frames: [][]byte{raw(0xA1, "x")}, err: errMalformed},
		"3 reserved bits: RSV3":              {frames: [][]byte{raw(0x91, "x")}, err: errMalformed},
		"3 reserved bits: of a ping":         {frames: [][]byte{raw(0xC9, "x")}, err: errMalformed},
		"4 opcodes: 3":                       {frames: [][]byte{raw(0x83, "x")}, err: errMalformed},
		"4 opcodes: 7, empty":                {frames: [][]byte{raw(0x87, "")}, err: errMalformed},
		"4 opcodes: 11":                      {frames: [][]byte{raw(0x8B, "x")}, err: errMalformed},
		"4 opcodes: 15":                      {frames: [][]byte{text("1"), raw(0x8F, "")}, err: errMalformed, want: []string{"text 1"}},
		"5 fragments: a ping in two":         {frames: [][]byte{raw(0x09, "x")}, err: errMalformed},
		"5 fragments: a pong in two":         {frames: [][]byte{raw(0x0A, "x")}, err: errMalformed},
		"5 fragments: a text in two":         {frames: [][]byte{part(wstest.Text, "a"), last("b")}, want: []string{"text ab"}},
		"5 fragments: a ping between":        {frames: [][]byte{part(wstest.Text, "a"), ping("p"), last("b")}, want: []string{"ping p", "text ab"}},
		"5 fragments: at the limit":          {frames: [][]byte{part(wstest.Text, x60), last(x40), part(wstest.Text, x60), last(x40)}, want: slices.Repeat([]string{"text " + x60 + x40}, 2)},
		"5 fragments: over it":               {frames: [][]byte{part(wstest.Text, x60), last(x41)}, err: errMessageTooLarge},
		"5 fragments: a sum that overflows":  {frames: [][]byte{part(wstest.Text, x60), slices.Concat([]byte{0x80, 0xFF}, announced(1<<64 - 60)[2:])}, err: errMessageTooLarge},
		"5 fragments: nothing to continue":   {frames: [][]byte{last("x")}, err: errMalformed},
		"5 fragments: nothing, not final":    {frames: [][]byte{part(wstest.Continuation, "x")}, err: errMalformed},
		"5 fragments: a text in a text":      {frames: [][]byte{part(wstest.Text, "a"), text("b")}, err: errMalformed},
		"5 fragments: a binary in a text":    {frames: [][]byte{part(wstest.Text, "a"), wstest.Frame(true, wstest.Binary, nil)}, err: errMalformed},
		"5 fragments: empty up to the burst": {frames: slices.Concat([][]byte{part(wstest.Text, "a")}, slices.Repeat([][]byte{part(wstest.Continuation, "")}, testBurst-1), [][]byte{last("b")}), want: []string{"text ab"}},
		"5 fragments: empty over it":         {frames: slices.Concat([][]byte{part(wstest.Text, "a")}, slices.Repeat([][]byte{part(wstest.Continuation, "")}, testBurst+1)), err: errTooManyFrames},

		"7 close: empty":              {frames: [][]byte{wstest.Frame(true, wstest.Close, nil)}, want: []string{"close "}},
		"7 close: with a code":        {frames: [][]byte{closing(1000, "")}, want: []string{"close \x03\xe8"}},
		"7 close: with a reason":      {frames: [][]byte{closing(1000, "süß")}, want: []string{"close \x03\xe8süß"}},
		"7 close: the largest reason": {frames: [][]byte{closing(1000, strings.Repeat("x", maxControl-2))}, want: []string{"close \x03\xe8" + strings.Repeat("x", maxControl-2)}},
		"7 close: too large a reason": {frames: [][]byte{closing(1000, strings.Repeat("x", maxControl-1))}, err: errMalformed},
		"7 close: half a code":        {frames: [][]byte{wstest.Frame(true, wstest.Close, []byte{3})}, err: errMalformed},
		"7 close: not UTF-8":          {frames: [][]byte{closing(1000, "\xff")}, err: errMalformed},
		"7 close: closes over it":     {frames: slices.Repeat([][]byte{closing(1000, "")}, testBurst+1), err: errTooManyFrames, want: slices.Repeat([]string{"close \x03\xe8"}, testBurst+1)},
	} {
		t.Run(name, func(t *testing.T) {
			if got := receive(t, slices.Concat(test.frames...)); !errors.Is(got.err, test.err) || !slices.Equal(got.frames, test.want) {
				t.Errorf("got %q, %v; want %q, %v", got.frames, got.err, test.want, test.err)
			}
		})
	}
}

func TestCloseCodes(t *testing.T) {
	for code := range uint16(5010) {
		valid := code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014 || code >= 3000 && code <= 4999
		if err := checkClose(binary.BigEndian.AppendUint16(nil, code)); (err == nil) != valid {
			t.Errorf("%d: %v", code, err)
		}
	}
}

func TestUnmask(t *testing.T) {
	mask := [4]byte{0x12, 0xfe, 0x34, 0x80}
	for n := range 40 {
		b, want := bytes.Repeat([]byte{0xa5}, n), make([]byte, n)
		for i := range want {
			want[i] = 0xa5 ^ mask[i%4]
		}
		if unmask(b, mask); !bytes.Equal(b, want) {
			t.Errorf("%d bytes: % x, want % x", n, b, want)
		}
	}
}

// A message larger than a pooled buffer grows its buffer with what has come, not with
// what was announced.
func TestIncomingHoldsTwiceWhatHasCome(t *testing.T) {
	const limit = 1 << 20
	message := strings.Repeat("x", limit)
	b := text(message)
	var in incoming
	for sent := 0; sent < len(b); {
		n := copy(in.space(), b[sent:])
		in.filled(n)
		sent += n
		if cap(in.buf) > max(incomingBytes, 2*sent) {
			t.Fatalf("%d bytes have come, the buffer has %d", sent, cap(in.buf))
		}
		f, ok, err := in.next(limit, time.Now())
		if err != nil || ok != (sent == len(b)) || ok && string(f.payload) != message {
			t.Fatalf("after %d bytes: %t, %v", sent, ok, err)
		}
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

// FuzzIncoming checks that the frames do not depend on how the network cuts a stream
// into pieces, and compares the messages with those that the library reads.
func FuzzIncoming(f *testing.F) {
	everything := slices.Concat(text(""), text("hello"), part(wstest.Text, "s\xc3"), ping("between"), last("\xbc\xc3\x9f"), pong("answer"), pong("unasked"), closing(1001, "bye"))
	f.Add(everything, []byte{1, 1, 1, 1, 1, 1, 1, 1})
	f.Add(slices.Concat(everything[:20], sized(testLimit+1), everything), []byte{7, 0, 50, 2})
	f.Add(slices.Concat(announced(1<<64-1), make([]byte, 40)), []byte{2, 8, 1})
	f.Add(bytes.Repeat(ping(""), testBurst+1), bytes.Repeat([]byte{5}, 20))
	f.Add([]byte{0x8A, 0xFF, 0, 0, 0, 0, 0, 0, 0x10, 0, 1, 2, 3, 4, 'x', 'y'}, []byte{15})
	f.Fuzz(func(t *testing.T, b, sizes []byte) {
		whole, cut := receive(t, b), receive(t, b, sizes...)
		if whole.err != cut.err || !slices.Equal(whole.frames, cut.frames) {
			t.Fatalf("at once %q, %v; in pieces %q, %v", whole.frames, whole.err, cut.frames, cut.err)
		}
		theirs := readWithLibrary(t, b)
		ours := messages(whole.frames)
		switch {
		case len(ours) > len(theirs) || !slices.Equal(ours, theirs[:len(ours)]):
			t.Fatalf("ours %q, %v; the library's %q", ours, whole.err, theirs)
		case whole.err == nil && len(ours) != len(theirs):
			t.Fatalf("ours are only %q; the library's %q", ours, theirs)
		}
	})
}

// messages returns the messages before the first close frame.
func messages(frames []string) (texts []string) {
	for _, f := range frames {
		if strings.HasPrefix(f, opcodeNames[opClose]) {
			break
		}
		if m, is := strings.CutPrefix(f, opcodeNames[opText]); is {
			texts = append(texts, m)
		}
	}
	return texts
}
