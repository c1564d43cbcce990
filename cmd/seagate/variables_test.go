package main_test

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

var variable = regexp.MustCompile(`\$\{([^}]*)\}`)

// expand replaces ${...} with their texts.
func (r *replay) expand(text string) (string, error) {
	var unknown error
	expanded := variable.ReplaceAllStringFunc(text, func(match string) string {
		value, err := r.value(match[2 : len(match)-1])
		if err != nil {
			unknown = err
		}
		return value
	})
	return expanded, unknown
}

func (r *replay) value(expression string) (string, error) {
	word, rest, _ := strings.Cut(expression, " ")
	switch {
	case word == "HOST":
		return r.gateway.listen, nil
	case word == "SECRET":
		return r.clients[rest].secret, nil
	case word == "BASIC":
		return base64.StdEncoding.EncodeToString([]byte(r.clients[rest].id + ":" + r.clients[rest].secret)), nil
	case word == "BASE64":
		return base64.StdEncoding.EncodeToString([]byte(rest)), nil
	case word == "PEM":
		return strings.ReplaceAll(publicPEM(r.t, rest), "\n", `\n`), nil
	case strings.HasPrefix(word, "NOW"):
		seconds, err := strconv.Atoi(word[len("NOW"):])
		return strconv.FormatInt(time.Now().Unix()+int64(seconds), 10), err
	case word == "UUID":
		if r.texts[expression] == "" {
			r.texts[expression] = uuid.NewString()
		}
		return r.texts[expression], nil
	case word == "REPEAT":
		count, of, _ := strings.Cut(rest, " ")
		times, err := strconv.Atoi(count)
		return strings.Repeat(of, times), err
	}
	if value, known := r.texts[expression]; known {
		return value, nil
	}
	return "", fmt.Errorf("${%s} is not known", expression)
}

// match compares a text with the expected one, and captures the texts that it names.
func (r *replay) match(want, got string) error {
	var pattern strings.Builder
	var captured []string
	at := 0
	for _, m := range variable.FindAllStringSubmatchIndex(want, -1) {
		pattern.WriteString(regexp.QuoteMeta(want[at:m[0]]))
		at = m[1]
		expression := want[m[2]:m[3]]
		if name, captures := strings.CutSuffix(expression, "="); captures {
			captured = append(captured, name)
			pattern.WriteString(`([^"]*)`)
		} else if expression == "*" {
			pattern.WriteString(`(?s:.*)`)
		} else if value, err := r.value(expression); err == nil {
			pattern.WriteString(regexp.QuoteMeta(value))
		} else {
			return err
		}
	}
	pattern.WriteString(regexp.QuoteMeta(want[at:]))
	found := regexp.MustCompile(`\A` + pattern.String() + `\z`).FindStringSubmatch(got)
	if found == nil {
		return fmt.Errorf("got\n %.3000s\nwant\n %.3000s", got, want)
	}
	for i, name := range captured {
		if client, isSecret := strings.CutPrefix(name, "SECRET "); isSecret {
			id := r.clients[client].id
			if id == "" {
				id = client
			}
			r.clients[client] = credentials{id, found[i+1]}
		} else {
			r.texts[name] = found[i+1]
		}
	}
	return nil
}
