package pebble

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"seagate/storage"
	"seagate/storage/pebble/internal/format"
)

// Header implements storage.Log.
func (l *log) Header(ctx context.Context) (storage.LogHeader, error) {
	e := l.engine
	e.mu.RLock()
	defer e.mu.RUnlock()
	if err := e.usable(ctx); err != nil {
		return storage.LogHeader{}, err
	}
	switch h := l.durable.Load(); {
	case h.deleted:
		return storage.LogHeader{}, storage.ErrNoLog
	case h.Number == 0: // it is not stored yet
		return storage.LogHeader{}, nil
	}
	b, closer, err := e.durable.Get(format.LogHeaderKey(l.name))
	if errors.Is(err, pebble.ErrNotFound) {
		return storage.LogHeader{}, nil
	}
	if err != nil {
		return storage.LogHeader{}, l.readError(err)
	}
	defer closer.Close()
	header, err := decodeHeader(b)
	return header, l.readError(err)
}

func decodeHeader(b []byte) (storage.LogHeader, error) {
	value, _, err := format.DecodeRecordValue(b)
	if err != nil {
		return storage.LogHeader{}, fmt.Errorf("header: %w", err)
	}
	seq, header, err := format.DecodeLogHeader(value)
	if err != nil {
		return storage.LogHeader{}, fmt.Errorf("header: %w", err)
	}
	return storage.LogHeader{Seq: seq, Value: bytes.Clone(header)}, nil
}

// putHeader stores the header that came with the newest entries of the log.
func (b *batch) putHeader(l *log, header []byte) error {
	key := format.LogHeaderKey(l.name)
	current, err := b.revisionOf(key)
	if err != nil {
		return err
	}
	_, err = b.putRecord(key, format.NewRecordValue(format.EncodeLogHeader(l.staged.Next-1, header)), current)
	return err
}

// deleteHeader removes the header of a log, if it has one.
func (b *batch) deleteHeader(l *log) error {
	key := format.LogHeaderKey(l.name)
	current, err := b.revisionOf(key)
	if err != nil || current == 0 {
		return err
	}
	return b.deleteRecord(key, current)
}
