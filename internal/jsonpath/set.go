package jsonpath

import (
	"iter"

	"seagate/internal/jsonscan"
)

// A Set is paths that are asked of the same texts. Read finds what is at them, and
// decodes nothing else. The zero value is empty. Several goroutines may call Read at
// the same time, if nobody changes the set meanwhile.
type Set struct {
	root     node
	fromBack int // negative indexes in the paths
}

// A node is a place to which paths of a Set lead. Its children are the next places of
// these paths: members of an object, and elements of an array.
type node struct {
	uses     int // of paths, each time that they were added
	names    children[string]
	indexes  children[int64]
	together []*node // if it is not nil, the node is all of these at once, and has no children
}

// SetOf returns a set of the paths.
func SetOf(paths iter.Seq[Path]) *Set {
	s := new(Set)
	for p := range paths {
		s.Add(p)
	}
	return s
}

// Add adds a path. It may be in the set already.
func (s *Set) Add(p Path) {
	n := &s.root
	for i := range p.steps {
		step := &p.steps[i]
		s.count(step, 1)
		if step.byIndex {
			n = n.indexes.take(step.index)
		} else {
			n = n.names.take(step.name)
		}
		n.uses++
	}
}

// Remove takes back one Add of the path.
func (s *Set) Remove(p Path) {
	n := &s.root
	for i := range p.steps {
		step := &p.steps[i]
		s.count(step, -1)
		from := n
		if step.byIndex {
			n = n.indexes.find(step.index)
		} else {
			n = n.names.find(step.name)
		}
		if n.uses--; n.uses > 0 {
			continue
		}
		if step.byIndex {
			from.indexes.drop(step.index)
		} else {
			from.names.drop(step.name)
		}
	}
}

func (s *Set) count(step *segment, n int) {
	if step.byIndex && step.index < 0 {
		s.fromBack += n
	}
}

// Read reads a text, which must not change as long as the document is used. It reports
// false if json v2 would not decode the text into an any. Paths of the set lead to the
// same in the document as in what json v2 decodes; others lead to nothing.
//
// It takes time linear in the length of the text. If an element is meant both by an
// index from the front and by one from the back, it also takes time for each path
// through them.
func (s *Set) Read(text []byte, d *Document) (ok bool) {
	c := jsonscan.NewCursor(text)
	defer c.Release()
	if s.fromBack > 0 {
		c.CountElements()
	}
	r := reader{c, d, s.fromBack > 0}
	root := r.read(&s.root)
	if !c.End() {
		*d = Document{}
		return false
	}
	d.Value = d.decode(&root)
	return true
}

// A reader reads one text for a Set.
type reader struct {
	*jsonscan.Cursor
	document *Document
	counted  bool // how many elements arrays have is known when they are entered
}

// read reads the value at the cursor.
func (r *reader) read(n *node) place {
	n = n.expand()
	switch kind := r.Kind(); {
	case kind == '{' && n.names.len() > 0:
		return r.enter(n, false, r.members)
	case kind == '[' && n.indexes.len() > 0:
		return r.enter(n, true, r.elements)
	case kind == '{' || kind == '[':
		raw, length := r.Skip()
		return place{isDecoded: true, value: &Part{document: r.document, raw: raw, length: length, isArray: kind == '['}}
	default:
		raw, _ := r.Skip()
		return place{raw: raw}
	}
}

// enter reads the object or array at the cursor, and what is asked of it with inside.
func (r *reader) enter(n *node, isArray bool, inside func(n *node) []place) place {
	r.Enter()
	part := &Part{document: r.document, isArray: isArray, found: inside(n)}
	part.raw, part.length = r.Left()
	return place{isDecoded: true, value: part}
}

// members reads the members of the object that was entered.
func (r *reader) members(n *node) (found []place) {
	missing := n.names.len()
	for r.Next() {
		if missing > 0 {
			if name, child := findName(&n.names, r.Name()); child != nil {
				missing--
				found = appendPlace(found, missing, r.read(child))
				found[len(found)-1].name = name
				continue
			}
		}
		r.Skip()
	}
	return found
}

// elements reads the elements of the array that was entered.
func (r *reader) elements(n *node) (found []place) {
	missing, length := n.indexes.len(), int64(0)
	if r.counted {
		length = int64(r.Length())
	}
	for i := int64(0); r.Next(); i++ {
		if missing > 0 {
			child := n.indexes.find(i)
			if child != nil {
				missing--
			}
			if r.counted {
				if back := n.indexes.find(i - length); back != nil {
					missing--
					child = child.with(back)
				}
			}
			if child != nil {
				found = appendPlace(found, missing, r.read(child))
				found[len(found)-1].index = i
				continue
			}
		}
		r.Skip()
	}
	return found
}

// appendPlace allocates once, unless the set asks for much.
func appendPlace(found []place, missing int, p place) []place {
	if found == nil {
		found = make([]place, 0, 1+min(missing, few))
	}
	return append(found, p)
}

// with returns a node that is both. n may be nil. It is not used afterwards, unless it
// is in the Set.
func (n *node) with(other *node) *node {
	if n == nil {
		return other
	}
	return &node{together: append(n.all(), other.all()...)}
}

// all returns the nodes of the Set that n is.
func (n *node) all() []*node {
	if n.together != nil {
		return n.together
	}
	return []*node{n}
}

// expand returns a node with the children of all that n is.
func (n *node) expand() *node {
	if n.together == nil {
		return n
	}
	e := new(node)
	for _, one := range n.together {
		for name, child := range one.names.each() {
			e.names.put(name, e.names.find(name).with(child))
		}
		for index, child := range one.indexes.each() {
			e.indexes.put(index, e.indexes.find(index).with(child))
		}
	}
	return e
}
