package cli

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/protocol"
)

// inPlainWords returns the text of an error with words of ours where it quotes the standard
// library or the JSON decoder, whose texts name system calls and packages.
func inPlainWords(err error) string {
	text := err.Error()
	for cause, words := range causesOf(err) {
		text = strings.Replace(text, cause, words, 1)
	}
	return text
}

// causesOf returns what an error quotes, and what to say instead.
func causesOf(err error) map[string]string {
	causes := map[string]string{}
	eachCause(err, func(cause error) (descend bool) {
		switch e := cause.(type) {
		case *exec.Error:
			causes[e.Error()] = ofProgram(e)
			return false
		case *fs.PathError:
			causes[e.Error()] = e.Path + ": " + ofFile(e)
		case *net.OpError:
			if e.Op == "listen" && errors.Is(e, syscall.EADDRINUSE) {
				causes[e.Error()] = e.Addr.String() + " is taken"
			}
		case *jsontext.SyntacticError:
			causes[e.Error()] = protocol.DescribeJSON(e)
		}
		return true
	})
	return causes
}

// eachCause calls do for an error and all that it wraps. It does not look into an error for which do returns false.
func eachCause(err error, do func(error) (descend bool)) {
	if !do(err) {
		return
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if below := e.Unwrap(); below != nil {
			eachCause(below, do)
		}
	case interface{ Unwrap() []error }:
		for _, below := range e.Unwrap() {
			eachCause(below, do)
		}
	}
}

// ofProgram says why a program cannot be run.
func ofProgram(e *exec.Error) string {
	if errors.Is(e, exec.ErrNotFound) || errors.Is(e, fs.ErrNotExist) {
		return "there is no program " + strconv.Quote(e.Name)
	}
	if cause, ok := errors.AsType[*fs.PathError](e.Err); ok {
		return strconv.Quote(e.Name) + " cannot be run: " + ofFile(cause)
	}
	return strconv.Quote(e.Name) + " cannot be run: " + e.Err.Error()
}

// ofFile says why a file cannot be used.
func ofFile(e *fs.PathError) string {
	switch {
	case errors.Is(e.Err, fs.ErrNotExist):
		folder := filepath.Dir(e.Path)
		if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
			return "there is no folder " + folder
		}
		return "there is no such file"
	case errors.Is(e.Err, syscall.EISDIR):
		return "it is a folder"
	}
	return e.Err.Error()
}
