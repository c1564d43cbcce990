package config_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"seagate/cmd/seagate/config"
	"seagate/internal/secret"
)

const confidential = "correct horse battery staple"

func TestSecretIsNeverShown(t *testing.T) {
	c := sources{env: []string{"SEAGATE_ROOT_CLIENT_ID=operator", "SEAGATE_ROOT_CLIENT_SECRET=" + confidential}}.mustLoad(t)
	if c.Root.ClientSecret.Reveal() != confidential {
		t.Fatalf("the secret is %q", c.Root.ClientSecret.Reveal())
	}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
		fmt.Fprintf(&out, verb, c.Root.ClientSecret)
		fmt.Fprintf(&out, verb, c.Root)
		fmt.Fprintf(&out, verb, *c)
		fmt.Fprintf(&out, verb, struct{ config config.Config }{*c})
		fmt.Fprintf(&out, verb, struct{ secret secret.Text }{c.Root.ClientSecret})
	}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("loaded", "config", c, "secret", c.Root.ClientSecret)
	}
	if err := json.MarshalWrite(&out, c.Root); err != nil {
		t.Fatal(err)
	}
	if err := c.ExplainJSON(&out); err != nil {
		t.Fatal(err)
	}
	if err := c.Explain(&out, true); err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{confidential, fmt.Sprintf("%x", confidential), fmt.Sprintf("%d", []byte(confidential))} {
		if strings.Contains(strings.ToLower(out.String()), form) {
			t.Errorf("%q is in the output", form)
		}
	}
	if !strings.Contains(out.String(), "(hidden)") {
		t.Error("nothing says that a secret is there")
	}
}

func TestRootCredentials(t *testing.T) {
	const id, sixteen = "SEAGATE_ROOT_CLIENT_ID=operator", "SEAGATE_ROOT_CLIENT_SECRET=0123456789abcdéf"
	for _, test := range []struct {
		env  []string
		want string
	}{
		{[]string{id, sixteen}, ""},
		{[]string{id, sixteen[:len(sixteen)-1]}, "env SEAGATE_ROOT_CLIENT_SECRET: root.client_secret must have at least 16 characters"},
		{[]string{id}, "SEAGATE_ROOT_CLIENT_ID is set and SEAGATE_ROOT_CLIENT_SECRET is not: set both or neither"},
		{[]string{id, "SEAGATE_ROOT_CLIENT_SECRET="}, "SEAGATE_ROOT_CLIENT_ID is set and SEAGATE_ROOT_CLIENT_SECRET is not: set both or neither"},
		{[]string{sixteen}, "SEAGATE_ROOT_CLIENT_SECRET is set and SEAGATE_ROOT_CLIENT_ID is not: set both or neither"},
	} {
		if got := strings.Join(sources{env: test.env}.problems(t), "\n"); got != test.want {
			t.Errorf("%q:\ngot  %s\nwant %s", test.env, got, test.want)
		}
	}
}

func TestNoSecret(t *testing.T) {
	if none := secret.New(""); none.IsSet() || none.Reveal() != "" {
		t.Error("empty text made a secret")
	}
	if got := value(config.Default(), "root.client_secret"); got != nil {
		t.Errorf("got %v", got)
	}
}
