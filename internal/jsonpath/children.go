package jsonpath

import (
	"iter"
	"slices"
)

// few is how many children, or places in a Part, are compared one after the other.
// With more, a map finds them.
const few = 8

// children are nodes by name or index.
type children[K comparable] struct {
	few  []child[K]
	many map[K]*node // if it is not nil, it has all, and few none
}

type child[K comparable] struct {
	key  K
	node *node
}

func (c *children[K]) len() int { return len(c.few) + len(c.many) }

func (c *children[K]) each() iter.Seq2[K, *node] {
	return func(yield func(K, *node) bool) {
		for i := range c.few {
			if !yield(c.few[i].key, c.few[i].node) {
				return
			}
		}
		for key, n := range c.many {
			if !yield(key, n) {
				return
			}
		}
	}
}

// find returns the child, or nil.
func (c *children[K]) find(key K) *node {
	if c.many != nil {
		return c.many[key]
	}
	for i := range c.few {
		if c.few[i].key == key {
			return c.few[i].node
		}
	}
	return nil
}

// findName is find for bytes. It returns the name as a string.
func findName(c *children[string], name []byte) (string, *node) {
	if c.many != nil {
		n := c.many[string(name)]
		if n == nil {
			return "", nil
		}
		return string(name), n
	}
	for i := range c.few {
		if c.few[i].key == string(name) {
			return c.few[i].key, c.few[i].node
		}
	}
	return "", nil
}

// take returns the child, which it makes if there is none.
func (c *children[K]) take(key K) *node {
	n := c.find(key)
	if n == nil {
		n = new(node)
		c.put(key, n)
	}
	return n
}

// put adds a child, or replaces the one with the key.
func (c *children[K]) put(key K, n *node) {
	at := slices.IndexFunc(c.few, func(one child[K]) bool { return one.key == key })
	switch {
	case c.many != nil:
		c.many[key] = n
	case at >= 0:
		c.few[at].node = n
	case len(c.few) < few:
		c.few = append(c.few, child[K]{key, n})
	default:
		c.many = map[K]*node{key: n}
		for _, one := range c.few {
			c.many[one.key] = one.node
		}
		c.few = nil
	}
}

func (c *children[K]) drop(key K) {
	c.few = slices.DeleteFunc(c.few, func(one child[K]) bool { return one.key == key })
	if delete(c.many, key); len(c.many) == 0 {
		c.many = nil
	}
}
