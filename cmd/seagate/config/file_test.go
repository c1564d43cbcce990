package config_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestFileProblems(t *testing.T) {
	for _, test := range []struct {
		name, file string
		want       []string
	}{
		{"typo in a section", "\n[websocket]\n\npign_interval = \"20s\"\n",
			[]string{`seagate.toml:4: unknown key "pign_interval" in [websocket]; did you mean "ping_interval"?`}},
		{"typo at the top", "adminlisten = \"\"\n",
			[]string{`seagate.toml:1: unknown key "adminlisten"; did you mean "admin_listen"?`}},
		{"hyphens and capitals", "Data-Dir = \"x\"\n",
			[]string{`seagate.toml:1: unknown key "Data-Dir"; did you mean "data_dir"?`}},
		{"half of a key", "data = \"x\"\n",
			[]string{`seagate.toml:1: unknown key "data"; did you mean "data_dir"?`}},
		{"top key below a section", "[admin]\nlisten = \":1\"\n",
			[]string{`seagate.toml:2: unknown key "listen" in [admin]; it belongs at the top, above the first [section]`}},
		{"key of another section", "[streams]\nmessage_bytes = 5000\n",
			[]string{`seagate.toml:2: unknown key "message_bytes" in [streams]; it belongs in [limits]`}},
		{"key of a section at the top", "message_bytes = 5000\n",
			[]string{`seagate.toml:1: unknown key "message_bytes"; it belongs in [limits]`}},
		{"typo in a key of another section", "[streams]\nmesage_bytes = 5000\n",
			[]string{`seagate.toml:2: unknown key "mesage_bytes" in [streams]; did you mean "message_bytes" in [limits]?`}},
		{"nothing like it", "[log]\ncolour = true\n",
			[]string{`seagate.toml:2: unknown key "colour" in [log]; seagate config --defaults lists every setting`}},
		{"deeper than any", "[log]\na.b = true\n",
			[]string{`seagate.toml:2: unknown key "a.b" in [log]; seagate config --defaults lists every setting`}},
		{"every unknown key", "a = 1\nb = 2\n",
			[]string{`seagate.toml:1: unknown key "a"; seagate config --defaults lists every setting`,
				`seagate.toml:2: unknown key "b"; seagate config --defaults lists every setting`}},

		{"unknown section, named once", "[websockets]\nping_interval = 1\nx = 2\n[websockets.y]\nz = 1\n[limit]\n",
			[]string{`seagate.toml:1: unknown section [websockets]; did you mean [websocket]?`,
				`seagate.toml:6: unknown section [limit]; did you mean [limits]?`}},
		{"unknown section by dotted keys", "storage.engine = 1\nstorage.x = 2\n",
			[]string{`seagate.toml:1: unknown section [storage]; seagate config --defaults lists every setting`}},
		{"unknown section inline", "strems = {dates = 1}\n",
			[]string{`seagate.toml:1: unknown section [strems]; did you mean [streams]?`}},
		{"section within a section", "[limits.more]\nx = 1\n",
			[]string{`seagate.toml:1: unknown section [limits.more]; seagate config --defaults lists every setting`}},
		{"capitals are another section", "[WebSocket]\nping_interval = \"1s\"\n",
			[]string{`seagate.toml:1: unknown section [WebSocket]; did you mean [websocket]?`}},
		{"list of sections", "[[log]]\nlevel = \"info\"\n[[log]]\nx = 1\n[log.y]\n",
			[]string{`seagate.toml:1: [[log]] is one section: write [log]`}},
		{"section as a key", "log = \"debug\"\n",
			[]string{`seagate.toml:1: log is a section: write its keys below a line [log]`}},
		{"section as a list", "log = [{level = \"debug\"}]\n",
			[]string{`seagate.toml:1: log is a section: write its keys below a line [log]`}},

		{"quoted dots are one name", "\"log.level\" = \"debug\"\n[\"limits.connections\"]\nx = 1\n",
			[]string{`seagate.toml:1: unknown key "\"log.level\""; seagate config --defaults lists every setting`,
				`seagate.toml:2: unknown section ["limits.connections"]; seagate config --defaults lists every setting`}},
		{"empty names", "[\"\"]\nlisten = \":1\"\n",
			[]string{`seagate.toml:1: unknown section [""]; seagate config --defaults lists every setting`}},
		{"terminal escapes are shown, not sent", "[\"\\u001b[31m\"]\n",
			[]string{`seagate.toml:1: unknown section ["\x1b[31m"]; seagate config --defaults lists every setting`}},

		{"integer for text", "listen = 3104\n",
			[]string{`seagate.toml:1: listen must be text in quotes, not the integer 3104`}},
		{"text for boolean", "[admin]\npprof = \"true\"\n",
			[]string{`seagate.toml:2: admin.pprof must be true or false, without quotes, not the text "true"`}},
		{"text for integer", "[limits]\njson_depth = \"64\"\n",
			[]string{`seagate.toml:2: limits.json_depth must be a whole number, not the text "64"`}},
		{"fraction for integer", "[limits]\njson_depth = 1.5\n",
			[]string{`seagate.toml:2: limits.json_depth must be a whole number, not the number 1.5`}},
		{"boolean for size", "[limits]\nmessage_bytes = true\n",
			[]string{`seagate.toml:2: limits.message_bytes must be a size such as 65536, "64KiB" or "1MiB", not the boolean true`}},
		{"decimal unit", "[limits]\nmessage_bytes = \"1MB\"\n",
			[]string{`seagate.toml:2: limits.message_bytes must be a size such as 65536, "64KiB" or "1MiB", not "1MB"`}},
		{"duration without unit", "[websocket]\nping_interval = 20\nstall_timeout = \"60\"\n",
			[]string{`seagate.toml:2: websocket.ping_interval has no unit: write "20s" if 20 seconds are meant`,
				`seagate.toml:3: websocket.stall_timeout has no unit: write "60s" if 60 seconds are meant`}},
		{"duration in words", "[websocket]\nping_interval = \"20 sec\"\n",
			[]string{`seagate.toml:2: websocket.ping_interval must be a duration such as "500ms", "20s" or "7d", not "20 sec"`}},
		{"time for duration", "[websocket]\nping_interval = 00:00:20\n",
			[]string{`seagate.toml:2: websocket.ping_interval must be a duration such as "500ms", "20s" or "7d", not a date or time`}},
		{"unknown choice", "[streams]\nundefined = \"acept\"\n",
			[]string{`seagate.toml:2: streams.undefined must be "refuse", "accept" or "wait", not "acept"`}},
		{"boolean for choice", "[streams]\nundefined = true\n",
			[]string{`seagate.toml:2: streams.undefined must be "refuse", "accept" or "wait", not the boolean true`}},
		{"text for list", "allowed_origins = \"*\"\n",
			[]string{`seagate.toml:1: allowed_origins must be a list of texts such as ["a", "b"], not the text "*"`}},
		{"list of something else", "allowed_origins = [\"*\", 5]\n",
			[]string{`seagate.toml:1: allowed_origins must be a list of texts such as ["a", "b"], and its element 2 is the integer 5`}},
		{"table for value", "[limits.connections]\nx = 1\ny = 2\n",
			[]string{`seagate.toml:1: limits.connections must be a whole number, not a table`}},
		{"dotted table for value", "listen.port = 3104\n",
			[]string{`seagate.toml:1: listen must be text in quotes, not a table`}},
		{"list of tables for value", "[[limits.connections]]\nx = 1\n",
			[]string{`seagate.toml:1: limits.connections must be a whole number, not a list`}},
		{"secret in a file", "[root]\nclient_id = \"a\"\nclient_secret = \"0123456789abcdef\"\n",
			[]string{`seagate.toml:2: root.client_id is not read from a file; set SEAGATE_ROOT_CLIENT_ID in the environment`,
				`seagate.toml:3: root.client_secret is not read from a file; set SEAGATE_ROOT_CLIENT_SECRET in the environment`}},

		{"value that never ends", "listen = \":1\n[root]\nclient_secret = \"0123456789abcdef\"\n",
			[]string{`seagate.toml:1: column 13: basic strings cannot have new lines`}},
		{"key twice", "listen = \":1\"\nlisten = \":2\"\n",
			[]string{`seagate.toml:2: column 1: key listen is already defined`}},
		{"section twice", "[log]\n[tls]\n[log]\n",
			[]string{`seagate.toml:3: column 2: table log already exists`}},
		{"not TOML", "{\"listen\": 1}",
			[]string{`seagate.toml:1: column 1: invalid character at start of key: U+007B '{'`}},
		{"invalid UTF-8", "listen = \"\xff\"",
			[]string{`seagate.toml:1: column 11: invalid UTF-8 character in basic string`}},
		{"integer of 65 bits", "[limits]\nconnections = 9223372036854775808\n",
			[]string{`seagate.toml:2: column 15: decimal number is too large to fit in a 64-bit signed integer`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := (sources{file: test.file}).problems(t); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

func TestWaysToWriteAKey(t *testing.T) {
	for name, file := range map[string]string{
		"section": "[websocket]\nping_interval = \"5s\"\n",
		"dotted":  "websocket.ping_interval = \"5s\"\n",
		"inline":  "websocket = {ping_interval = \"5s\"}\n",
		"quoted":  "[\"websocket\"]\n'ping_interval' = '''5s'''\n",
		"BOM":     "\ufeff[websocket]\nping_interval = \"5s\"\n",
		"CRLF":    "[websocket]\r\nping_interval = \"5s\"\r\n",
	} {
		c, _, err := sources{file: file}.load(t)
		if err != nil || c.WebSocket.PingInterval != 5*time.Second {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
}

// The origin of a value is the line of its key.
func TestOriginOfAValueOnSeveralLines(t *testing.T) {
	c := sources{file: "# first\nallowed_origins = [\n  \"a\",\n  # between\n  \"b\",\n]\ndata_dir = \"d\"\n"}.mustLoad(t)
	for key, want := range map[string]string{"allowed_origins": "seagate.toml:2", "data_dir": "seagate.toml:7"} {
		if got := c.Origin(key); got != want {
			t.Errorf("%s comes from %s, want %s", key, got, want)
		}
	}
}

func TestFileSize(t *testing.T) {
	const most = 256 << 10
	if got := (sources{file: strings.Repeat("\n", most)}).problems(t); got != nil {
		t.Errorf("at the limit: %q", got)
	}
	want := "cannot read the configuration file: seagate.toml is larger than 256KiB"
	if got := (sources{file: strings.Repeat("\n", most+1)}).problems(t); len(got) != 1 || got[0] != want {
		t.Errorf("above it: %q", got)
	}
	want = "cannot read the configuration file: /dev/zero is larger than 256KiB"
	if got := (sources{args: []string{"--config", "/dev/zero"}}).problems(t); len(got) != 1 || got[0] != want {
		t.Errorf("without an end: %q", got)
	}
}

func TestHugeFilesAreReadQuickly(t *testing.T) {
	for name, file := range map[string]string{
		"long key":    strings.Repeat("a", 200_000) + " = 1",
		"deep header": "[" + strings.Repeat("a.", 50_000) + "a]",
		"deep key":    "[limits]\n" + strings.Repeat("a.", 50_000) + "a = 1",
		"far down":    strings.Repeat("\n", 250_000) + "listen = 1",
	} {
		if got := (sources{file: file}).problems(t); len(got) != 1 {
			t.Errorf("%s: %d problems", name, len(got))
		}
	}
}

func FuzzFile(f *testing.F) {
	f.Add(changed)
	f.Add("websocket = {ping_interval = 1, x = {y = 2}}\n[[limits]]\n[limits.connections]\na.b = 1\n")
	f.Add("\"\".listen = 1\n[\"\"]\n[root]\nclient_secret = \"x\"\n")
	name := filepath.Join(f.TempDir(), "seagate.toml")
	f.Fuzz(func(t *testing.T, file string) {
		if err := os.WriteFile(name, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		c, warnings, err := sources{args: []string{"--config", name}}.load(t)
		if (c == nil) != (err != nil) {
			t.Fatalf("config %v with error %v", c, err)
		}
		if len(warnings) != 0 {
			t.Fatalf("the file caused warnings about the environment: %q", warnings)
		}
		if c == nil {
			return
		}
		if problems := c.Validate(); problems != nil {
			t.Fatalf("loaded, and then: %v", problems)
		}
	})
}
