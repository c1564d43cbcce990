package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"seagate/internal/systemd"
	"seagate/storage/pebble"
)

// Names of sockets of the service manager (FileDescriptorName=).
const (
	clientsSocket = "clients"
	adminSocket   = "admin"
	linesSocket   = "lines"
)

// adopt listens on the sockets of the service manager. A socket called admin is for the
// admin listener, one called lines for the lines listener, and one called clients for the
// public listener. Without one called clients, the only socket with another name is for the
// public listener. The service manager keeps the sockets open. So connections that arrive
// while one gateway replaces another wait, and are not refused.
func (a *App) adopt(sockets []systemd.Socket) error {
	for _, s := range sockets {
		a.onClose(func() { s.Listener.Close() })
	}
	var others []systemd.Socket
	var problems []error
	take := func(at *net.Listener, s systemd.Socket) {
		if *at != nil {
			problems = append(problems, fmt.Errorf("the service manager passes two sockets for %s: pass one", s.Name))
		}
		*at = s.Listener
	}
	for _, s := range sockets {
		switch s.Name {
		case clientsSocket:
			take(&a.public, s)
		case adminSocket:
			take(&a.adminSide, s)
		case linesSocket:
			take(&a.lineSide, s)
		default:
			others = append(others, s)
		}
	}
	if len(others) == 1 && a.public == nil {
		a.public, others = others[0].Listener, nil
	}
	for _, s := range others {
		problems = append(problems, fmt.Errorf("the service manager passes a socket called %q: set FileDescriptorName=%s, %s or %s in its unit", s.Name, clientsSocket, adminSocket, linesSocket))
	}
	if len(problems) > 0 {
		return errors.Join(problems...)
	}
	if len(sockets) > 0 {
		a.log.Info("listening on sockets of the service manager", "sockets", nameSockets(sockets),
			"advice", "the settings listen, admin_listen and lines.listen do not count for them")
	}
	return nil
}

func nameSockets(sockets []systemd.Socket) string {
	var names []string
	for _, s := range sockets {
		names = append(names, s.Name+" "+s.Listener.Addr().String())
	}
	return strings.Join(names, ", ")
}

// listen opens the listeners that the service manager has not passed, before a data
// folder is created.
func (a *App) listen(ctx context.Context) error {
	for _, l := range []struct {
		at                 *net.Listener
		key, address, whom string
	}{
		{&a.public, "listen", a.config.Listen, "clients"},
		{&a.adminSide, "admin_listen", a.config.AdminListen, "the operator"},
		{&a.lineSide, "lines.listen", a.config.Lines.Listen, "message streams"},
	} {
		if *l.at != nil || l.address == "" {
			continue
		}
		err := a.await(ctx, l.key, syscall.EADDRINUSE, func() (err error) {
			*l.at, err = net.Listen("tcp", l.address)
			return err
		})
		if err != nil {
			*l.at = nil
			return fmt.Errorf("listen for %s: %w", l.whom, err)
		}
		a.onClose(func() { (*l.at).Close() })
	}
	return nil
}

func (a *App) openStorage(ctx context.Context) error {
	return a.await(ctx, "data_dir", pebble.ErrInUse, func() error {
		engine, err := pebble.Open(filepath.Join(a.config.DataDir, StoreFolder), pebble.Options{
			Logger:     a.log,
			MinFree:    minFree(a.config),
			AppendKeys: a.config.Limits.MessageIDs,
			OpenFiles:  a.descriptors.storage,

			TenantQueue: a.config.Limits.QueuedChangesPerJail,
			Committed:   a.commits.Observe,
		})
		if err != nil {
			return err
		}
		a.engine = engine
		a.onClose(func() { engine.Close() })
		return nil
	})
}

// await repeats open while it fails with inUse: another process, most likely the gateway
// that this one replaces, uses what the setting with the key names. It gives up when
// startup.wait has passed since New.
func (a *App) await(ctx context.Context, key string, inUse error, open func() error) error {
	const interval = 10 * time.Millisecond
	for logged := false; ; logged = true {
		err := open()
		if !errors.Is(err, inUse) || !time.Now().Before(a.patience) {
			return err
		}
		if !logged {
			a.log.Info("waiting for what another process uses", "setting", key, "left", time.Until(a.patience), "error", err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("stopped while waiting: %w", err)
		case <-time.After(interval):
		}
	}
}
