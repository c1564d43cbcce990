package gateway

import (
	"fmt"
	"net/url"
	"path"
	"strings"
)

// Origins says which web pages may use the gateway from a browser. The zero
// value allows those of the gateway's own host only.
type Origins struct {
	any      bool
	patterns []originPattern
}

// An originPattern is a scheme, or "" for any, and a host with port in the
// syntax of path.Match, in which no slash comes up.
type originPattern struct {
	scheme, host string
}

// AnyOrigin allows every page: credentials travel in messages and headers that
// a page must set itself, never in cookies, so a foreign page gains nothing.
func AnyOrigin() Origins { return Origins{any: true} }

// ParseOrigins reads a list of patterns: "*" for every page,
// "https://app.example.com", "*.example.com", "localhost:*".
func ParseOrigins(list []string) (Origins, error) {
	var o Origins
	for _, text := range list {
		if text == "*" {
			o.any = true
			continue
		}
		scheme, host, found := strings.Cut(strings.ToLower(text), "://")
		if !found {
			scheme, host = "", scheme
		}
		if _, err := path.Match(host, ""); err != nil || host == "" || strings.Contains(host, "/") {
			return Origins{}, fmt.Errorf("%q is not an origin: write https://host, *.host or *", text)
		}
		o.patterns = append(o.patterns, originPattern{scheme, host})
	}
	return o, nil
}

// Allow says whether a page of this origin may use the gateway at host. An
// empty origin, which is no browser's, may.
func (o Origins) Allow(origin, host string) bool {
	if origin == "" || o.any {
		return true
	}
	u, err := url.Parse(strings.ToLower(origin))
	if err != nil || u.Host == "" {
		return false // "null", of a sandboxed page, among others
	}
	if u.Host == strings.ToLower(host) {
		return true
	}
	for _, p := range o.patterns {
		if p.matches(u) {
			return true
		}
	}
	return false
}

func (p originPattern) matches(u *url.URL) bool {
	if p.scheme != "" && p.scheme != u.Scheme {
		return false
	}
	matched, _ := path.Match(p.host, u.Host)
	return matched
}

// Any says whether every origin is allowed.
func (o Origins) Any() bool { return o.any }
