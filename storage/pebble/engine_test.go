package pebble_test

import (
	"os"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"seagate/storage"
	"seagate/storage/pebble"
	"seagate/storage/storagetest"
)

func TestEngine(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Engine {
		return mustOpen(t, "data", on(vfs.NewMem()))
	})
	storagetest.RunDurable(t, func(t *testing.T) func() storage.Engine {
		dir := t.TempDir()
		return func() storage.Engine { return mustOpen(t, dir, on(nil)) }
	})
}

func TestLargestSoak(t *testing.T) {
	if os.Getenv("SEAGATE_SOAK") == "" {
		t.Skip("writes 512 MiB; set SEAGATE_SOAK to do so")
	}
	storagetest.RunLargest(t, func(t *testing.T) storage.Engine {
		e, err := pebble.Open(t.TempDir(), pebble.Options{Logger: quiet, OnFatal: func(err error) { t.Errorf("engine failed: %v", err) }})
		if err != nil {
			t.Fatal(err)
		}
		return e
	})
}

func TestKeyLimit(t *testing.T) {
	storagetest.RunKeyLimit(t, 10, func(t *testing.T) storage.Engine {
		return mustOpen(t, "data", pebble.Options{FS: vfs.NewMem(), Logger: quiet, AppendKeys: 10})
	})
}
