package cli_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"seagate/cmd/seagate/terminal/terminaltest"
)

// TestProgressOfPublishing is shown on a terminal, after a second, and leaves nothing behind.
func TestProgressOfPublishing(t *testing.T) {
	published := make(chan struct{})
	newFake(t, nil).script = func(p *peer) {
		p.enter()
		for request := 2; p.receive() != ""; request++ {
			p.send(accepted(request))
			if request == 3 {
				close(published)
			}
		}
	}
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "1")
	person, command := openTerminal(t)
	resize(t, command, 80, 24)
	everything := terminaltest.ReadAll(person)
	in, lines := io.Pipe()
	go func() {
		io.WriteString(lines, "{\"n\":1}\n{\"n\":2}\n")
		<-published
		time.Sleep(1100 * time.Millisecond) // progress is for what takes longer than a second
		io.WriteString(lines, "{\"n\":3}\nx\n{\"n\":4}\n")
		lines.Close()
	}()
	var out strings.Builder
	code := execute(t.Context(), in, &out, command, "publish", "boiler")
	command.Close()
	seen := <-everything
	if code != 1 || out.String() != "" || !strings.Contains(seen, "\r\x1b[Kpublish: 3, ") || !strings.Contains(seen, "\r\x1b[Kerror: line 4: ") {
		t.Errorf("exit status %d, output %q, saw %q", code, out.String(), seen)
	}
	if last := seen[strings.LastIndex(seen, "\x1b[K"):]; !strings.Contains(last, "published 4 to boiler, refused 1") {
		t.Errorf("at the end there is %q", last)
	}
}

// TestTopOnATerminal draws a screen as large as the terminal, draws it anew when that changes,
// and leaves the terminal as it was.
func TestTopOnATerminal(t *testing.T) {
	const stream = `{"name":"boiler-with-a-name-that-is-much-too-long-for-this","version":1,"groups":1,"subscribers":2,"firstSeq":1,"lastSeq":1234567,"bytes":1610612736,"epoch":"e"}`
	f := newFake(t, map[string]string{
		"GET /streams?limit=100": `{"streams":[` + stream + `],"next":null}`,
		"GET /streams/boiler-with-a-name-that-is-much-too-long-for-this/groups?limit=100": `{"groups":[{"clientId":"c","lag":7,"lagSeconds":90}],"next":null}`,
		"GET /connections?limit=100": `{"connections":[{"id":"1"},{"id":"2","slow":true}],"next":null}`,
	})
	t.Setenv("NO_COLOR", "1")
	person, command := openTerminal(t)
	resize(t, command, 80, 24)
	seen := &strings.Builder{}
	drawn, ended := make(chan string, 100), make(chan bool)
	go func() {
		defer close(ended)
		buffer, begun := make([]byte, 8192), ""
		for {
			n, err := person.Read(buffer)
			seen.Write(buffer[:n])
			if err != nil {
				return
			}
			begun += string(buffer[:n]) // a read may end in the middle of a screen
			for {
				screen, rest, whole := strings.Cut(begun, "\x1b[J")
				if !whole {
					break
				}
				drawn <- screen
				begun = rest
			}
		}
	}()
	ctx, interrupt := contextWithCancel(t)
	code := make(chan int)
	go func() { code <- execute(ctx, strings.NewReader(""), command, command, "top", "--interval", "1s") }()
	await := func(text string) string {
		t.Helper()
		late := time.After(time.Minute)
		for {
			select {
			case d := <-drawn:
				if strings.Contains(d, text) {
					return d
				}
			case <-late:
				t.Fatalf("there is no %q", text)
			}
		}
	}
	await("1 stream, - messages/s") // at once, and without rates
	screen := await("1 stream, 0 messages/s")
	for line := range strings.SplitSeq(strings.NewReplacer("\x1b[H", "", "\x1b[K", "", "\x1b[J", "", "\r", "").Replace(screen), "\n") {
		if n := len([]rune(line)); n > 80 {
			t.Errorf("%d characters: %q", n, line)
		}
	}
	for _, want := range []string{"boiler-with", "1,234,567", "1.5GiB", "  7  ", "1m30s", "2 connections, 1 slow"} {
		if !strings.Contains(screen, want) {
			t.Errorf("the screen lacks %q: %q", want, screen)
		}
	}
	resize(t, command, 60, 10)
	await("…")
	f.stop()
	if screen := await("no answer"); strings.Contains(screen, "0 streams") || !strings.Contains(screen, "nothing listens") {
		t.Errorf("without a gateway the screen is %q", screen)
	}
	interrupt()
	if got := <-code; got != 0 {
		t.Errorf("exit status %d", got)
	}
	command.Close()
	<-ended
	if all := seen.String(); !strings.HasPrefix(all, "\x1b[?1049h\x1b[?25l") || !strings.HasSuffix(all, "\x1b[?25h\x1b[?1049l") {
		t.Errorf("it leaves the terminal otherwise: %q", all)
	}
}
