package client_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"seagate/client"
)

func TestNew(t *testing.T) {
	basic := client.Basic("abc", "s")
	tests := []struct {
		url         string
		credentials client.Credentials
		want        string // in the error; "" for none
	}{
		{"http://127.0.0.1:3104", basic, ""},
		{"https://example.com/gateway/", client.JWT("abc", "x"), ""},
		{"", basic, "http:// or https://"},
		{"127.0.0.1:3104", basic, "cannot be read"},
		{"ws://example.com", basic, "http:// or https://"},
		{"http://", basic, "no host"},
		{"http://example.com?x=1", basic, "no query"},
		{"http://example.com/#x", basic, "no fragment"},
		{"http://u:hunter2@example.com", basic, "do not belong"},
		{"http://u:hunter2@exa mple.com", basic, "cannot be read"},
		{"http://example.com", client.Credentials{}, "have no type"},
		{"http://example.com", client.Basic("", "s"), "client id"},
		{"http://example.com", client.Basic("a:b", "s"), "client id"},
		{"http://example.com", client.Basic("abc", ""), "no secret"},
	}
	for _, test := range tests {
		_, err := client.New(test.url, test.credentials, client.Options{})
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", test.url, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: got error %v, want one with %q", test.url, err, test.want)
		case err != nil && strings.Contains(err.Error(), "hunter2"):
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

func TestSecretsDoNotShow(t *testing.T) {
	for _, credentials := range []client.Credentials{client.Basic("abc", "hunter2"), client.JWT("abc", "hunter2")} {
		c, err := client.New("http://127.0.0.1:1", credentials, client.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		fmt.Fprintf(&b, "%v %+v %s %#v %v %+v %v\n", c, c, c, *c, credentials, credentials, errOf(c.Publish(t.Context(), "s", 1)))
		for _, handler := range []slog.Handler{slog.NewTextHandler(&b, nil), slog.NewJSONHandler(&b, nil)} {
			slog.New(handler).Info("x", "client", c, "credentials", credentials, "made", client.NewSecret{Secret: credentials.Secret})
		}
		if strings.Contains(b.String(), "hunter2") {
			t.Errorf("the secret shows:\n%s", b.String())
		}
		if !strings.Contains(c.String(), "http://127.0.0.1:1 as abc") {
			t.Errorf("String: %s", c)
		}
	}
}

// A transport answers every request with a body, without a network.
type transport []byte
