package app

import (
	"fmt"
	"syscall"

	"seagate/cmd/seagate/config"
	"seagate/internal/sockets"
)

// descriptors divides the file descriptors of the process. If the store finds none when
// it needs one, the process ends; a connection can be refused.
type descriptors struct {
	storage int // files that the store keeps open
	sockets int // connections of clients
	admin   int // connections to the admin listener
	enough  bool
}

const (
	// leastDescriptors are enough for a gateway to run.
	leastDescriptors = 256
	// storageFiles are as many as Pebble keeps open by default.
	storageFiles = 1000
	// otherFiles are listeners, logs, and what the store opens for a short time: tables
	// that it writes, and its journal.
	otherFiles       = 64
	adminConnections = 32
)

// divide plans for a process that may have limit descriptors.
func divide(limit uint64, l config.Limits) (descriptors, error) {
	if limit < leastDescriptors {
		return descriptors{}, fmt.Errorf("the process may have %d open files, and needs at least %d: raise its limit (ulimit -n, LimitNOFILE)", limit, leastDescriptors)
	}
	available := int(min(limit, 1<<30))
	d := descriptors{storage: min(storageFiles, available/4), admin: adminConnections}
	rest := available - d.storage - otherFiles - d.admin - sockets.MaxRefusals
	d.enough = rest >= l.Sockets
	d.sockets = min(rest, l.Sockets)
	return d, nil
}

// limitDescriptors sets how many connections there may be, by the limit of open files.
// The Go runtime has raised that to the hard limit already.
func (a *App) limitDescriptors() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("read the limit of open files: %w", err)
	}
	d, err := divide(limit.Cur, a.config.Limits)
	if err != nil {
		return err
	}
	if !d.enough {
		a.log.Warn("the limit of open files allows fewer connections than limits.sockets", "open_files", limit.Cur,
			"connections", d.sockets, "limits.sockets", a.config.Limits.Sockets, "advice", "raise it (ulimit -n, LimitNOFILE)")
	}
	a.descriptors = d
	a.pool = sockets.NewPool(d.sockets, min(a.config.Limits.Strangers, (d.sockets+1)/2), a.proxies)
	return nil
}
