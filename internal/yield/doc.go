// Package yield lets a goroutine go last.
//
// runtime.Gosched lets those goroutines run first that the scheduler knows to be
// runnable. Those that wait for a socket which has something to read by now are not
// among them: the scheduler looks at sockets when it has nothing else to run. That is
// too early for a goroutine that does the work of many others at once, and so gains
// from each one that asks in time.
package yield
