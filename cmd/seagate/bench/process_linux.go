package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// A process is a process of this machine, by its number. 0 uses nothing.
type process int

func self() process { return process(os.Getpid()) }

// clockTicks is USER_HZ, the unit of times in /proc, which is 100 a second on all that Go
// supports.
const clockTicks = 100

func (p process) exists() bool { return p.memory() > 0 }

// cpu returns the time that the process has computed so far, in all threads.
func (p process) cpu() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p))
	if p == 0 || err != nil {
		return 0
	}
	// The name of the program, in brackets, may have spaces and brackets.
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(string(fields[11]), 10, 64)
	system, _ := strconv.ParseInt(string(fields[12]), 10, 64)
	return time.Duration(user+system) * time.Second / clockTicks
}

// memory returns the resident memory of the process, in bytes.
func (p process) memory() int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p))
	fields := bytes.Fields(text)
	if p == 0 || err != nil || len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(string(fields[1]), 10, 64)
	return pages * int64(os.Getpagesize())
}
