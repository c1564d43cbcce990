// Package fdsl compiles and evaluates FDSL, the filter language in the tokens of stream-sea. A
// filter decides for each message whether the bearer of the token may see it. In case of doubt it
// decides no.
//
// # Language
//
// A filter is a tree of nodes in JSON. A node is {"t":type,"e":operand}:
//
//	string number bool   e: the literal
//	null                 no e, or an e of null
//	path                 e: a place in the message, as $.a.b[0], $['a'] or a.b[0]
//	meta                 e: "streamName"
//	eq                   e: a list of two nodes
//	and or               e: a list of any number of nodes
//	not                  e: a node, or a list of one node
//
// eq compares JSON values deeply, numbers as float64, and never converts a type. Truthiness is that
// of JavaScript: false, 0, "" and null are falsy, everything else is truthy. The values of eq, and,
// or and not are booleans, so eq(and("a"), true) is true. An empty and is true, an empty or is
// false.
//
// # Errors
//
// A path to a place that the message does not have is an error, which is neither falsy nor truthy.
// The operators follow Kleene's strong three-valued logic, in the order falsy < error < truthy:
// and is the least of its operands, or is the greatest, not exchanges falsy and truthy and keeps
// an error, and eq of an error is an error. A message passes only if the root is truthy. So a
// filter on a field that a message lacks stops the message, under not too. The order of operands
// has no influence on the outcome, so a filter can be reordered, shared and specialized:
// [Filter.Key] and [Filter.For] depend on that.
//
// # Paths
//
// A path names one place. It is a singular query of RFC 9535: names and indexes, with blanks where
// its grammar allows them. A leading "$." is optional before a name. Wildcards, slices, filters,
// functions and ".." are refused. An array has no named members, and an object has no indexes.
//
// # What Compile refuses
//
// [Compile] refuses whatever it does not understand completely, and lists all problems at once:
// duplicate keys, invalid UTF-8, unknown types, missing or surplus operands, operands of a wrong
// type, numbers beyond float64, other paths, and any key but t and e. An unknown key could be a
// condition that the author relies on, such as an extension of another server. Ignoring it could
// show more than the author meant.
//
// # Cost
//
// [Limits] bound a tree before anything recurses into it. Match visits each node at most once and
// allocates nothing. Only an eq of two paths looks at more than one value. In the worst case a
// filter costs the number of its nodes times the size of the message: [Filter.MatchWithin] bounds
// that, and in case of doubt decides no.
//
// # Explanations
//
// [Tree.Explain] and [Filter.Explain] say for one message what each node is, by the evaluator that
// decides the verdict. They are for people who ask why a message did not pass. They cost much more
// than Match, within bounds of their own.
package fdsl
