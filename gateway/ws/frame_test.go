package ws

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestHeader(t *testing.T) {
	for length, want := range map[int][]byte{
		0:       {0x81, 0},
		125:     {0x81, 125},
		126:     {0x81, 126, 0, 126},
		65535:   {0x81, 126, 0xFF, 0xFF},
		65536:   {0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0},
		1 << 32: {0x81, 127, 0, 0, 0, 1, 0, 0, 0, 0},
	} {
		got := appendHeader([]byte("before"), opText, length)
		if !bytes.Equal(got, append([]byte("before"), want...)) {
			t.Errorf("the header of %d bytes is % x, want % x", length, got[6:], want)
		}
		if len(want) > maxHeader {
			t.Errorf("the header of %d bytes has %d, more than maxHeader", length, len(want))
		}
	}
}

func TestTextFrame(t *testing.T) {
	for _, length := range []int{0, 1, 125, 126, 127, 65535, 65536, 100_000} {
		message := bytes.Repeat([]byte("x"), length)
		frame := func(dst []byte) []byte { return endText(append(beginText(dst), message...), len(dst)) }
		want := append(appendHeader([]byte("before"), opText, length), message...)
		if got := frame([]byte("before")); !bytes.Equal(got, want) {
			t.Errorf("%d bytes: another frame than header and message: %.20q", length, got)
		}
		// The same in a slice that has enough capacity.
		if got := frame(make([]byte, 0, length+maxHeader)); !bytes.Equal(got, want[6:]) {
			t.Errorf("%d bytes with room: another frame than header and message: %.20q", length, got)
		}
	}
}

func TestCloseReasonsAreCutBetweenCharacters(t *testing.T) {
	for name, test := range map[string]struct {
		reason string
		keep   int
	}{
		"empty":              {"", 0},
		"at the limit":       {strings.Repeat("x", 123), 123},
		"over it":            {strings.Repeat("x", 124), 123},
		"far over it":        {strings.Repeat("x", 100_000), 123},
		"rune at the limit":  {strings.Repeat("x", 121) + "é", 123},
		"rune across it":     {strings.Repeat("x", 122) + "é", 122},
		"three bytes across": {strings.Repeat("x", 121) + "€", 121},
		"four bytes across":  {strings.Repeat("x", 120) + "😀", 120},
		"all runes":          {strings.Repeat("€", 100), 123},
		"not UTF-8":          {"stream \xff is gone", len("stream ")},
	} {
		t.Run(name, func(t *testing.T) {
			frame := closeFrame(1008, test.reason)
			want := fmt.Appendf(nil, "\x88%c\x03\xf0%s", test.keep+2, test.reason[:test.keep])
			if !bytes.Equal(frame, want) {
				t.Errorf("frame % x\nwant  % x", frame, want)
			}
			if reason := frame[4:]; !utf8.Valid(reason) || len(frame)-2 > maxControl {
				t.Errorf("%d bytes of payload, reason %q", len(frame)-2, reason)
			}
		})
	}
}

func TestPingCarriesItsTag(t *testing.T) {
	if got, want := appendPing(nil, 0x102), []byte{0x89, 8, 0, 0, 0, 0, 0, 0, 1, 2}; !bytes.Equal(got, want) {
		t.Errorf("ping % x, want % x", got, want)
	}
}
