package protocol

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxInteger is up to where every integer is a number of its own in
// JavaScript, whose clients these ids come from.
const maxInteger = 1 << 53

// parseInteger returns the integer that the raw value is: any JSON number
// with an integral value between -2^53 and 2^53, exactly. It takes time
// linear in the number's length, whatever the exponent; floating point would
// be as fast but take 1.00000000000000000001 for an integer.
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
	if n < -maxInteger || n > maxInteger {
		return 0, false
	}
	return n, true
}

// parseScaled reads an unsigned number as digits × 10^scale, the digits
// without zeros at either end.
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
