package gatewaytest

import (
	"context"
	"slices"
	"testing"
)

// Example runs an example with a gateway. It panics where a test would fail.
func Example(run func(ctx context.Context, g *Gateway)) {
	t := &example{ctx: context.Background()}
	defer t.end()
	run(t.ctx, New(t))
}

// example is the part of a testing.TB that New needs.
type example struct {
	testing.TB
	ctx      context.Context
	cleanups []func()
}

func (t *example) Helper()                  {}
func (t *example) Context() context.Context { return t.ctx }
func (t *example) Cleanup(f func())         { t.cleanups = append(t.cleanups, f) }
func (t *example) Error(args ...any)        { panic(args) }
func (t *example) Fatal(args ...any)        { panic(args) }
func (t *example) Fatalf(format string, args ...any) {
	panic(append([]any{format}, args...))
}

func (t *example) end() {
	for _, f := range slices.Backward(t.cleanups) {
		f()
	}
}
