// Package storagetest is the suite that every storage engine passes. It checks
// the contract of package storage, and nothing that only one engine does. Tests
// of engines also find their common helpers here.
package storagetest

import (
	"testing"
	"testing/synctest"

	"seagate/storage"
)

type engineTest struct {
	name string
	run  func(t *testing.T, e storage.Engine)
}

var engineTests = []engineTest{
	{"Get", testGet},
	{"Conditions", testConditions},
	{"Revisions", testRevisions},
	{"Copies", testCopies},
	{"Bounds", testBounds},
	{"OutOfBounds", testOutOfBounds},
	{"ListOrder", testListOrder},
	{"ListPrefix", testListPrefix},
	{"ListSeparatesTables", testListSeparatesTables},
	{"ListIsSnapshot", testListIsSnapshot},
	{"ListStops", testListStops},
	{"Model", testModel},
	{"CanceledContext", testCanceledContext},
	{"Closed", testClosed},
	{"CloseDuringList", testCloseDuringList},
	{"CloseDuringWrites", testCloseDuringWrites},
	{"ConcurrentCreate", testConcurrentCreate},
	{"ConcurrentDelete", testConcurrentDelete},
	{"ConcurrentIncrement", testConcurrentIncrement},
	{"ConcurrentReaders", testConcurrentReaders},
	{"LogAppend", testLogAppend},
	{"LogNames", testLogNames},
	{"LogOutOfBounds", testLogOutOfBounds},
	{"LogRead", testLogRead},
	{"LogFind", testLogFind},
	{"LogTrim", testLogTrim},
	{"LogTrimBegins", testLogTrimBegins},
	{"LogTrimWhileAppending", testLogTrimWhileAppending},
	{"LogDelete", testLogDelete},
	{"LogModel", testLogModel},
	{"LogKeys", testLogKeys},
	{"LogKeyRefusals", testLogKeyRefusals},
	{"LogKeysAtOnce", testLogKeysAtOnce},
	{"LogKeyOutlivesEntries", testLogKeyOutlivesEntries},
	{"LogHeader", testLogHeader},
	{"LogHeaderRefusals", testLogHeaderRefusals},
	{"LogHeaderDeleted", testLogHeaderDeleted},
	{"LogHeaderIsNoRecord", testLogHeaderIsNoRecord},
	{"LogAppenders", testLogAppenders},
	{"LogReadersWhileAppending", testLogReadersWhileAppending},
	{"LogCanceledContext", testLogCanceledContext},
	{"LogClosed", testLogClosed},
	{"LogCloseDuringAppends", testLogCloseDuringAppends},
}

// timedTests run in a bubble of synctest, where time passes when all are idle.
var timedTests = []engineTest{
	{"LogTimes", testLogTimes},
	{"LogTrimByAge", testLogTrimByAge},
	{"LogKeyWindow", testLogKeyWindow},
}

// Run checks the engines that open returns. Each call of open returns a new,
// empty engine, which Run closes.
func Run(t *testing.T, open func(t *testing.T) storage.Engine) {
	for _, test := range engineTests {
		t.Run(test.name, func(t *testing.T) { runOn(t, open, test.run) })
	}
	for _, test := range timedTests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { runOn(t, open, test.run) })
		})
	}
}

func runOn(t *testing.T, open func(t *testing.T) storage.Engine, run func(t *testing.T, e storage.Engine)) {
	e := open(t)
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	run(t, e)
}

// RunKeyLimit checks an engine that remembers at most limit keys.
func RunKeyLimit(t *testing.T, limit int, open func(t *testing.T) storage.Engine) {
	synctest.Test(t, func(t *testing.T) {
		runOn(t, open, func(t *testing.T, e storage.Engine) { testLogKeyLimit(t, e, limit) })
	})
}

// RunLargest makes the largest appends that are allowed. It takes a while.
func RunLargest(t *testing.T, open func(t *testing.T) storage.Engine) {
	runOn(t, open, testLogLargestAppends)
}
