package schema

import (
	"strings"
	"time"
)

const (
	dateLayout = "YYYY-MM-DDTHH:mm:ssZ" // for people
	datePlaces = "0000-00-00T00:00:00"  // 0 stands for a digit
)

// isDate reports whether s is an existing moment in UTC, as dateLayout. Lenient
// also accepts what the date functions of JavaScript print: one to nine digits of
// fraction, and +00:00 for the Z. A leap second is refused, because no JavaScript
// date can hold it. time.Parse does not serve here: it accepts fractions and
// hours of one digit. The format of JSON Schema accepts offsets, too.
func isDate(s string, lenient bool) bool {
	if len(s) <= len(datePlaces) {
		return false
	}
	for i := range len(datePlaces) {
		if digit := '0' <= s[i] && s[i] <= '9'; digit != (datePlaces[i] == '0') || !digit && s[i] != datePlaces[i] {
			return false
		}
	}
	if rest := s[len(datePlaces):]; rest != "Z" && !(lenient && isLenientEnd(rest)) {
		return false
	}
	hour, minute, second := number(s[11:13]), number(s[14:16]), number(s[17:19])
	return isDay(number(s[:4]), number(s[5:7]), number(s[8:10])) && hour < 24 && minute < 60 && second < 60
}

func isLenientEnd(s string) bool {
	if fraction, ok := strings.CutPrefix(s, "."); ok {
		s = strings.TrimLeft(fraction, "0123456789")
		if n := len(fraction) - len(s); n < 1 || n > 9 {
			return false
		}
	}
	return s == "Z" || s == "+00:00"
}

func isDay(year, month, day int) bool {
	if month < 1 || month > 12 || day < 1 {
		return false
	}
	if month == 2 && (year%4 != 0 || year%100 == 0 && year%400 != 0) {
		return day <= 28
	}
	lengths := [...]int{time.January: 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}
	return day <= lengths[month]
}

func number(digits string) int {
	n := 0
	for i := range len(digits) {
		n = n*10 + int(digits[i]-'0')
	}
	return n
}
