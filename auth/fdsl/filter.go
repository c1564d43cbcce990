package fdsl

// A Filter is a compiled tree. It is immutable and safe for concurrent use.
type Filter struct {
	root      node // simplified: two filters of one key have equal roots
	key       string
	readsMeta bool
}

// Compile turns a tree into a filter. It reads tree strictly and refuses, with
// an *Error that names all problems, what is not a filter in every detail or is
// beyond limits.
//
// A token without a filter has no tree: that case is the caller's, and an empty
// tree or a JSON null is refused. The caller passes the bytes that were signed,
// not a re-encoding of them: a lenient decoder on the way would decide by itself
// which of two duplicate keys counts.
func Compile(tree []byte, limits Limits) (*Filter, error) {
	root, err := parse(tree, limits)
	if err != nil {
		return nil, err
	}
	return newFilter(simplifier{}.truth(&root)), nil
}

func newFilter(root node) *Filter {
	return &Filter{root: root, key: root.key(), readsMeta: root.readsMeta()}
}

// Match says whether a message of the stream passes: whether the filter is
// truthy for it, neither falsy nor an error. doc is the message as json v2
// decodes it into an any: map[string]any, []any, float64, string, bool or nil,
// and nothing else within. Match only reads doc and does not allocate.
func (f *Filter) Match(doc any, streamName string) bool {
	m := message{doc: doc, stream: streamName}
	return m.passes(&f.root)
}

// Key is the canonical form of the filter, in a readable notation. Two filters
// of the same key pass exactly the same messages, so they can be one, evaluated
// once per message. The converse does not hold: different keys may stand for
// filters that agree. It is a few times as long as the tree at most; after For,
// the stream's name stands in it as often as the tree reads it.
func (f *Filter) Key() string { return f.key }

// For returns what is left of the filter on one stream: the name put in for
// meta and everything folded that is constant then. It passes exactly the
// messages of that stream that f passes, and ignores the stream name given to
// its Match. Where the filter never reads the name, For returns f itself.
func (f *Filter) For(streamName string) *Filter {
	if !f.readsMeta {
		return f
	}
	return newFilter(simplifier{stream: &streamName}.truth(&f.root))
}

// Constant says whether the filter treats all messages alike, and if so whether
// it passes them all or none. Not every such filter is recognized; what depends
// on the stream's name alone is, after For.
func (f *Filter) Constant() (passes, ok bool) {
	if f.root.op != opLiteral {
		return false, false
	}
	return isTruthy(f.root.literal), true
}
