package cli

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// readInput reads a file of at most so many bytes, or standard input if the name
// is "-".
func (c *Console) readInput(name string, most int64) ([]byte, error) {
	if name == "-" {
		return readAll(c.In, "standard input", most)
	}
	return readNamed(name, most)
}

// readNamed reads a file that the command line names.
func readNamed(name string, most int64) ([]byte, error) { return readBy(OpenFile, name, most) }

// readToken reads a token from a file, or from standard input if the name is "-". For "" it
// is what SEAGATE_TOKEN has, or else "".
func (c *Console) readToken(name string) (string, error) {
	if name == "" {
		return strings.TrimSpace(os.Getenv(envToken)), nil
	}
	if strings.HasPrefix(name, "eyJ") && strings.Count(name, ".") == 2 { // a JWT begins with {"
		return "", usagef("a token is no argument, since every user of this machine can read those: "+
			"give the name of a file, - for standard input, or set %s", envToken)
	}
	text, err := c.readInput(name, maxToken)
	return strings.TrimSpace(string(text)), err
}

// tokenArgument is readToken of the argument at a place. Without one, and without
// SEAGATE_TOKEN, it reads standard input.
func (c *Console) tokenArgument(at int) (string, error) {
	if len(c.Args) > at {
		return c.readToken(c.Args[at])
	}
	if token, _ := c.readToken(""); token != "" {
		return token, nil
	}
	return c.readToken("-")
}

// readFile reads a file of at most so many bytes.
func readFile(name string, most int64) ([]byte, error) { return readBy(openFile, name, most) }

func readBy(open func(string) (*os.File, error), name string, most int64) ([]byte, error) {
	file, err := open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readAll(file, name, most)
}

// OpenFile opens a file that the command line names, to read it.
func OpenFile(name string) (*os.File, error) {
	file, err := openFile(name)
	if err != nil {
		return nil, Usage(err)
	}
	return file, nil
}

func openFile(name string) (*os.File, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = &fs.PathError{Op: "open", Path: name, Err: syscall.EISDIR}
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func readAll(r io.Reader, name string, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("%s has more than %d bytes", name, most)
	}
	return data, nil
}

// validArgument returns an error if an argument that is not the name of a file is not JSON. An argument
// that does not begin like an object, a list or a text was meant as the name of a file.
func validArgument(name, argument string) error {
	err := validJSON(name, jsontext.Value(argument))
	if err == nil {
		return nil
	}
	if text := strings.TrimSpace(argument); text == "" || !strings.Contains(`{["`, text[:1]) {
		if info, err := os.Stat(argument); err == nil && info.IsDir() {
			return usagef("%s is not JSON, and what has that name is a folder", name)
		}
		return usagef("%s is not JSON, and there is no file of that name", name)
	}
	return Usage(err)
}

// validJSON returns an error if data is not JSON. The name says where it is from;
// "-" is standard input.
func validJSON(name string, data jsontext.Value) error {
	if name == "-" {
		name = "standard input"
	}
	if err := json.Unmarshal(data, new(jsontext.Value)); err != nil {
		return fmt.Errorf("%s is not JSON: %w", name, err)
	}
	return nil
}
