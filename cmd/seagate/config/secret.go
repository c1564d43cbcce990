package config

import (
	"fmt"
	"unicode/utf8"

	"seagate/auth"
	"seagate/internal/secret"
)

// secretValue parses a setting into a secret.Text. It has no decode method, because a file may
// not hold a secret. Its errors never repeat the text.
type secretValue struct{ at *secret.Text }

func (s secretValue) parse(text string) error {
	*s.at = secret.New(text)
	return nil
}

func (s secretValue) check() error {
	if s.at.IsSet() && utf8.RuneCountInString(s.at.Reveal()) < auth.MinSecret {
		return fmt.Errorf("must have %s", s.bounds())
	}
	return nil
}

func (secretValue) bounds() string {
	return fmt.Sprintf("at least %d characters", auth.MinSecret)
}

func (s secretValue) plain() any {
	if !s.at.IsSet() {
		return nil
	}
	return *s.at
}
