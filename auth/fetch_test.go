package auth

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func TestTheFetchClaim(t *testing.T) {
	for claim, want := range map[string]string{
		`[]`: `[]`,
		`[{"service":"pricing","procedures":["quote","b"]},{"service":"weather"}]`: `[{pricing [quote b]} {weather []}]`,
		`[{"service":"pricing","procedures":[]}]`:                                  `[{pricing []}]`,
		`null`:                                   `fetch is not a list`,
		`{}`:                                     `fetch is not a list`,
		`["pricing"]`:                            `fetch: `,
		`[{}]`:                                   `fetch[0] has no service`,
		`[{"service":""}]`:                       `fetch[0] has no service`,
		`[{"service":null}]`:                     `fetch[0] has no service`,
		`[{"service":7}]`:                        `fetch: `,
		`[{"service":"a"},null]`:                 `fetch[1] has no service`,
		`[{"service":"a","procedures":null}]`:    `fetch[0]: procedures is not a list of names`,
		`[{"service":"a","procedures":"quote"}]`: `fetch[0]: procedures is not a list of names`,
		`[{"service":"a","procedures":[7]}]`:     `fetch[0]: procedures is not a list of names`,
		`[{"service":"a","procedure":["quote"]}]`: `fetch: `, // would grant all
	} {
		grants, err := readFetches(jsontext.Value(claim))
		got := fmt.Sprint(grants)
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", claim, got, want)
		}
	}
}

func TestWhatABearerMayFetch(t *testing.T) {
	grants, err := readFetches(jsontext.Value(`[{"service":"pricing","procedures":["quote"]},{"service":"weather"},{"service":"none","procedures":[]}]`))
	if err != nil {
		t.Fatal(err)
	}
	client := &Principal{Method: MethodBasic}
	bearer := &Principal{Method: MethodToken, Fetches: grants}
	for _, try := range []struct {
		p                  *Principal
		service, procedure string
		want               bool
	}{
		{client, "anything", "at all", true},
		{bearer, "pricing", "quote", true},
		{bearer, "pricing", "reload", false},
		{bearer, "weather", "anything", true},
		{bearer, "none", "quote", false},
		{bearer, "other", "quote", false},
		{&Principal{Method: MethodToken}, "pricing", "quote", false},
		{&Principal{}, "pricing", "quote", false},
	} {
		if err := try.p.MayFetch(try.service, try.procedure); (err == nil) != try.want || err != nil && !errors.Is(err, ErrForbidden) {
			t.Errorf("%+v may fetch %s %s: %v, want %t", try.p, try.service, try.procedure, err, try.want)
		}
	}
	for _, action := range []Action{Serve, Signal, ListServices} {
		if client.May(action, "pricing") != nil || bearer.May(action, "pricing") == nil {
			t.Errorf("%v is for clients with their secret alone", action)
		}
	}
}
