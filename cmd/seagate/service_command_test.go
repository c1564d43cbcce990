package main_test

import (
	"bytes"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A lockedBuffer is what a running command has printed so far.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// TestServingWithACommand runs a server that answers with a shell, and calls it with
// the other commands.
func TestServingWithACommand(t *testing.T) {
	t.Parallel()
	g := start(t)
	as := []string{"SEAGATE_URL=http://" + g.listen, "SEAGATE_CLIENT_ID=" + root.id, "SEAGATE_CLIENT_SECRET=" + root.secret}
	const script = `test -z "$SEAGATE_CLIENT_SECRET$SEAGATE_TOKEN" || exit 7
read body
case $CALL_PROCEDURE in
double) echo $((body * 2));;
who) echo "\"$CALL_CLIENT asks $CALL_SERVICE for $body\"";;
nothing) ;;
fail) echo "first" >&2; echo "no stock of $body" >&2; exit 3;;
garbage) echo not json;;
sleep) exec sleep 60;;
esac`
	serving := exec.Command(program, "service", "serve", "shop", "double", "who", "nothing", "fail", "garbage", "sleep", "--", "sh", "-c", script)
	serving.Env = append(append(bare(t.TempDir()), as...), "SEAGATE_TOKEN=x")
	var notes lockedBuffer
	serving.Stderr = &notes
	if err := serving.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- serving.Wait() }()
	defer serving.Process.Kill()
	eventually(t, "that it serves", func() bool { return strings.Contains(notes.String(), "serving double, who") })

	// Over HTTP it is the gateway alone that gives the call up, so its count is known.
	g.refused(root, 504, "call_timeout", "POST", "/services/shop/sleep", `{"timeout":0.3}`)

	for _, try := range []struct {
		args []string
		out  string
		said string
		code int
	}{
		{[]string{"fetch", "shop", "double", "21"}, "42\n", "", 0},
		{[]string{"fetch", "shop", "who", " [7] "}, `"root asks shop for [7]"` + "\n", "", 0},
		{[]string{"fetch", "shop", "nothing"}, "null\n", "", 0},
		{[]string{"fetch", "shop", "fail", "7"}, "", "error: command_failed: no stock of 7\n  {\"exitStatus\":3}\n", 1},
		{[]string{"fetch", "shop", "garbage"}, "", "invalid_result: the command printed something that is not JSON", 1},
		{[]string{"fetch", "shop", "none"}, "", "no_such_procedure", 1},
		{[]string{"fetch", "none", "double"}, "", "hint: `seagate services` lists what there is", 1},
		{[]string{"fetch", "shop", "double", "x y"}, "", "is not JSON", 2},
		{[]string{"fetch", "shop", "double", "1", "--timeout", "6m"}, "", "--timeout must be", 2},
		{[]string{"signal", "shop", "nothing", "--all"}, "", "nothing of shop reached 1 server\n", 0},
		{[]string{"signal", "shop", "nothing", "--json"}, `{"service":"shop","procedure":"nothing","reached":1}` + "\n", "", 0},
		{[]string{"services"}, "shop\t-\tdouble,fail,garbage,nothing,sleep,who\t1\t6\t3\t0\n", "", 0},
		{[]string{"service", "show", "shop"}, "root\tdouble,fail,garbage,nothing,sleep,who\t6\t3\t0\t", "", 0},
		{[]string{"fetch", "shop", "sleep", "--timeout", "300ms"}, "", "call_timeout: the server did not answer", 1},
		{[]string{"service", "show", "none"}, "", "no_such_service", 1},
		{[]string{"service", "serve", "shop", "--", "true"}, "", "give a service, one or more procedures", 2},
		{[]string{"service", "serve", "shop", "a", "--", "/no/such/command"}, "", "there is no program \"/no/such/command\"", 2},
		{[]string{"service", "serve", "shop", "a", "--sole", "--", "true"}, "", "service_taken", 1},
	} {
		r := command(t, as, try.args...)
		if r.code != try.code || !strings.HasPrefix(r.out, try.out) || !strings.Contains(r.notes, try.said) {
			t.Errorf("%q: exit status %d\n%s%s\nwant %d\n%s%s", try.args, r.code, r.out, r.notes, try.code, try.out, try.said)
		}
	}

	// It ends in an orderly way.
	serving.Process.Signal(syscall.SIGINT)
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("interrupted: %v\n%s", err, notes.String())
		}
	case <-time.After(patience):
		t.Error("the interrupt did not end it")
	}
}
