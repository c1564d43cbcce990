package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes.
type Size int64

// The units of a Size.
const (
	KiB Size = 1 << 10
	MiB Size = 1 << 20
	GiB Size = 1 << 30
)

var sizeUnits = []struct {
	suffix string
	bytes  Size
}{{"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB}, {"B", 1}, {"", 1}}

// ParseSize reads a whole number with an optional unit: "65536", "65536B",
// "64KiB", "1MiB", "2GiB". It refuses decimal units, because many who write 1MB
// mean 1MiB.
func ParseSize(text string) (Size, error) {
	for _, unit := range sizeUnits {
		digits, ok := strings.CutSuffix(text, unit.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 63)
		if err != nil || n > uint64(math.MaxInt64/unit.bytes) {
			break
		}
		return Size(n) * unit.bytes, nil
	}
	return 0, fmt.Errorf(`%q is not a size: write bytes, or a whole number with KiB, MiB or GiB, such as "64KiB"`, text)
}

// String returns the size in the largest unit that divides it, for ParseSize.
func (s Size) String() string {
	unit := sizeUnits[0]
	for i := 1; s%unit.bytes != 0 || s == 0 && unit.bytes > 1; i++ {
		unit = sizeUnits[i]
	}
	return strconv.FormatInt(int64(s/unit.bytes), 10) + unit.suffix
}
