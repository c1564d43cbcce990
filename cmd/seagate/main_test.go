// Package main_test tests the compiled binary as users have it. Tests start it with an
// environment, use its sockets, and stop or kill it by its process id.
package main_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// program is the program under test.
var program string

func TestMain(m *testing.M) {
	if names := os.Getenv(attackNames); names != "" {
		os.Exit(runAttacks(strings.Split(names, ";")))
	}
	// Many tests wait most of the time, so some more can run at a time than there are processors.
	flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))) // the flag -parallel takes precedence
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (int, error) {
	folder, err := os.MkdirTemp("", "seagate-test-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(folder)
	if err := build(filepath.Join(folder, "seagate")); err != nil {
		return 1, err
	}
	code := m.Run()
	if err := stopShared(); err != nil {
		return 1, err
	}
	if err := goleak.Find(); err != nil {
		return 1, fmt.Errorf("the tests leave something behind: %w", err)
	}
	return code, nil
}

// testVersion is the version of the binary under test.
const testVersion = "1.2.3-test"

// build builds the binary, with the race detector if the tests have it.
func build(name string) error {
	args := []string{"build", "-buildvcs=false", "-ldflags", "-s -w -X main.version=" + testVersion, "-o", name}
	if raceDetector {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, ".")...).CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	program = name
	return nil
}
