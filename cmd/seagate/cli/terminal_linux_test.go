package cli_test

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"
	"unsafe"
)

// openTerminal returns both ends of a pseudo terminal: the person's and the
// command's.
func openTerminal(t *testing.T) (person, command *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("there are no pseudo terminals here:", err)
	}
	t.Cleanup(func() { person.Close() })
	var number, unlocked int32
	control(t, person, syscall.TIOCGPTN, &number)
	control(t, person, syscall.TIOCSPTLCK, &unlocked)
	command, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("there are no pseudo terminals here:", err)
	}
	t.Cleanup(func() { command.Close() })
	return person, command
}

// control is ioctl(2).
func control(t *testing.T, file *os.File, request uintptr, value *int32) {
	t.Helper()
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, file.Fd(), request, uintptr(unsafe.Pointer(value)))
	if errno != 0 {
		t.Fatal("ioctl:", errno)
	}
}

// onTerminal runs a command at a terminal where somebody types, and returns what is
// seen there, with \n for line ends.
func onTerminal(t *testing.T, typed string, args ...string) (seen string, code int) {
	t.Helper()
	person, command := openTerminal(t)
	everything := make(chan string)
	go func() {
		text, _ := io.ReadAll(person) // until the command's end is closed, with an error
		everything <- string(text)
	}()
	io.WriteString(person, typed)
	code = execute(t.Context(), command, command, command, args...)
	command.Close()
	seen = strings.TrimPrefix(strings.ReplaceAll(<-everything, "\r\n", "\n"), typed)
	return seen, code
}

const twoClients = `{"clients":[{"id":"a","description":"the boiler room","jwtPublicKey":null,"createdAt":"2026-01-02T03:04:05Z"},` +
	"{\"id\":\"sensors\",\"description\":\"\u009b2J\u202e\",\"jwtPublicKey\":null,\"createdAt\":\"2026-01-02T03:04:05Z\"}]}"

func TestTableOnATerminal(t *testing.T) {
	newFake(t, map[string]string{"GET /clients?limit=100": twoClients})
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "1")
	seen, code := onTerminal(t, "", "clients", "list")
	const want = "CLIENT   DESCRIPTION      KEY  CREATED               RIGHTS\n" +
		"a        the boiler room  -    2026-01-02T03:04:05Z  all\n" +
		"sensors  \\u009b2J\\u202e   -    2026-01-02T03:04:05Z  all\n"
	if seen != want || code != 0 {
		t.Errorf("exit status %d, saw\n%q, want\n%q", code, seen, want)
	}
}

func TestColours(t *testing.T) {
	for _, test := range []struct {
		noColor, term string
		want          bool
	}{{"", "xterm", true}, {"1", "xterm", false}, {"", "dumb", false}} {
		newFake(t, map[string]string{"GET /clients?limit=100": twoClients})
		t.Setenv("TERM", test.term)
		t.Setenv("NO_COLOR", test.noColor)
		table, _ := onTerminal(t, "", "clients", "list")
		refusal, _ := onTerminal(t, "", "clients", "nope")
		for _, seen := range []string{table, refusal} {
			if strings.Contains(seen, "\x1b[1") != test.want {
				t.Errorf("NO_COLOR=%q TERM=%q: saw %q, colours: %v", test.noColor, test.term, seen, test.want)
			}
		}
	}
}

func TestColumnsStandUnderTheirHeadings(t *testing.T) {
	newFake(t, map[string]string{"GET /clients?limit=100": twoClients})
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	seen, _ := onTerminal(t, "", "clients", "list")
	plain := strings.NewReplacer("\x1b[1m", "", "\x1b[0m", "").Replace(seen)
	at := -1
	for line := range strings.Lines(plain) {
		column := strings.Index(line, "2026")
		if at < 0 {
			column = strings.Index(line, "CREATED")
			at = column
		}
		if column != at {
			t.Errorf("a column is at %d, and at %d in %q", at, column, line)
		}
	}
}

func TestJSONOnATerminal(t *testing.T) {
	newFake(t, map[string]string{"GET /streams/boiler/header": "{\"payload\":\"\u009b2J\u202e\\u001b é\"}"})
	t.Setenv("NO_COLOR", "1")
	seen, _ := onTerminal(t, "", "stream", "header", "boiler")
	if want := `"\u009b2J\u202e\u001b é"` + "\n"; seen != want {
		t.Errorf("saw %q, want %q", seen, want)
	}
}

