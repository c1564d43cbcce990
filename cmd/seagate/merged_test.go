package main_test

import (
	"strings"
	"testing"
)

// TestSubscribeToSeveralStreams in the order of their timestamps, with the command.
func TestSubscribeToSeveralStreams(t *testing.T) {
	t.Parallel()
	g := start(t)
	g.define(root, "inlet")
	g.define(root, "outlet")
	as := []string{"SEAGATE_URL=http://" + g.listen, "SEAGATE_CLIENT_ID=" + root.id, "SEAGATE_CLIENT_SECRET=" + root.secret}
	for _, m := range []string{"inlet 3", "outlet 1", "outlet 3", "inlet 5", "inlet 4", "inlet 6"} {
		stream, n, _ := strings.Cut(m, " ")
		g.ok(root, "POST", "/streams/"+stream+"/publish", `{"payload":{"n":`+n+`}}`)
	}
	got := ok(t, as, "subscribe", "inlet", "outlet", "--sync", "--by", "$.n", "--wait", "100ms", "--priority", "outlet=1",
		"--from", "earliest", "--count", "5")
	if want := `{"n":1}{"n":3}{"n":3}{"n":5}{"n":6}`; strings.ReplaceAll(got.out, "\n", "") != want {
		t.Errorf("printed %q, want %s", got.out, want)
	}
	if !strings.Contains(got.notes, "inlet: dropped 1 late and 0 untimed messages") {
		t.Errorf("said %q, without what was dropped", got.notes)
	}
	for _, args := range [][]string{{"inlet", "outlet"}, {"inlet", "--sync"}, {"inlet", "--by", "$.n"}, {"inlet", "outlet", "--sync", "--state"}} {
		if out := command(t, as, append([]string{"subscribe"}, args...)...); out.code != 2 {
			t.Errorf("subscribe %v ended with %d, want 2: %s", args, out.code, out.notes)
		}
	}
}
