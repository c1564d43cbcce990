package main_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// shiftedClock is a file for Go's own package time: the clock of the machine is ahead by as many seconds
// as a file says, which can be changed while the process runs. The monotonic clock is as it was. A static
// binary asks the kernel, so no library can be put in between. The runtime calls Now on its own stack, too,
// where nothing may be read.
const shiftedClock = `package time

import (
	"sync/atomic"
	"syscall"
)

var shift atomic.Int64 // in seconds

// shiftedNow is runtimeNow with another wall clock.
func shiftedNow() (sec int64, nsec int32, mono int64) {
	sec, nsec, mono = runtimeNow()
	return sec + shift.Load(), nsec, mono
}

func init() {
	if name, _ := syscall.Getenv("SHIFTED_CLOCK"); name != "" {
		readShift(name)
		go func() {
			for {
				Sleep(5 * Millisecond)
				readShift(name)
			}
		}()
	}
}

func readShift(name string) {
	fd, err := open(name)
	if err != nil {
		return
	}
	defer closefd(fd)
	var text [32]byte
	if n, err := read(fd, text[:]); err == nil && n > 0 {
		if seconds, err := atoi(string(text[:n])); err == nil {
			shift.Store(int64(seconds))
		}
	}
}
`

// buildShifted builds the binary with a clock that can be set.
func buildShifted(t *testing.T) (program string) {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	folder, replaced := t.TempDir(), filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	original, err := os.ReadFile(filepath.Join(replaced, "time.go"))
	if err != nil {
		t.Fatal(err)
	}
	const reads = "sec, nsec, mono := runtimeNow()"
	if n := strings.Count(string(original), reads); n != 1 {
		t.Fatalf("this version of Go reads the clock in %d places of time.go, want 1", n)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(replaced, "time.go"):  writeFile(t, folder, "time.go", strings.Replace(string(original), reads, "sec, nsec, mono := shiftedNow()", 1)),
		filepath.Join(replaced, "shift.go"): writeFile(t, folder, "shift.go", shiftedClock),
	}})
	if err != nil {
		t.Fatal(err)
	}
	program = filepath.Join(folder, "seagate")
	build := exec.Command("go", "build", "-buildvcs=false", "-overlay", writeFile(t, folder, "overlay.json", string(overlay)), "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=") // the flags of the tests may ask for the race detector
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// A shifted is a gateway whose clock can be set.
type shifted struct {
	*gateway
	program, clock string
	swept          int // streams that sweep has used
}