func TestDeletingIsConfirmed(t *testing.T) {
	t.Setenv("NO_COLOR", "1")
	tests := []struct {
		args, route, typed string
		deletes            bool
	}{
		{"stream delete boiler", "DELETE /streams/boiler", "boiler\n", true},
		{"stream delete boiler", "DELETE /streams/boiler", "yes\n", false},
		{"stream delete boiler", "DELETE /streams/boiler", "\n", false},
		{"stream delete boiler --yes", "DELETE /streams/boiler", "", true},
		{"clients delete b", "DELETE /client/b", "b\n", true},
		{"clients delete b", "DELETE /client/b", "B\n", false},
		{"jails delete j", "DELETE /jails/j", "j\n", true},
		{"jails delete j", "DELETE /jails/j", "\x04", false}, // Ctrl-D
	}
	for _, test := range tests {
		f := newFake(t, map[string]string{test.route: `{}`})
		seen, code := onTerminal(t, test.typed, strings.Fields(test.args)...)
		if (code == 0) != test.deletes {
			t.Errorf("%s, %q: exit status %d, saw %q", test.args, test.typed, code, seen)
		}
		if test.deletes {
			f.wantRequests(test.route)
		} else {
			f.wantRequests()
		}
	}
}

// longGroup is a group with long texts and numbers.
const longGroup = `{"streamName":"boiler","clientId":"a-service-with-a-name-that-says-everything","groupId":"` + groupID +
	`","members":0,"abandoned":true,"position":5,"lag":1234567,"lagSeconds":604750,"inFlight":0,"redelivered":0,"deadLettered":0,` +
	`"lost":0,"createdAt":"2026-01-02T03:04:05Z","lastActive":"2026-01-02T03:04:05Z"}`

// TestGroupsFitOnATerminal of 80 columns: a list has the columns that fit, and one
// group has a line for each.
func TestGroupsFitOnATerminal(t *testing.T) {
	newFake(t, map[string]string{
		"GET " + theGroup:                      oneGroup,
		"GET /streams/boiler/groups?limit=100": `{"groups":[` + oneGroup + `]}`,
	})
	t.Setenv("NO_COLOR", "1")
	shown, _ := onTerminal(t, "", "group", "show", "boiler", "sensors", groupID)
	listed, _ := onTerminal(t, "", "groups", "boiler")
	newFake(t, map[string]string{"GET /streams/boiler/groups?limit=100": `{"groups":[` + longGroup + `]}`})
	long, _ := onTerminal(t, "", "groups", "boiler")
	for line := range strings.Lines(shown + listed + long) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("a line has %d characters: %s", n, line)
		}
	}
	if want := "a-service-w…  " + groupID + "  abandoned  1234567  167h59m\n"; !strings.HasSuffix(long, want) {
		t.Errorf("a long client id is listed as\n%s", long)
	}
	if !strings.HasPrefix(shown, "CLIENT       sensors\nGROUP        "+groupID+"\n") || !strings.Contains(shown, "\nIN FLIGHT    ") {
		t.Errorf("one group is\n%s", shown)
	}
	if !strings.HasPrefix(listed, "CLIENT   GROUP ") || !strings.Contains(listed, "  MEMBERS  LAG  LAG TIME\n") {
		t.Errorf("the list is\n%s", listed)
	}
}

// TestDeletingOneselfIsConfirmed: the question says that it is oneself.
func TestDeletingOneselfIsConfirmed(t *testing.T) {
	f := newFake(t, nil)
	t.Setenv("NO_COLOR", "1")
	seen, code := onTerminal(t, "no\n", "clients", "delete", "abc")
	if want := "This deletes the client that this command uses: its credentials are not accepted any more."; !strings.HasPrefix(seen, want) || code != 1 {
		t.Errorf("exit status %d, saw %q", code, seen)
	}
	f.wantRequests()
}

// TestARefusedListHasNoHeading, which would look like an empty list.
func TestARefusedListHasNoHeading(t *testing.T) {
	newFake(t, map[string]string{"GET /clients?limit=100": "permission_denied|no"})
	t.Setenv("NO_COLOR", "1")
	if seen, code := onTerminal(t, "", "clients", "list"); !strings.HasPrefix(seen, "error: ") || code != 1 {
		t.Errorf("exit status %d, saw\n%s", code, seen)
	}
}

// TestMovingAGroupOnATerminal: the question says what the move changes.
func TestMovingAGroupOnATerminal(t *testing.T) {
	for _, test := range []struct {
		typed string
		moves bool
	}{{"yes\n", true}, {"y\n", false}, {"\x04", false}} {
		f := newFake(t, map[string]string{"POST " + theGroup + "/move": `{"position":1,"was":5,"lag":7}`})
		t.Setenv("NO_COLOR", "1")
		seen, code := onTerminal(t, test.typed, "group", "move", "boiler", "sensors", groupID, "--to", "earliest")
		if !strings.Contains(seen, "would move from message 5 to 1, with 7 messages to deliver. Type yes to go on: ") || (code == 0) != test.moves {
			t.Errorf("%q: exit status %d, saw %q", test.typed, code, seen)
		}
		if test.moves {
			f.wantRequests(plan, did)
		} else {
			f.wantRequests(plan)
		}
	}
}
