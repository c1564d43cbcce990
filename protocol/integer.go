package protocol

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxInteger is the largest integer up to which JavaScript, whose clients send
// ids and numbers, represents every integer exactly.
const MaxInteger = 1 << 53

// parseInteger returns the value of a JSON number that is an integer between
// -MaxInteger and MaxInteger. 1.0 and 1e0 are integers. It takes time linear in
// the length of the number, whatever the exponent. Floating point would too,
// but takes 1.00000000000000000001 for an integer.
func parseInteger(raw jsontext.Value) (int64, bool) {
	const longest = len("-9007199254740992")
	if raw.Kind() != '0' {
		return 0, false
	}
	if len(raw) <= longest {
		if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
			return inRange(n)
		}
	}
	literal, negative := strings.CutPrefix(string(raw), "-")
	n, ok := parseScaled(literal)
	if negative {
		n = -n
	}
	return n, ok
}

func inRange(n int64) (int64, bool) {
	if n < -MaxInteger || n > MaxInteger {
		return 0, false
	}
	return n, true
}

// parseScaled reads an unsigned number as digits × 10^scale, where digits has
// no zeros at either end.
func parseScaled(literal string) (int64, bool) {
	mantissa, exponent := literal, "0"
	if i := strings.IndexAny(literal, "eE"); i >= 0 {
		mantissa, exponent = literal[:i], literal[i+1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimRight(whole+fraction, "0")
	zeros := len(whole) + len(fraction) - len(digits)
	digits = strings.TrimLeft(digits, "0")
	if digits == "" {
		return 0, true
	}
	power, err := strconv.ParseInt(exponent, 10, 32)
	if err != nil {
		return 0, false
	}
	scale := int(power) - len(fraction) + zeros
	if scale < 0 || len(digits)+scale > len("9007199254740992") {
		return 0, false
	}
	n, _ := strconv.ParseInt(digits+strings.Repeat("0", scale), 10, 64) // so few digits fit
	return inRange(n)
}

// parseSeq returns the value of a JSON number that is a message number: an
// integer from 1 on.
func parseSeq(raw jsontext.Value) (uint64, bool) {
	n, ok := parseInteger(raw)
	if !ok || n < 1 {
		return 0, false
	}
	return uint64(n), true
}
