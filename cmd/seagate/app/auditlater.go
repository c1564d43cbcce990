package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/go-json-experiment/json"

	"seagate/internal/durable"
	"seagate/protocol"
)

// AuditLaterFile is the file of a data folder with entries for the audit stream, of commands that
// worked on the folder without a gateway. The next start writes them, and removes it. An entry may come
// twice, if the process ends in between.
const AuditLaterFile = "audit-later.json"

// maxAuditLater bounds the file, in bytes.
const maxAuditLater = 1 << 20

// AuditLater durably notes what a command has done to a data folder that no gateway uses. before and
// after are as in the entries of a gateway; nil is nothing.
func AuditLater(dir, action, subject string, before, after any) error {
	entries, err := readAuditLater(dir)
	if err != nil {
		return err
	}
	e := protocol.AuditEntry{
		Time: string(protocol.AppendTime(nil, time.Now())), Action: action, Result: protocol.AuditOK, By: protocol.AuditByCommand, Subject: subject,
	}
	if before != nil {
		e.Before, err = json.Marshal(before, json.Deterministic(true))
	}
	if after != nil && err == nil {
		e.After, err = json.Marshal(after, json.Deterministic(true))
	}
	if err != nil {
		return err
	}
	text, err := json.Marshal(append(entries, e))
	if err != nil {
		return err
	}
	if len(text) > maxAuditLater {
		return fmt.Errorf("%s is full: start a gateway on the folder, which writes its entries into the audit stream", filepath.Join(dir, AuditLaterFile))
	}
	return durable.Replace(filepath.Join(dir, AuditLaterFile), text)
}

// readAuditLater returns the entries in the file, none if there is no file.
func readAuditLater(dir string) (entries []protocol.AuditEntry, err error) {
	name := filepath.Join(dir, AuditLaterFile)
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case info.Size() > maxAuditLater:
		return nil, fmt.Errorf("%s is damaged: it is larger than %d bytes", name, maxAuditLater)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &entries); err != nil {
		return nil, fmt.Errorf("%s is damaged: move it away, and note what it has about commands on this folder: %w", name, err)
	}
	return entries, nil
}

// auditEarlier writes the entries of commands that worked on the folder. What cannot be written stays in
// the file, and does not keep the gateway from starting.
func (a *App) auditEarlier() {
	entries, err := readAuditLater(a.config.DataDir)
	if err == nil && len(entries) > 0 {
		err = a.gateway.AuditEarlier(entries)
	}
	if err == nil && entries != nil {
		err = errors.Join(os.Remove(filepath.Join(a.config.DataDir, AuditLaterFile)), durable.SyncFolder(a.config.DataDir))
	}
	if err != nil {
		a.log.Error("what commands have done to the data folder could not be written into the audit stream", "error", err)
	}
}
