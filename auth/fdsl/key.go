package fdsl

import (
	"strconv"
)

// key returns a simplified tree in the notation of Filter.Key:
//
//	and(eq($["to"][0],"x"),not(streamName),or($["a"],eq($["b"],1.5)))
//
// Different trees have different keys. Strings are quoted as in Go, which is unambiguous for all
// bytes: a stream's name may be invalid UTF-8 here.
func (n *node) key() string { return string(n.appendKey(nil)) }

func (n *node) appendKey(b []byte) []byte {
	switch n.op {
	case opLiteral:
		return appendLiteral(b, n.literal)
	case opPath:
		return n.path.Append(b)
	case opMeta:
		return append(b, "streamName"...)
	case opEq:
		return n.appendCall(b, "eq")
	case opAnd:
		return n.appendCall(b, "and")
	case opOr:
		return n.appendCall(b, "or")
	default:
		return n.appendCall(b, "not")
	}
}

func (n *node) appendCall(b []byte, name string) []byte {
	b = append(append(b, name...), '(')
	for i := range n.operands {
		if i > 0 {
			b = append(b, ',')
		}
		b = n.operands[i].appendKey(b)
	}
	return append(b, ')')
}

func appendLiteral(b []byte, literal any) []byte {
	switch v := literal.(type) {
	case string:
		return strconv.AppendQuote(b, v)
	case float64:
		if v == 0 {
			v = 0 // the same for -0, which is equal
		}
		return strconv.AppendFloat(b, v, 'g', -1, 64)
	case bool:
		return strconv.AppendBool(b, v)
	default:
		return append(b, "null"...)
	}
}
