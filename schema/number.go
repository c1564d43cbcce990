package schema

// isWhole reports whether a JSON number has no fraction. It reads the digits,
// because a double loses those of 9007199254740993.5 and of 1e-400. It takes time
// linear in the length of the text, which a big.Rat does not for 1e1000000.
func isWhole(token []byte) bool {
	fraction := 0 // digits after the point
	zeros := 0    // zeros at the end of all digits
	isZero, behindPoint := true, false
	for i, c := range token {
		switch {
		case c == 'e' || c == 'E':
			return isZero || exponent(token[i+1:])-fraction+zeros >= 0
		case c == '.':
			behindPoint = true
			continue
		case c == '-':
			continue
		case c == '0':
			zeros++
		default:
			isZero, zeros = false, 0
		}
		if behindPoint {
			fraction++
		}
	}
	return isZero || zeros >= fraction
}

// exponent reads an exponent. It stops counting at a value larger than the number
// of digits in any text.
func exponent(digits []byte) int {
	const enough = 1 << 40
	n, negative := 0, false
	for _, c := range digits {
		switch {
		case c == '-':
			negative = true
		case c != '+':
			n = min(n*10+int(c-'0'), enough)
		}
	}
	if negative {
		return -n
	}
	return n
}
