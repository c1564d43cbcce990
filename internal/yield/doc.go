// Package yield lets a goroutine go last.
//
// runtime.Gosched lets those goroutines run first that the scheduler knows to be
// runnable. Those that wait for a socket which has something to read by now are not
// among them: the scheduler looks at sockets when it has nothing else to run. Where one
// goroutine does for many at once what each asks for, and so gains from every one that
// asks in time, that is too early.
package yield
