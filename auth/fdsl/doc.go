// Package fdsl compiles and evaluates FDSL, the filter language of stream-sea
// JWTs. A filter decides for each message whether the bearer may see it, so in
// every doubt it says no.
//
// # Language
//
// A filter is a tree of nodes, in JSON. A node is {"t":type,"e":operand}:
//
//	string number bool   e: the literal
//	null                 no e (an e of null counts as none)
//	path                 e: where in the message, as $.a.b[0], $['a'] or a.b[0]
//	meta                 e: "streamName"
//	eq                   e: a list of two nodes
//	and or               e: a list of any number of nodes
//	not                  e: a node, or a list of one node
//
// eq compares JSON values deeply, numbers as float64, and never converts a
// type. Truthiness is JavaScript's: false, 0, "" and null are falsy, everything
// else is truthy. eq, and, or and not are booleans wherever they stand, so
// eq(and("a"), true) is true. An empty and is true, an empty or is false.
//
// # Errors fail closed
//
// A path where the message has nothing is an error, a third outcome between
// falsy and truthy. The connectives are Kleene's strong logic over the three:
// and is its least operand, or its greatest, not swaps falsy and truthy and
// keeps an error; eq of an error is an error. Only a truthy root lets the
// message pass. A filter on a field that a message lacks therefore keeps the
// message back, under not too. And since the outcome does not depend on the
// order of operands, a filter may be reordered, shared and specialized without
// changing what anyone sees: [Filter.Key] and [Filter.For] rest on that.
//
// # Paths
//
// A path names one place: it is a singular query of RFC 9535 (names and
// indexes, with the blanks that its grammar allows). A leading "$." may be left
// out before a name. Wildcards, slices, filters, functions and ".." are
// refused. A name finds nothing in an array and an index finds nothing in an
// object.
//
// # What is refused
//
// [Compile] refuses what it does not understand in full, with the places of all
// problems at once: duplicate keys, invalid UTF-8, unknown types, missing or
// surplus operands, operands of the wrong type, numbers beyond float64, other
// paths, and any key but t and e. A key that nobody reads could be a condition
// that its author relies on, such as an extension of another server; to ignore
// it could show more than was meant.
//
// # Cost
//
// [Limits] bound a tree before anything recurses into it. Match visits each node
// at most once and allocates nothing. Only an eq of two paths looks further than
// one value: at worst, such a filter costs its number of nodes times the size of
// the message.
package fdsl
