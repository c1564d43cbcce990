// Package terminaltest gives tests a pseudo terminal.
package terminaltest

import (
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"
	"unsafe"
)

// Open returns both ends of a pseudo terminal: the person's and the command's. It skips the
// test where there are none.
func Open(t *testing.T) (person, command *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("there are no pseudo terminals here:", err)
	}
	t.Cleanup(func() { person.Close() })
	var number, unlocked int32
	control(t, person, syscall.TIOCGPTN, unsafe.Pointer(&number))
	control(t, person, syscall.TIOCSPTLCK, unsafe.Pointer(&unlocked))
	command, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("there are no pseudo terminals here:", err)
	}
	t.Cleanup(func() { command.Close() })
	return person, command
}

// Resize sets the size of a terminal.
func Resize(t *testing.T, terminal *os.File, columns, rows uint16) {
	t.Helper()
	size := [4]uint16{rows, columns}
	control(t, terminal, syscall.TIOCSWINSZ, unsafe.Pointer(&size))
}

// ReadAll sends what the person sees, once the command's end is closed everywhere.
func ReadAll(person *os.File) <-chan string {
	seen := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(person) // ends with an error
		seen <- string(text)
	}()
	return seen
}

// control is ioctl(2).
func control(t *testing.T, file *os.File, request uintptr, value unsafe.Pointer) {
	t.Helper()
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, file.Fd(), request, uintptr(value)); errno != 0 {
		t.Fatal("ioctl:", errno)
	}
}
