//go:build linux

// Command cases measures a gateway on this machine, case by case, beside a loop that does nothing
// but what has to be done, and writes a table. `make bench` runs it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

var (
	program  = flag.String("seagate", "bin/seagate", "the `PROGRAM` to measure")
	document = flag.String("document", "docs/performance.md", "the `FILE` that keeps the tables; \"\" only prints them")
	only     = flag.String("only", "", "run the cases whose names match this `EXPRESSION`")
	rounds   = flag.Int("rounds", 5, "`NUMBER` of pairs of each case, of which the medians count")
	folder   = flag.String("folder", "", "`FOLDER` for data, on the disk to measure (default a temporary one)")

	bareAddress = flag.String("bare", "", "serve the bare loop at this `ADDRESS`, and do nothing else")
	bareFolder  = flag.String("store", "", "the `FOLDER` where -bare stores messages (default none)")
	commitsOf   = flag.Int("commits", 0, "measure the commits of a bare Pebble with so many goroutines, and do nothing else")
)

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	switch {
	case *bareAddress != "":
		return serveBare(*bareAddress, *bareFolder)
	case *commitsOf > 0:
		n, err := commitBare(*folder, *commitsOf, 256, measured)
		fmt.Println(n)
		return err
	}
	chosen, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	temporary, err := os.MkdirTemp(*folder, "seagate-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	m := &machine{program: *program, folder: temporary}
	tables := header() + compared(m, chosen) + "\n" + grown(m, chosen)
	fmt.Print(tables)
	if *document == "" || *only != "" {
		return nil
	}
	return keep(tables)
}

// compared runs the cases and returns their table.
func compared(m *machine, chosen *regexp.Regexp) string {
	var b strings.Builder
	fmt.Fprintln(&b, "| case | measure | bare | Seagate | ratio | to reach |\n|---|---|---|---|---|---|")
	for _, c := range cases {
		if !chosen.MatchString(c.name) {
			continue
		}
		var bare, ours []float64
		var failed error
		for round := 0; round < *rounds && failed == nil; round++ {
			failed = c.pair(m, round%2 == 1, &bare, &ours)
		}
		fmt.Fprintln(&b, c.row(median(bare), median(ours), failed))
		fmt.Fprintln(os.Stderr, c.row(median(bare), median(ours), failed))
	}
	return b.String()
}

// pair measures both, in the order A B or B A, so that a machine that slows down favours nobody.
func (c *comparison) pair(m *machine, reverse bool, bare, ours *[]float64) error {
	steps := []func() error{
		func() error { return measure(bare, m, c.bare) },
		func() error { return measure(ours, m, c.ours) },
	}
	if reverse {
		slices.Reverse(steps)
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func measure(into *[]float64, m *machine, f func(*machine) (float64, error)) error {
	if f == nil {
		return nil
	}
	v, err := f(m)
	if err == nil {
		*into = append(*into, v)
	}
	return err
}

func (c *comparison) row(bare, ours float64, failed error) string {
	if failed != nil {
		return fmt.Sprintf("| %s | %s | | failed: %v | | %s |", c.name, c.unit, failed, c.target)
	}
	beside, ratio := "–", "–"
	if bare > 0 {
		beside, ratio = digits(bare), fmt.Sprintf("%.2f", ours/bare)
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s |", c.name, c.unit, beside, digits(ours), ratio, c.target)
}

// digits writes a number with three digits.
func digits(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// header says where and when the numbers were measured.
func header() string {
	commit, err := exec.Command("git", "describe", "--always", "--dirty").Output()
	if err != nil {
		commit = []byte("unknown")
	}
	cpu := runtime.GOARCH
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if found := regexp.MustCompile(`(?m)^model name\s*:\s*(.*)$`).FindSubmatch(info); found != nil {
			cpu = string(found[1])
		}
	}
	return fmt.Sprintf("Measured %s, commit %s, %s, %d processors (%s), medians of %d.\n\n",
		time.Now().UTC().Format(time.DateOnly), strings.TrimSpace(string(commit)), runtime.Version(), runtime.NumCPU(), cpu, *rounds)
}

// The tables stand between these lines of the document.
const (
	beginMark = "<!-- make bench writes what follows -->\n"
	endMark   = "<!-- end of what make bench writes -->\n"
)

// keep writes the tables into the document.
func keep(tables string) error {
	text, err := os.ReadFile(*document)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(text), beginMark)
	_, after, ended := strings.Cut(rest, endMark)
	if !found || !ended {
		return errors.New(*document + " has not the lines between which the tables stand")
	}
	return os.WriteFile(*document, []byte(before+beginMark+"\n"+tables+"\n"+endMark+after), 0o644)
}
