package secret_test

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"seagate/internal/secret"
)

const confidential = "correct horse battery staple"

func TestTextIsNeverShown(t *testing.T) {
	text := secret.New(confidential)
	holders := []any{
		text, &text, []secret.Text{text}, map[string]secret.Text{"a": text},
		struct{ Exported secret.Text }{text}, struct{ unexported secret.Text }{text}, &struct{ unexported secret.Text }{text},
		struct {
			nested struct{ unexported *secret.Text }
		}{struct{ unexported *secret.Text }{&text}},
	}
	var out bytes.Buffer
	for _, holder := range holders {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10s", "%T"} {
			fmt.Fprintf(&out, verb, holder)
		}
		fmt.Fprintln(&out, holder, fmt.Errorf("wrapped: %v", holder))
		for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			slog.New(handler).Info("log", "holder", holder)
		}
		for _, marshal := range []func(any) ([]byte, error){
			func(v any) ([]byte, error) { return json.Marshal(v) }, stdjson.Marshal,
		} {
			encoded, _ := marshal(holder) // an error is as good as hiding
			out.Write(encoded)
		}
	}
	out.WriteString(text.String())
	for _, form := range []string{confidential, fmt.Sprintf("%x", confidential), fmt.Sprintf("%d", []byte(confidential))} {
		if strings.Contains(strings.ToLower(out.String()), form) {
			t.Errorf("%q is in the output:\n%s", form, out.String())
		}
	}
}

func TestEveryOutputSaysThatATextIsHidden(t *testing.T) {
	text := secret.New(confidential)
	encoded, err := json.Marshal(text)
	if err != nil || string(encoded) != `"(hidden)"` {
		t.Errorf("JSON: %s, %v", encoded, err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("log", "secret", text)
	if !strings.Contains(log.String(), "secret=(hidden)") {
		t.Errorf("log: %s", log.String())
	}
	for _, printed := range []string{text.String(), fmt.Sprint(text), fmt.Sprintf("%q", text), fmt.Sprint(secret.Text{})} {
		if printed != "(hidden)" {
			t.Errorf("printed: %s", printed)
		}
	}
}

func TestReveal(t *testing.T) {
	if text := secret.New("x"); text.Reveal() != "x" || !text.IsSet() {
		t.Errorf("got %q, set: %t", text.Reveal(), text.IsSet())
	}
	for _, none := range []secret.Text{{}, secret.New("")} {
		if none.Reveal() != "" || none.IsSet() || none != (secret.Text{}) {
			t.Errorf("the empty text is a secret: %q, set: %t", none.Reveal(), none.IsSet())
		}
	}
}
