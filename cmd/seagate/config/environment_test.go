package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/pflag"

	"seagate/cmd/seagate/config"
)

func TestUnknownVariables(t *testing.T) {
	for set, want := range map[string]string{
		"SEAGATE_LISTN=:1":               "unknown environment variable SEAGATE_LISTN is ignored; did you mean SEAGATE_LISTEN?",
		"SEAGATE_PING_INTERVAL=1s":       "unknown environment variable SEAGATE_PING_INTERVAL is ignored; did you mean SEAGATE_WEBSOCKET_PING_INTERVAL?",
		"SEAGATE_DATA=x":                 "unknown environment variable SEAGATE_DATA is ignored; did you mean SEAGATE_DATA_DIR?",
		"SEAGATE_ROOT_CLIENT_SECRT=x":    "unknown environment variable SEAGATE_ROOT_CLIENT_SECRT is ignored; did you mean SEAGATE_ROOT_CLIENT_SECRET?",
		"SEAGATE_LIMITS_MESAGE_BYTES=10": "unknown environment variable SEAGATE_LIMITS_MESAGE_BYTES is ignored; did you mean SEAGATE_LIMITS_MESSAGE_BYTES?",
		"SEAGATE_XYZZY=x":                "unknown environment variable SEAGATE_XYZZY is ignored; seagate config --defaults lists every setting",
		"SEAGATE_PORT=3104":              "unknown environment variable SEAGATE_PORT is ignored; seagate config --defaults lists every setting",
		"SEAGATE_=x":                     "unknown environment variable SEAGATE_ is ignored; seagate config --defaults lists every setting",
	} {
		c, warnings, err := sources{env: []string{set}}.load(t)
		if err != nil || len(warnings) != 1 || warnings[0] != want {
			t.Errorf("%s: %v\ngot  %q\nwant %q", set, err, warnings, want)
			continue
		}
		requireSame(t, c, config.Default())
	}
}

func TestVariablesOfKubernetes(t *testing.T) {
	env := []string{
		"HOME=/root", "seagate_listen=:1", "SEAGATEX=1", "MY_SEAGATE_LISTEN=:1", "SEAGATE_LISTEN", "=", "",
		// Variables of Kubernetes for the services seagate and seagate-admin.
		"SEAGATE_SERVICE_HOST=10.0.0.1", "SEAGATE_SERVICE_PORT=3104", "SEAGATE_SERVICE_PORT_WS=3104",
		"SEAGATE_PORT=tcp://10.0.0.1:3104", "SEAGATE_PORT_3104_TCP=tcp://10.0.0.1:3104",
		"SEAGATE_PORT_3104_TCP_PROTO=tcp", "SEAGATE_PORT_3104_TCP_PORT=3104", "SEAGATE_PORT_3104_TCP_ADDR=10.0.0.1",
		"SEAGATE_ADMIN_SERVICE_HOST=10.0.0.2", "SEAGATE_ADMIN_PORT=tcp://10.0.0.2:3105",
		"SEAGATE_ADMIN_PORT_3105_TCP_ADDR=10.0.0.2",
	}
	if c := (sources{env: env}).mustLoad(t); c.Listen != ":3104" {
		t.Errorf("listen = %s", c.Listen)
	}
}

func TestOtherVariables(t *testing.T) {
	loader := config.Loader{
		Environ:        []string{"SEAGATE_CLIENT_ID=me", "SEAGATE_CLIENT_SECRET=x"},
		OtherVariables: []string{"SEAGATE_CLIENT_ID"},
	}
	_, warnings, err := loader.Load()
	if err != nil || len(warnings) != 1 {
		t.Errorf("got %q, %v; want a warning about the secret alone", warnings, err)
	}
}

// The variables of two keys could be equal, such as those of a.b and a_b.
func TestVariablesAreDistinct(t *testing.T) {
	seen := map[string]string{}
	for _, e := range config.Default().Entries() {
		name := variable(e.Key)
		if other, taken := seen[name]; taken {
			t.Errorf("%s and %s are both %s", e.Key, other, name)
		}
		seen[name] = e.Key
	}
}

// There are warnings also with an error, in a fixed order.
func TestWarningsWithError(t *testing.T) {
	_, warnings, err := sources{env: []string{"SEAGATE_XB=1", "SEAGATE_LISTEN=x", "SEAGATE_XA=1"}}.load(t)
	if err == nil || len(warnings) != 2 || warnings[0] > warnings[1] {
		t.Errorf("got %q, %v", warnings, err)
	}
}

// SEAGATE_CONFIG names the file if no flag does.
func TestFileOfAVariable(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	first, second := write("first.toml", "listen = \"127.0.0.1:1\"\n"), write("second.toml", "listen = \"127.0.0.1:2\"\n")
	for _, test := range []struct {
		env  string
		args []string
		want string
	}{
		{first, nil, "127.0.0.1:1"},
		{first, []string{"--config", second}, "127.0.0.1:2"},
		{"", []string{"--config", second}, "127.0.0.1:2"},
		{"", nil, ":3104"},
	} {
		loader := &config.Loader{Environ: []string{"SEAGATE_CONFIG=" + test.env}}
		flags := pflag.NewFlagSet("", pflag.ContinueOnError)
		loader.BindFlags(flags)
		if err := flags.Parse(test.args); err != nil {
			t.Fatal(err)
		}
		c, warnings, err := loader.Load()
		if err != nil || len(warnings) > 0 || c.Listen != test.want {
			t.Errorf("SEAGATE_CONFIG=%s %q: %v, %q, %v; want %s", test.env, test.args, c, warnings, err, test.want)
		}
	}
	if _, _, err := (&config.Loader{Environ: []string{"SEAGATE_CONFIG=" + folder + "/missing"}}).Load(); err == nil {
		t.Error("a missing file is accepted")
	}
}
