package schema

// isWhole says whether a JSON number has no fraction. It reads the digits as
// they were sent, because a double loses those of 9007199254740993.5 and of
// 1e-400, and takes time that grows with the length of the text alone, which
// a big.Rat does not on 1e1000000.
func isWhole(token []byte) bool {
	fraction := 0 // digits behind the point
	zeros := 0    // at the end of all digits
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

// exponent reads an exponent. One larger than any text has digits is as good as that.
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
