package catalog

import (
	"testing"
	"unsafe"
)

// There are thousands of streams, and almost none is being changed.
func TestAStreamAtRestIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(Stream{}); n > 96 {
		t.Errorf("a stream takes %d bytes", n)
	}
}
