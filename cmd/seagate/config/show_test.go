package config_test

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"seagate/cmd/seagate/config"
	"seagate/cmd/seagate/terminal"
	"seagate/internal/secret"
)

// The reference is a valid file that sets every key to its default.
func TestReferenceLoads(t *testing.T) {
	c := sources{file: config.Reference()}.mustLoad(t)
	requireSame(t, c, config.Default())
	for _, e := range c.Entries() {
		if fromFile := e.Origin != "default"; fromFile == (strings.HasPrefix(e.Key, "root.") || e.Key == "tracing.authorization") {
			t.Errorf("%s comes from %s", e.Key, e.Origin)
		}
	}
}

func TestReferenceText(t *testing.T) {
	reference := config.Reference()
	for _, want := range []string{
		"\nlisten = \":3104\"\n",
		"\n# Flag: --data.\ndata_dir = \"data\"\n",
		"\nallowed_origins = [\"*\"]\n",
		"\n[websocket]\n",
		"\n# Value: 1s to 30s.\nping_interval = \"20s\"\n",
		"\n# Value: \"refuse\", \"accept\" or \"wait\".\nundefined = \"refuse\"\n",
		"\n# Value: 1KiB to 256MiB.\nmessage_bytes = \"1MiB\"\n",
		"\n# Value: 0 to 10000000.\n# Read again on SIGHUP.\npublishes_per_second = 0\n",
		"\n# [root]\n",
		"\n# Value: at least 16 characters.\n# client_secret: only from SEAGATE_ROOT_CLIENT_SECRET\n",
	} {
		if !strings.Contains(reference, want) {
			t.Errorf("no %q", want)
		}
	}
	for line := range strings.Lines(reference) {
		if utf8.RuneCountInString(line) > 81 || strings.HasSuffix(line, " \n") {
			t.Errorf("badly wrapped: %q", line)
		}
	}
}

// Every exported field of Config is a setting, so that none can be forgotten.
func TestEveryFieldIsASetting(t *testing.T) {
	entries := config.Default().Entries()
	if fields := leaves(reflect.TypeFor[config.Config]()); fields != len(entries) {
		t.Errorf("%d fields, %d settings", fields, len(entries))
	}
}

// leaves counts the exported fields that are not sections.
func leaves(t reflect.Type) int {
	count := 0
	for field := range t.Fields() {
		if !field.IsExported() {
			continue
		}
		if field.Type.Kind() == reflect.Struct && field.Type != reflect.TypeFor[secret.Text]() {
			count += leaves(field.Type)
		} else {
			count++
		}
	}
	return count
}

func explained(t *testing.T, color bool) []string {
	t.Helper()
	c := sources{
		file: "[websocket]\nping_interval = \"5s\"\n",
		env:  []string{"SEAGATE_ROOT_CLIENT_ID=a", "SEAGATE_ROOT_CLIENT_SECRET=" + confidential, "SEAGATE_ALLOWED_ORIGINS=a,b"},
		args: []string{"--data", "/données"},
	}.mustLoad(t)
	var out bytes.Buffer
	if err := c.Explain(&out, terminal.Style(color)); err != nil {
		t.Fatal(err)
	}
	return strings.Split(out.String(), "\n")
}

func TestExplain(t *testing.T) {
	lines := explained(t, false)
	for _, want := range []string{
		`KEY                                  VALUE              FROM`,
		`listen                               ":3104"            default`,
		`data_dir                             "/données"         flag --data`,
		`allowed_origins                      ["a", "b"]         env SEAGATE_ALLOWED_ORIGINS`,
		`websocket.ping_interval              "5s"               seagate.toml:2`,
		`websocket.literal_actions            false              default`,
		`limits.json_depth                    64                 default`,
		`root.client_secret                   (hidden)           env SEAGATE_ROOT_CLIENT_SECRET`,
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("no line %q in\n%s", want, strings.Join(lines, "\n"))
		}
	}
}

func TestExplainColor(t *testing.T) {
	plain, colored := explained(t, false), explained(t, true)
	for i, line := range colored {
		bare := strings.TrimSuffix(strings.TrimPrefix(line, "\x1b[1m"), "\x1b[0m")
		if bare != plain[i] {
			t.Errorf("%q is not %q in color", line, plain[i])
		}
		set := i > 0 && plain[i] != "" && !strings.HasSuffix(plain[i], "  default")
		if bold := bare != line; bold != set {
			t.Errorf("bold is %t: %q", bold, line)
		}
	}
}

func TestExplainJSON(t *testing.T) {
	c := sources{env: []string{"SEAGATE_ROOT_CLIENT_ID=a", "SEAGATE_ROOT_CLIENT_SECRET=" + confidential}}.mustLoad(t)
	var out bytes.Buffer
	if err := c.ExplainJSON(&out); err != nil {
		t.Fatal(err)
	}
	var entries []config.Entry
	if err := json.Unmarshal(out.Bytes(), &entries); err != nil {
		t.Fatal(err)
	}
	got := map[string]config.Entry{}
	for _, e := range entries {
		got[e.Key] = e
	}
	for _, want := range []config.Entry{
		{"listen", ":3104", "default", false},
		{"allowed_origins", []any{"*"}, "default", false},
		{"admin.pprof", false, "default", false},
		{"limits.json_depth", 64.0, "default", false},
		{"limits.message_bytes", "1MiB", "default", false},
		{"websocket.ping_interval", "20s", "default", false},
		{"root.client_secret", "(hidden)", "env SEAGATE_ROOT_CLIENT_SECRET", false},
	} {
		if !reflect.DeepEqual(got[want.Key], want) {
			t.Errorf("got %v, want %v", got[want.Key], want)
		}
	}
	if len(entries) != len(c.Entries()) || !strings.HasSuffix(out.String(), "]\n") {
		t.Errorf("%d entries: %s", len(entries), &out)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errBroken }

var errBroken = errors.New("broken pipe")

func TestExplainReturnsWriteErrors(t *testing.T) {
	c := config.Default()
	if err := c.Explain(brokenPipe{}, false); !errors.Is(err, errBroken) {
		t.Errorf("table: %v", err)
	}
	if err := c.ExplainJSON(brokenPipe{}); !errors.Is(err, errBroken) {
		t.Errorf("JSON: %v", err)
	}
}