// setClock sets the clock so far ahead of the right time.
func (s *shifted) setClock(ahead time.Duration) {
	s.t.Helper()
	renamed := s.clock + ".new" // so that no half of it is read
	err := os.WriteFile(renamed, fmt.Appendf(nil, "%d", int64(ahead.Seconds())), 0o600)
	if err == nil {
		err = os.Rename(renamed, s.clock)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// begin starts the gateway, on the folder that it had.
func (s *shifted) begin(t *testing.T) {
	t.Helper()
	p, err := launchCommand(exec.Command(s.program, "serve"), environment(s.folder,
		"SHIFTED_CLOCK="+s.clock,
		"SEAGATE_WEBSOCKET_PING_INTERVAL=1s",
		"SEAGATE_GROUPS_ACK_TIMEOUT=1h",
		"SEAGATE_LINES_LISTEN=127.0.0.1:0",
		"SEAGATE_LINES_CLIENT_ID="+root.id,
	))
	if err != nil {
		t.Fatal(err)
	}
	s.gateway = adopt(t, p, s.folder)
}

// sweep waits until retention has looked at all streams. Two old messages show that, each in a stream of
// its own that may now keep it for two seconds: between the two looks that took them there was a whole one.
func (s *shifted) sweep() {
	s.t.Helper()
	for range 2 {
		old := fmt.Sprintf("old.%d", s.swept)
		s.swept++
		s.ok(root, "PUT", "/streams/"+old+"/settings", `{"retention":{"age":"2s"}}`)
		eventually(s.t, "a look at "+old, func() bool {
			return strings.Contains(s.ok(root, "GET", "/streams/"+old+"/messages", ""), `"messages":[]`)
		})
	}
}

// TestSoakAClockThatJumps: the clock of the machine is set forward and back under the real binary. It is
// among the soaks since the standard library has to be built for it.
func TestSoakAClockThatJumps(t *testing.T) {
	if os.Getenv("SEAGATE_SOAK") == "" {
		t.Skip("builds the standard library with a clock that can be set; set SEAGATE_SOAK to do so")
	}
	const day, group = 24 * time.Hour, "3f2c7d1e-8a44-4f0b-9c57-0d8f2f6f1a10"
	folder := t.TempDir()
	s := &shifted{gateway: &gateway{t: t, folder: folder}, program: buildShifted(t), clock: filepath.Join(t.TempDir(), "clock")}
	s.setClock(0)
	s.begin(t)
	s.define(root, "kept")
	s.ok(root, "PUT", "/streams/kept/settings", `{"retention":{"age":"168h"}}`)
	for n := range 3 {
		s.publish(root, "kept", fmt.Sprintf(`{"n":%d}`, n))
	}
	for n := range 8 {
		s.define(root, fmt.Sprintf("old.%d", n))
		s.publish(root, fmt.Sprintf("old.%d", n), `{"n":0}`)
	}
	allThere := func(when string) {
		t.Helper()
		if body := s.ok(root, "GET", "/streams/kept", ""); !strings.Contains(body, `"firstSeq":1,`) {
			t.Errorf("%s: messages were deleted: %s", when, body)
		}
		s.ok(root, "GET", "/streams/kept/groups/root/"+group, "")
	}
	// A member that has a message and does not acknowledge it, a job stream, and a group that is left alone.
	member := s.login(root, "root")
	member.Send(`{"id":2,"action":"subscribe","payload":"kept","groupId":"` + group[:35] + `1","from":"earliest","ack":"explicit","meta":true}`)
	for range 4 {
		member.next()
	}
	alone := s.login(root, "root")
	alone.subscribe(2, "kept", group)
	alone.Net.Close()
	line := s.dialLines()
	line.send(`{"action":"put","id":1,"stream":"job","message":1}`)
	line.want(`{"action":"put","id":1,"stream":"job"}`)
	allThere("before")

	t.Log("a step of 8 days forward")
	s.setClock(8 * day)
	s.awaitLog("the clock has jumped forward")
	s.publish(root, "kept", `{"n":3}`)
	if e := member.next(); !strings.Contains(e.message, `"payload":{"n":3}`) {
		t.Errorf("the member got %v, want the new message: the time for the others is not over", e)
	}
	s.sweep()
	allThere("while the clock is ahead")
	s.ok(root, "GET", "/streams/job", "")

	t.Log("a restart while the clock is wrong")
	for range 2 { // a message that came with the wrong time must not make the second one believe it
		s.stopped()
		s.begin(t)
		s.awaitLog("the clock has jumped forward")
		s.sweep()
		allThere("after a restart while the clock is wrong")
		s.publish(root, "kept", `{"n":4}`)
	}
	t.Log("and back")
	s.setClock(0)
	s.awaitLog("was set back")
	s.sweep()
	allThere("after the step back")
	s.stopped()
	s.begin(t)
	s.publish(root, "kept", `{"n":5}`)
	allThere("after a restart with the right clock")

	t.Log("a step of an hour back")
	s.loginDeaf()
	s.setClock(-time.Hour)
	s.awaitLog("peer_gone")

	t.Log("a step past the expiry of a token")
	s.setClock(0)
	s.newClient(root, "app")
	s.ok(root, "PUT", "/client/app/jwt-public-key", fmt.Sprintf(`{"jwtPublicKey":%q}`, publicPEM(t, "clock")))
	token := fmt.Sprintf(`{"id":1,"action":"authenticate","payload":{"type":"jwt","clientId":"app","jwt":%q}}`,
		signToken(t, "clock", "RS512", fmt.Sprintf(`{"exp":%d}`, time.Now().Add(time.Hour).Unix())))
	bearer := s.dial()
	bearer.Send(token)
	bearer.want(`{"id":1,"action":"authenticate","success":true,"payload":{"jailId":"root"}}`)
	s.setClock(2 * time.Hour)
	set := time.Now()
	bearer.wantClose(1008, "token_expired")
	t.Logf("the connection of a token that had expired lasted %v", time.Since(set).Round(time.Second))
	again := s.dial()
	again.Send(token)
	again.wantRefusal("token_expired")
	s.setClock(0)
	again = s.dial()
	again.Send(token)
	again.want(`{"id":1,"action":"authenticate","success":true,"payload":{"jailId":"root"}}`)
	s.stopped()
}
