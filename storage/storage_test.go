package storage_test

import (
	"testing"

	"seagate/storage"
)

func TestConditionHolds(t *testing.T) {
	tests := []struct {
		name     string
		cond     storage.Condition
		found    bool
		revision uint64
		want     bool
	}{
		{"zero value, absent", storage.Condition{}, false, 0, true},
		{"zero value, present", storage.Condition{}, true, 7, true},
		{"always, absent", storage.Always(), false, 0, true},
		{"always, present", storage.Always(), true, 7, true},
		{"if absent, absent", storage.IfAbsent(), false, 0, true},
		{"if absent, present", storage.IfAbsent(), true, 7, false},
		{"if revision, same", storage.IfRevision(7), true, 7, true},
		{"if revision, other", storage.IfRevision(7), true, 8, false},
		{"if revision, absent", storage.IfRevision(7), false, 0, false},
		{"if revision 0, absent", storage.IfRevision(0), false, 0, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.cond.Holds(test.found, test.revision); got != test.want {
				t.Errorf("Holds(%v, %d) = %v", test.found, test.revision, got)
			}
		})
	}
}
