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
	eachCause(err, func(cause error) {
		switch e := cause.(type) {
		case *fs.PathError:
			causes[e.Error()] = e.Path + ": " + ofFile(e)
		case *exec.Error:
			if errors.Is(e, exec.ErrNotFound) {
				causes[e.Error()] = "there is no program " + strconv.Quote(e.Name)
			}
		case *net.OpError:
			if e.Op == "listen" && errors.Is(e, syscall.EADDRINUSE) {
				causes[e.Error()] = e.Addr.String() + " is taken"
			}
		case *jsontext.SyntacticError:
			causes[e.Error()] = protocol.DescribeJSON(e)
		}
	})
	return causes
}

// eachCause calls do for an error and all that it wraps.
func eachCause(err error, do func(error)) {
	do(err)
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
