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
