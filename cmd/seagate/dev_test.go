package main_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A workplace is a folder in which somebody tries seagate, with the binary where make
// puts it.
type workplace struct {
	t      *testing.T
	folder string
	env    []string // KEY=VALUE
}

func newWorkplace(t *testing.T, name string) *workplace {
	t.Helper()
	folder := filepath.Join(t.TempDir(), name)
	if err := os.MkdirAll(filepath.Join(folder, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(program, filepath.Join(folder, "bin", "seagate")); err != nil {
		t.Fatal(err)
	}
	return &workplace{t: t, folder: folder, env: bare(folder)}
}

// bash returns the command for a line that is pasted into a shell.
func (w *workplace) bash(line string) *exec.Cmd {
	cmd := exec.Command("bash", "-c", line)
	cmd.Dir, cmd.Env = w.folder, w.env
	return cmd
}

// run runs a command line that must succeed and returns what it prints.
func (w *workplace) run(line string) string {
	w.t.Helper()
	var stderr bytes.Buffer
	cmd := w.bash(line)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		w.t.Fatalf("%s\n%v\n%s%s", line, err, out, stderr.String())
	}
	return string(out)
}

// A devServer is a running "seagate dev" and what it printed at the start.
type devServer struct {
	*gateway
	welcome string
}

// dev starts "seagate dev" on a free port.
func (w *workplace) dev(arguments string) *devServer {
	w.t.Helper()
	cmd := w.bash("exec bin/seagate dev --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 " + arguments)
	var welcome bytes.Buffer
	stdout, err := os.CreateTemp(w.t.TempDir(), "welcome")
	if err != nil {
		w.t.Fatal(err)
	}
	defer stdout.Close()
	cmd.Stdout = stdout
	p, err := launchCommand(cmd, w.env)
	if err != nil {
		w.t.Fatal(err)
	}
	g := adopt(w.t, p, w.folder)
	if _, err := stdout.Seek(0, io.SeekStart); err != nil {
		w.t.Fatal(err)
	}
	if _, err := welcome.ReadFrom(stdout); err != nil {
		w.t.Fatal(err)
	}
	return &devServer{g, welcome.String()}
}

// commands returns the command lines of the welcome.
func (d *devServer) commands() (commands []string) {
	for line := range strings.Lines(d.welcome) {
		if line, indented := strings.CutPrefix(line, "  "); indented && strings.Contains(line, "boiler_data") {
			commands = append(commands, strings.TrimSpace(line))
		}
	}
	return commands
}

// fact returns what follows a word in the welcome.
func (d *devServer) fact(word string) string {
	m := regexp.MustCompile(`(?m)^  ` + word + ` +(\S+)$`).FindStringSubmatch(d.welcome)
	if m == nil {
		d.t.Fatalf("there is no %s in\n%s", word, d.welcome)
	}
	return m[1]
}

// TestDevPrintsCommandsThatWork when they are pasted as they are.
func TestDevPrintsCommandsThatWork(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ folder, arguments string }{
		"as in the README":  {"seagate", ""},
		"in an odd place":   {"it's a place; $HOME", ""},
		"with another data": {"seagate", `--data "my data"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorkplace(t, c.folder)
			d := w.dev(c.arguments)
			commands := d.commands()
			if len(commands) != 7 {
				t.Fatalf("%d commands in\n%s", len(commands), d.welcome)
			}
			if _, err := exec.LookPath("curl"); err != nil {
				commands = slices.DeleteFunc(commands, func(line string) bool { return strings.Contains(line, "curl") })
			}
			w.paste(d, commands)
			d.stopped()
		})
	}
}

const boilerMessage = `{"temperature":91.5,"pressure":3001}`

// paste runs the commands in order. Those that do not end run in the background.
func (w *workplace) paste(d *devServer, commands []string) {
	w.t.Helper()
	received := &output{grown: make(chan struct{}, 100)}
	published := 0
	for _, line := range commands {
		switch {
		case strings.Contains(line, "subscribe"):
			defer w.inBackground(line, received)()
			d.awaitSubscriber("boiler_data")
			continue
		case strings.Contains(line, "publish"):
			published++
		}
		out := w.run(line)
		if strings.Contains(out, `"code"`) || strings.HasSuffix(line, "/schema") && !strings.Contains(out, `"pressure"`) {
			w.t.Errorf("%s\n%s", line, out)
		}
	}
	received.await(w.t, strings.Repeat(boilerMessage+"\n", published))
	if published == 0 {
		w.t.Error("nothing was published")
	}
}

// inBackground starts a command. It returns a function that interrupts the command as
// Ctrl-C does, after which it must exit with 0.
func (w *workplace) inBackground(line string, out io.Writer) (interrupt func()) {
	w.t.Helper()
	var stderr bytes.Buffer
	cmd := w.bash("exec " + line)
	cmd.Stdout, cmd.Stderr = out, &stderr
	if strings.Contains(line, "=") { // exec takes no variables
		cmd = w.bash("exec env " + line)
		cmd.Stdout, cmd.Stderr = out, &stderr
	}
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	return func() {
		cmd.Process.Signal(syscall.SIGINT)
		stuck := time.AfterFunc(patience, func() { cmd.Process.Kill() })
		defer stuck.Stop()
		if err := cmd.Wait(); err != nil {
			w.t.Errorf("%s\n%v\n%s", line, err, stderr.String())
		}
	}
}

// awaitSubscriber waits until somebody subscribes to a stream.
func (d *devServer) awaitSubscriber(stream string) {
	d.t.Helper()
	as := credentials{d.fact("client id"), d.fact("client secret")}
	eventually(d.t, "that somebody subscribes", func() bool {
		return strings.Contains(d.ok(as, "GET", "/streams/"+stream, ""), `"subscribers":1,`)
	})
}

// An output is what a command prints while it runs.
type output struct {
	logbook
	grown chan struct{}
}

func (o *output) Write(text []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines = append(o.lines, string(text))
	o.grown <- struct{}{}
	return len(text), nil
}

func (o *output) await(t *testing.T, want string) {
	t.Helper()
	eventually(t, fmt.Sprintf("that %q is printed", want), func() bool { return strings.Join(o.copy(), "") == want })
}

// TestDevKeepsItsCredentials over restarts, in files that only its user can read.
func TestDevKeepsItsCredentials(t *testing.T) {
	t.Parallel()
	w := newWorkplace(t, "seagate")
	first := w.dev("")
	secret := first.fact("client secret")
	as := credentials{first.fact("client id"), secret}
	first.define(as, "boiler")
	if !regexp.MustCompile(`^sea_[A-Za-z0-9_-]{54}$`).MatchString(secret) {
		t.Errorf("the secret is %q", secret)
	}
	err := filepath.WalkDir(filepath.Join(w.folder, "data"), func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		info, infoErr := entry.Info()
		if err := errors.Join(err, infoErr); err != nil {
			return err
		}
		if bytes.Contains(text, []byte(secret)) && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the secret in it and mode %v", name, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	first.stopped()
	second := w.dev("")
	if again := second.fact("client secret"); again != secret {
		t.Error("the secret is another one after a restart")
	}
	second.ok(as, "GET", "/streams/boiler/schema", "")
	second.kill()
	w.dev("").ok(as, "GET", "/streams", "") // after a kill -9, too; on another port
}

// TestDevQuotasOfTheFirstStart: the root jail, which the first start makes, has the same quotas then as later.
func TestDevQuotasOfTheFirstStart(t *testing.T) {
	t.Parallel()
	w := newWorkplace(t, "seagate")
	first := w.dev("")
	as := credentials{first.fact("client id"), first.fact("client secret")}
	_, limits, _ := strings.Cut(first.ok(as, "GET", "/quotas", ""), `"limits"`)
	first.stopped()
	_, later, _ := strings.Cut(w.dev("").ok(as, "GET", "/quotas", ""), `"limits"`)
	if limits == "" || limits != later {
		t.Errorf("limits %s at the first start, and %s later", limits, later)
	}
}

// TestDevAfterItsSecretIsRotated: the commands and the next start use the new one. Of
// a client that is deleted, nothing is left.
func TestDevAfterItsSecretIsRotated(t *testing.T) {
	t.Parallel()
	w := newWorkplace(t, "seagate")
	d := w.dev("")
	old := d.fact("client secret")
	rotated := strings.TrimSpace(w.run("bin/seagate clients rotate root"))
	w.run("bin/seagate streams")
	curl, err := os.ReadFile(filepath.Join(w.folder, "data/dev/curlrc"))
	if err != nil || !strings.Contains(string(curl), rotated) {
		t.Errorf("curlrc has not the new secret: %v", err)
	}
	d.stopped()
	d = w.dev("")
	if again := d.fact("client secret"); again != rotated || again == old {
		t.Error("dev does not start with the new secret")
	}
	other := strings.TrimSpace(w.run("bin/seagate clients create other"))
	asOther := "SEAGATE_CLIENT_ID=other SEAGATE_CLIENT_SECRET=" + other + " bin/seagate "
	other = strings.TrimSpace(w.run(asOther + "clients rotate other"))
	w.run("bin/seagate streams") // what dev has left is not of that client
	w.run("bin/seagate clients delete root --yes --self")
	noCredentials := func(after string) {
		for _, name := range []string{"dev-credentials.json", "curlrc"} {
			if _, err := os.Stat(filepath.Join(w.folder, "data/dev", name)); err == nil {
				t.Errorf("after %s there is a %s", after, name)
			}
		}
	}
	noCredentials("the client was deleted")
	w.env = append(w.env, "SEAGATE_URL=http://"+d.listen)
	w.run("SEAGATE_CLIENT_ID=other SEAGATE_CLIENT_SECRET=" + other + " bin/seagate streams")
	d.stopped()
	r := command(t, []string{"SEAGATE_LISTEN=127.0.0.1:0", "SEAGATE_ADMIN_LISTEN=127.0.0.1:0"}, "dev", "--data", filepath.Join(w.folder, "data/dev"))
	if r.code != 1 || !strings.Contains(r.notes, "seagate reset-root --data") {
		t.Errorf("with another root client: %+v", r)
	}
	noCredentials("a start that was refused")
}

// TestDevEndsAtOnce, also with subscribers and with a peer that says nothing.
func TestDevEndsAtOnce(t *testing.T) {
	t.Parallel()
	d := newWorkplace(t, "seagate").dev("")
	as := credentials{d.fact("client id"), d.fact("client secret")}
	d.define(as, "boiler")
	for range 3 {
		d.login(as, "root").subscribe(2, "boiler", "")
	}
	d.connect()
	begin := time.Now()
	if err := d.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if status, err := d.wait(); err != nil || status != 0 {
		t.Errorf("exit status %d, %v", status, err)
	}
	if took := time.Since(begin); took > 10*time.Second { // with the drain of serve it is 13 s
		t.Errorf("it took %v", took)
	}
}

func TestDevListensOnLoopbackOnly(t *testing.T) {
	t.Parallel()
	w := newWorkplace(t, "seagate")
	for _, arguments := range []string{"--listen :0", "--listen 0.0.0.0:0", "--listen 127.0.0.1:0 --admin-listen :0"} {
		out, err := w.bash("exec bin/seagate dev " + arguments).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "must be an address of this machine alone") {
			t.Errorf("%s: %v, %s", arguments, err, out)
		}
	}
	if _, err := os.Stat(filepath.Join(w.folder, "data")); err == nil {
		t.Error("it has made its folder all the same")
	}
}

// TestDevWithARootClientFromTheEnvironment prints that client.
func TestDevWithARootClientFromTheEnvironment(t *testing.T) {
	t.Parallel()
	w := newWorkplace(t, "seagate")
	w.env = append(w.env, "SEAGATE_ROOT_CLIENT_ID=me", "SEAGATE_ROOT_CLIENT_SECRET=words-of-my-own-choosing")
	d := w.dev("")
	d.ok(credentials{"me", "words-of-my-own-choosing"}, "GET", "/streams", "")
	if id, secret := d.fact("client id"), d.fact("client secret"); id != "me" || secret != "words-of-my-own-choosing" {
		t.Errorf("it prints %s and %s", id, secret)
	}
	d.stopped()
}
