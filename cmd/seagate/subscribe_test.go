package main_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestACountedMemberAcknowledgesWhatItPrints, exactly: one member after another takes
// some messages of a group, and nothing is lost or comes twice.
func TestACountedMemberAcknowledgesWhatItPrints(t *testing.T) {
	t.Parallel()
	const group, members, each, published = "3f2c7d1e-8a44-4f0b-9c57-0d8f2f6f1a10", 4, 5, 30
	g := start(t)
	g.define(root, "boiler")
	as := []string{"SEAGATE_URL=http://" + g.listen, "SEAGATE_CLIENT_ID=" + root.id, "SEAGATE_CLIENT_SECRET=" + root.secret}
	for n := range published {
		g.ok(root, "POST", "/streams/boiler/publish", `{"payload":{"n":`+strconv.Itoa(n)+`}}`)
	}
	var printed []string
	for range members {
		out := ok(t, as, "subscribe", "boiler", "--group", group, "--from", "earliest", "--count", strconv.Itoa(each)).out
		printed = append(printed, strings.Split(strings.TrimSpace(out), "\n")...)
	}
	slices.Sort(printed)
	if len(slices.Compact(slices.Clone(printed))) != members*each {
		t.Errorf("some were printed twice: %q", printed)
	}
	want := `"lag":` + strconv.Itoa(published-members*each) + ","
	eventually(t, "that the group has "+want, func() bool {
		return strings.Contains(g.ok(root, "GET", "/streams/boiler/groups/root/"+group, ""), want)
	})
}
