package cli

import (
	"errors"
	"io/fs"
	"net"
	"os/exec"
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
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		causes[e.Error()] = e.Path + ": " + ofFile(e.Err)
	}
	if e, ok := errors.AsType[*exec.Error](err); ok && errors.Is(e, exec.ErrNotFound) {
		causes[e.Error()] = "there is no program " + strconv.Quote(e.Name)
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == "listen" && errors.Is(e, syscall.EADDRINUSE) {
		causes[e.Error()] = e.Addr.String() + " is taken"
	}
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		causes[e.Error()] = protocol.DescribeJSON(e)
	}
	return causes
}

// ofFile says why a file cannot be used.
func ofFile(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such file"
	case errors.Is(err, fs.ErrPermission):
		return "you may not do that with this file"
	case errors.Is(err, syscall.EISDIR):
		return "it is a folder"
	}
	return err.Error()
}
