package main_test

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A lateReader takes nothing before it is open, so that a program that prints is held up.
type lateReader struct {
	lockedBuffer
	open chan struct{}
	once sync.Once
}

func (r *lateReader) Write(p []byte) (int, error) {
	<-r.open
	return r.lockedBuffer.Write(p)
}

// TestAnInterruptedMemberLosesAndRepeatsNothing: a member of a group that is interrupted prints
// what it was handed, and nobody else prints that.
func TestAnInterruptedMemberLosesAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	const published, batch = 2000, 50
	g := start(t)
	g.ok(root, "POST", "/streams/boiler/define", `{"version":1,"fields":[{"name":"n","type":"integer"},{"name":"text","type":"string"}]}`)
	as := []string{"SEAGATE_URL=http://" + g.listen, "SEAGATE_CLIENT_ID=" + root.id, "SEAGATE_CLIENT_SECRET=" + root.secret}
	type pair struct {
		name, group string
		slow        *lateReader
		leaves      *exec.Cmd
		stays       *lockedBuffer
		end         func()
	}
	pairs := []*pair{{name: "by receiving", group: "3f2c7d1e-8a44-4f0b-9c57-0d8f2f6f1a10"}, {name: "explicitly", group: "3f2c7d1e-8a44-4f0b-9c57-0d8f2f6f1a11"}}
	for _, p := range pairs {
		args := []string{"boiler", "--group", p.group, "--meta"}
		if p.name == "explicitly" {
			args = append(args, "--explicit")
		}
		p.slow = &lateReader{open: make(chan struct{})}
		p.leaves = exec.Command(program, append([]string{"subscribe"}, args...)...)
		p.leaves.Env, p.leaves.Stdout = append(bare(t.TempDir()), as...), p.slow
		if err := p.leaves.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			p.leaves.Process.Kill()
			p.slow.once.Do(func() { close(p.slow.open) })
			p.leaves.Wait()
		})
		p.stays, _, p.end = follow(t, as, args...)
		eventually(t, "two members", func() bool {
			return strings.Contains(g.call(root, "GET", "/streams/boiler/groups/root/"+p.group, "").body, `"members":2,`)
		})
	}
	n := 0
	publish := func(upTo int) {
		for n < upTo {
			var messages []string
			for range batch {
				n++
				messages = append(messages, fmt.Sprintf(`{"n":%d,"text":%q}`, n, strings.Repeat("x", 200)))
			}
			g.ok(root, "POST", "/streams/boiler/publish", "["+strings.Join(messages, ",")+"]")
		}
	}
	publish(published / 2)
	for _, p := range pairs {
		eventually(t, "messages for the member that stays", func() bool { return strings.Count(p.stays.String(), "\n") > 50 })
		p.leaves.Process.Signal(syscall.SIGINT)
	}
	publish(published)
	for _, p := range pairs {
		p.slow.once.Do(func() { close(p.slow.open) })
		done := time.AfterFunc(patience, func() { p.leaves.Process.Kill() })
		if err := p.leaves.Wait(); err != nil {
			t.Errorf("%s: interrupted: %v", p.name, err)
		}
		done.Stop()
		eventually(t, "everything is acknowledged", func() bool {
			return strings.Contains(g.ok(root, "GET", "/streams/boiler/groups/root/"+p.group, ""), `"lag":0,`)
		})
		p.end()
		first := checkPrinted(t, p.name, published, p.slow.String(), p.stays.String())
		t.Logf("%s: %d printed by the member that was interrupted", p.name, first)
	}
}

// checkPrinted checks that all messages were printed once, and returns how many of them by the first member.
func checkPrinted(t *testing.T, name string, published int, outs ...string) (first int) {
	t.Helper()
	times := map[int]int{}
	redelivered, repeated, lost := 0, 0, 0
	for i, out := range outs {
		for line := range strings.Lines(out) {
			var m struct {
				Redelivered int
				Payload     struct{ N int }
			}
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			times[m.Payload.N]++
			if m.Redelivered > 0 {
				redelivered++
			}
			if i == 0 {
				first++
			}
		}
	}
	for n := 1; n <= published; n++ {
		switch times[n] {
		case 0:
			lost++
		case 1:
		default:
			repeated++
		}
	}
	if lost+repeated+redelivered > 0 {
		t.Errorf("%s: of %d messages %d were lost, %d printed twice, %d redelivered", name, published, lost, repeated, redelivered)
	}
	return first
}
