package reserve_test

import (
	"errors"
	"log/slog"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"seagate/storage/pebble/internal/reserve"
)

// fullDisk is full until the file of the reserve is removed.
func fullDisk(full *atomic.Bool) vfs.FS {
	return errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		switch op.Kind {
		case errorfs.OpRemove:
			full.Store(false)
		case errorfs.OpCreate, errorfs.OpFileWrite, errorfs.OpRename, errorfs.OpLink:
			if full.Load() {
				return syscall.ENOSPC
			}
		}
		return nil
	}))
}

func TestWritesGoOnWithTheReserve(t *testing.T) {
	var full atomic.Bool
	disk := fullDisk(&full)
	r := reserve.New(disk, "", 1<<20, slog.New(slog.DiscardHandler), nil)
	if r.Missing() != 1<<20 || r.Release() {
		t.Fatal("it is held before Fill")
	}
	files := r.FS()
	log, err := files.Create("1.log", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	writes := map[string]func() error{
		"write": func() error {
			n, err := log.Write([]byte("hello"))
			if n != 5 && err == nil {
				t.Errorf("%d bytes were written", n)
			}
			return err
		},
		"create": func() error {
			_, err := files.Create("2.log", vfs.WriteCategoryUnspecified)
			return err
		},
		"rename": func() error { return files.Rename("2.log", "3.log") },
		"link":   func() error { return files.Link("3.log", "4.log") },
	}
	for _, name := range []string{"write", "create", "rename", "link"} {
		r.Fill()
		if r.Missing() != 0 {
			t.Fatal("it could not be filled")
		}
		full.Store(true)
		if err := writes[name](); err != nil {
			t.Errorf("%s with a reserve: %v", name, err)
		}
		if r.Missing() == 0 {
			t.Errorf("%s used no reserve", name)
		}
		full.Store(true)
		if err := writes["write"](); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("a write without a reserve: %v", err)
		}
		full.Store(false)
	}
	r.Fill()
	if again := reserve.New(disk, "", 1<<20, slog.New(slog.DiscardHandler), nil); again.Missing() != 0 {
		t.Error("a new process does not find the reserve")
	}
}

func TestCompactionsWaitInsteadOfUsingTheReserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var full atomic.Bool
		stopping := make(chan struct{})
		r := reserve.New(fullDisk(&full), "", 1<<20, slog.New(slog.DiscardHandler), stopping)
		r.Fill()
		compact := func() (time.Duration, error) {
			began := time.Now()
			_, err := r.FS().Create("1.sst", "pebble-compaction")
			return time.Since(began), err
		}
		full.Store(true)
		if took, err := compact(); took != 0 || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("the first: %v, %v", took, err)
		}
		if took, err := compact(); took != reserve.Pause || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("the second: %v, %v", took, err)
		}
		if r.Missing() != 0 {
			t.Error("a compaction used the reserve")
		}
		close(stopping)
		if took, _ := compact(); took != 0 {
			t.Errorf("while the engine stops: %v", took)
		}
	})
}
