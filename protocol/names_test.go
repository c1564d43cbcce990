package protocol_test

import (
	"strings"
	"testing"

	"seagate/protocol"
)

var checks = map[string]func(string) error{
	"stream name": protocol.CheckStreamName,
	"client id":   protocol.CheckClientID,
	"jail id":     protocol.CheckJailID,
}

func TestValidNames(t *testing.T) {
	names := []string{
		"a", "boiler_data", "portCall", "a-b_c.d~e@f+g", "0", "...", ".a", "-", "日本語", "Ünïcödé", "קו", "नमस्ते", "٣",
		"a\u0308\u0301"[1:] + "a", // begins with a combining mark
		strings.Repeat("a", 255), strings.Repeat("é", 127) + "a", strings.Repeat("語", 85),
	}
	for kind, check := range checks {
		for _, name := range names {
			if err := check(name); err != nil {
				t.Errorf("%s %q: %v", kind, name, err)
			}
		}
	}
	if err := protocol.CheckStreamName("ports:antwerp:calls"); err != nil {
		t.Errorf("stream name with colons: %v", err)
	}
}

func TestInvalidNames(t *testing.T) {
	tests := []struct{ name, says string }{
		{"", "empty"},
		{strings.Repeat("a", 256), "256 bytes and at most 255"},
		{strings.Repeat("a", 1000), "1000 bytes"},
		{strings.Repeat("é", 128), "256 bytes"},
		{".", "paths"},
		{"..", "paths"},
		{"a/b", `'/' at position 2 is not allowed`},
		{"été/b", `'/' at position 4`},
		{"a%2Fb", `'%' at position 2`},
		{"a b", `' ' at position 2`},
		{" a", `' ' at position 1`},
		{"a\u00a0", `'\u00a0' at position 2`},
		{"a\u200bb", `'\u200b' at position 2`},
		{"a\tb", `'\t'`},
		{"a\x00", `'\x00'`},
		{"\x7f", `'\x7f'`},
		{"a\u202eb", `'\u202e'`},
		{"$sys", `'$' at position 1`},
		{"a\\b", `'\\'`},
		{"a\"", `'"'`},
		{"a*", `'*'`},
		{"a>", `'>'`},
		{"a#b", `'#'`},
		{"a?b", `'?'`},
		{"a,b", `','`},
		{"½", `'½'`},
		{"😀", `'😀'`},
		{"a\ufffd", `'�'`},
		{"a\xff", "valid UTF-8"},
		{"\xed\xa0\x80", "valid UTF-8"},
		{"e\u0301", "normalization form C"},
		{"\u212b", "normalization form C"}, // ANGSTROM SIGN
	}
	for kind, check := range checks {
		for _, test := range tests {
			e := refusal(t, check(test.name))
			if e.Code != protocol.CodeInvalidName || !strings.Contains(e.Message, test.says) || !strings.Contains(e.Message, kind) {
				t.Errorf("%s %q: got %v, want invalid_name that says %q", kind, test.name, e, test.says)
			}
		}
	}
}

func TestParseGroupID(t *testing.T) {
	if id, err := protocol.ParseGroupID(strings.ToUpper(uuid)); id != uuid || err != nil {
		t.Errorf("got %q, %v", id, err)
	}
	for _, text := range []string{"", "..", "ungrouped", uuid[1:], uuid + "0", "{" + uuid + "}", "urn:uuid:" + uuid, strings.ReplaceAll(uuid, "-", "")} {
		id, err := protocol.ParseGroupID(text)
		if e := refusal(t, err); e.Code != protocol.CodeInvalidRequest || id != "" {
			t.Errorf("%q: got %q, %v", text, id, e)
		}
	}
}

func TestOnlyStreamNamesMayHaveColons(t *testing.T) {
	for _, kind := range []string{"client id", "jail id"} {
		e := refusal(t, checks[kind]("a:b"))
		if !strings.Contains(e.Message, `':' at position 2`) || strings.Contains(e.Message, "+ :") {
			t.Errorf("%s: got %v", kind, e)
		}
	}
	if e := refusal(t, protocol.CheckStreamName("a/b")); !strings.Contains(e.Message, "- _ . ~ @ + :") {
		t.Errorf("stream name: %v does not say what is allowed", e)
	}
}

func TestServedNamesMayBeAddresses(t *testing.T) {
	address := "#" + strings.Repeat("A2", 13)
	for name, want := range map[string]protocol.Code{
		"pricing":                     "",
		address:                       "",
		"space:X:" + address:          "",
		"a/b":                         protocol.CodeInvalidName,
		"":                            protocol.CodeInvalidName,
		"#":                           protocol.CodeInvalidName,
		address[1:] + "#":             protocol.CodeInvalidName,
		address + "A":                 protocol.CodeInvalidName,
		strings.ToLower(address):      protocol.CodeInvalidName,
		"a/b:" + address:              protocol.CodeInvalidName,
		":" + address:                 protocol.CodeInvalidName,
		address + ":x":                protocol.CodeInvalidName,
		"#" + strings.Repeat("!", 26): protocol.CodeInvalidName,
	} {
		err := protocol.CheckServedName(name)
		if e, _ := err.(*protocol.Error); e == nil && want != "" || e != nil && e.Code != want {
			t.Errorf("%q: %v, want %q", name, err, want)
		}
	}
}
