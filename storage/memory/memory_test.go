package memory_test

import (
	"testing"

	"seagate/storage"
	"seagate/storage/memory"
	"seagate/storage/storagetest"
)

func TestEngine(t *testing.T) {
	storagetest.Run(t, func(*testing.T) storage.Engine { return memory.New() })
}

func TestKeyLimit(t *testing.T) {
	storagetest.RunKeyLimit(t, 10, func(*testing.T) storage.Engine {
		return memory.NewWith(memory.Options{AppendKeys: 10})
	})
}

func TestLargest(t *testing.T) {
	storagetest.RunLargest(t, func(*testing.T) storage.Engine { return memory.New() })
}
