// Package origin says which web pages may use a gateway from a browser, by the
// Origin header of their requests (RFC 6454).
package origin

import (
	"fmt"
	"net/url"
	"path"
	"strings"
)

// A Set is the origins that are allowed. The zero Set allows pages of the
// gateway's own host only. A Set is safe for concurrent use.
type Set struct {
	any      bool
	patterns []pattern
}

// A pattern is a scheme, or "" for any, and a host with port in the syntax of
// path.Match. A host has no slash, so "*" matches all of it.
type pattern struct {
	scheme, host string
}

// Any allows every page. Credentials travel in messages and headers that a page must set
// itself, never in cookies. What a browser adds by itself, remembered Basic credentials,
// is of no use to a foreign page: the browser does not let the page read such an answer, and
// package httpapi refuses changes that a browser would send without asking first.
func Any() Set { return Set{any: true} }

// Parse reads a list of patterns: "*" for every page, "https://app.example.com",
// "*.example.com", "localhost:*". The error is that of Check.
func Parse(list []string) (Set, error) {
	var s Set
	for _, text := range list {
		p, err := parsePattern(text)
		if err != nil {
			return Set{}, fmt.Errorf("an allowed origin %w", err)
		}
		s.any = s.any || text == "*"
		s.patterns = append(s.patterns, p)
	}
	return s, nil
}

// Check returns an error if a text is no pattern. The error continues a
// sentence that begins with what the pattern is for.
func Check(text string) error {
	_, err := parsePattern(text)
	return err
}

func parsePattern(text string) (pattern, error) {
	scheme, host, found := strings.Cut(strings.ToLower(text), "://")
	if !found {
		scheme, host = "", scheme
	}
	_, err := path.Match(host, "")
	if err != nil || host == "" || found && scheme == "" || strings.ContainsAny(text, ", \t\r\n") || strings.Contains(host, "/") {
		return pattern{}, fmt.Errorf(`must name hosts, such as "https://app.example.com" or "*.example.com", not %q`, text)
	}
	return pattern{scheme, host}, nil
}

// AllowsAny reports whether every page is allowed.
func (s Set) AllowsAny() bool { return s.any }

// Allows reports whether a page of this origin may use the gateway at host. A
// request without an origin is allowed: it comes from no browser.
func (s Set) Allows(origin, host string) bool {
	if origin == "" || s.any {
		return true
	}
	u, err := url.Parse(strings.ToLower(origin))
	if err != nil || u.Host == "" {
		return false // such as "null", the origin of a sandboxed page
	}
	if u.Host == strings.ToLower(host) {
		return true
	}
	for _, p := range s.patterns {
		if p.matches(u) {
			return true
		}
	}
	return false
}

func (p pattern) matches(u *url.URL) bool {
	if p.scheme != "" && p.scheme != u.Scheme {
		return false
	}
	matched, _ := path.Match(p.host, u.Host) // parsePattern has checked the syntax
	return matched
}
