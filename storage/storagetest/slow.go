package storagetest

import (
	"context"

	"seagate/storage"
)

// SlowAppends is an engine that calls Done of an append only after Gate is closed, like an engine on a slow
// disk.
type SlowAppends struct {
	storage.Engine
	Gate chan struct{}
}

// OpenLog implements storage.Logs.
func (s SlowAppends) OpenLog(ctx context.Context, name string) (storage.Log, error) {
	log, err := s.Engine.OpenLog(ctx, name)
	return slowLog{log, s.Gate}, err
}

type slowLog struct {
	storage.Log
	gate chan struct{}
}

func (l slowLog) Append(a storage.Append) {
	done := a.Done
	if done == nil {
		l.Log.Append(a)
		return
	}
	a.Done = func(appended storage.Appended, err error) {
		go func() {
			<-l.gate
			done(appended, err)
		}()
	}
	l.Log.Append(a)
}
