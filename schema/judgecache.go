package schema

import (
	"container/list"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// maxJudgedFields bounds the fields of the definitions whose judges are kept compiled: each
// field takes 1.3 to 2.1 KB.
const maxJudgedFields = 8000

// judges is shared by all definitions in the process.
var judges = judgeCache{most: maxJudgedFields}

// A judgeCache keeps the compiled form of the judges that were asked last: as many as have at
// most `most` fields together, and at least one.
type judgeCache struct {
	most int // fields

	mu     sync.Mutex // guards what follows
	order  list.List  // of *judge; the one that was asked last is in front
	fields int        // of all in order
}

// schemaOf returns the compiled judge. It compiles it if the cache does not have it.
func (c *judgeCache) schemaOf(j *judge) (*jsonschema.Schema, error) {
	if compiled := c.kept(j); compiled != nil {
		return compiled, nil
	}
	compiled, err := j.compile()
	if err != nil {
		return nil, err
	}
	c.keep(j, compiled)
	return compiled, nil
}

func (c *judgeCache) kept(j *judge) *jsonschema.Schema {
	c.mu.Lock()
	defer c.mu.Unlock()
	if j.place != nil {
		c.order.MoveToFront(j.place)
	}
	return j.schema
}

func (c *judgeCache) keep(j *judge, compiled *jsonschema.Schema) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if j.place != nil {
		return // somebody else was faster
	}
	j.schema, j.place = compiled, c.order.PushFront(j)
	c.fields += 1 + fieldsIn(j.def.Fields)
	for c.fields > c.most && c.order.Len() > 1 {
		last := c.order.Remove(c.order.Back()).(*judge)
		last.schema, last.place = nil, nil
		c.fields -= 1 + fieldsIn(last.def.Fields)
	}
}
