package peer_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"seagate/streams/peer"
)

// What GET /services shows can be encoded whatever a server answers.
func TestTheLastErrorIsUTF8(t *testing.T) {
	for message, want := range map[string]string{
		strings.Repeat("é", 200):     "x: " + strings.Repeat("é", 126), // 256 bytes end inside of a letter
		"a\xffb":                     "x: a?b",
		strings.Repeat("\xbf", 1000): "x: " + "?",
	} {
		h := peer.NewHub(options())
		l := join(t, h, "server")
		s := newServer(1)
		serve(t, l, pricing("quote"), s)
		replies, _ := fetch(t, l, quote("1"))
		s.next(t).Fail(&peer.ServerError{Code: "x", Message: message})
		replies.wait(t)
		info, err := l.Service(t.Context(), "pricing")
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Servers[0].LastError; got != want || !utf8.ValidString(got) {
			t.Errorf("the last error is %q, want %q", got, want)
		}
	}
}
