package config

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Validate returns every problem with the values and with relations between
// them. Without problems the configuration can be used. Validate looks at the
// configuration only, not at files or ports.
func (c *Config) Validate() []error {
	return slices.Concat(c.checkValues(), c.checkRelations(), c.TLS.checkPublicNames(c), c.Root.checkBoth())
}

// RequireLoopback returns a problem for each listener that other machines can
// reach.
func (c *Config) RequireLoopback() []error {
	var problems []error
	for _, key := range []string{"listen", "admin_listen", "lines.listen"} {
		s := c.setting(key)
		if address := s.plain().(string); address != "" && !isLoopback(address) {
			problems = append(problems, c.problem(s, fmt.Errorf(
				`must be an address of this machine alone, such as "127.0.0.1:3104", not %q`, address)))
		}
	}
	return problems
}

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && IsLoopback(host)
}

// IsLoopback reports whether a host is this machine, by a name that no other
// machine answers to.
func IsLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

func (c *Config) checkValues() []error {
	var problems []error
	for _, s := range c.all() {
		err := s.check()
		if each, ok := err.(interface{ Unwrap() []error }); ok { // of a list
			for _, err := range each.Unwrap() {
				problems = append(problems, c.problem(s, err))
			}
		} else if err != nil {
			problems = append(problems, c.problem(s, err))
		}
	}
	return problems
}

// problem puts before a value's error where the value comes from, and its key.
func (c *Config) problem(s setting, err error) error {
	return problemAt(c.Origin(s.path()), s, err)
}

func problemAt(origin string, s setting, err error) error {
	if origin == originDefault {
		return fmt.Errorf("%s %w", s.path(), err)
	}
	return fmt.Errorf("%s: %s %w", origin, s.path(), err)
}

// checkRelations compares values with each other.
func (c *Config) checkRelations() []error {
	l := &c.Limits
	relations := []struct {
		ok                   bool
		key, relation, other string
	}{
		// A body is decompressed before it is known to be a message.
		{l.DecompressedBytes >= l.MessageBytes, "limits.decompressed_bytes", "must not be less than", "limits.message_bytes"},
		// Headers and filters arrive in messages.
		{l.HeaderBytes <= l.MessageBytes, "limits.header_bytes", "must not be more than", "limits.message_bytes"},
		{l.CallBytes <= l.MessageBytes, "limits.call_bytes", "must not be more than", "limits.message_bytes"},
		{l.FilterBytes <= l.MessageBytes, "limits.filter_bytes", "must not be more than", "limits.message_bytes"},
		// The last connection must be closed before the deadline.
		{c.Shutdown.Drain < c.Shutdown.Timeout, "shutdown.drain", "must be less than", "shutdown.timeout"},
		{c.Shutdown.Delay == 0 || c.Shutdown.Drain >= c.Shutdown.Timeout || c.Shutdown.Delay < c.Shutdown.Timeout-c.Shutdown.Drain,
			"shutdown.delay", "and shutdown.drain together must be less than", "shutdown.timeout"},
		{!sameAddress(c.Listen, c.AdminListen), "admin_listen", "must have another port than", "listen"},
		{!sameAddress(c.Listen, c.Lines.Listen), "lines.listen", "must have another port than", "listen"},
		{!sameAddress(c.AdminListen, c.Lines.Listen), "lines.listen", "must have another port than", "admin_listen"},
		{c.Lines.JailID == "" || c.Lines.ClientID != "", "lines.jail_id", "must be set together with", "lines.client_id"},
		{!c.ProxyProtocol || len(c.TrustedProxies) > 0, "proxy_protocol", "must be set together with", "trusted_proxies"},
		{c.TLS.ClientCA == "" || c.TLS.Enabled(), "tls.client_ca", "must be set together with", "tls.cert_file"},
		{!c.TLS.ByACME() || c.TLS.CertFile == "", "tls.acme_domains", "must not be set together with", "tls.cert_file"},
		{!c.TLS.ByACME() || c.TLS.KeyFile == "", "tls.acme_domains", "must not be set together with", "tls.key_file"},
		{c.TLS.ACMEEmail == "" || c.TLS.ByACME(), "tls.acme_email", "must be set together with", "tls.acme_domains"},
		{c.TLS.ACMECA == "" || c.TLS.ByACME(), "tls.acme_ca", "must be set together with", "tls.acme_domains"},
		{(c.TLS.CertFile == "") == (c.TLS.KeyFile == ""), "tls.cert_file", "must be set together with", "tls.key_file"},
	}
	var problems []error
	for _, r := range relations {
		if !r.ok {
			problems = append(problems, fmt.Errorf("%s %s %s", c.cite(r.key), r.relation, c.cite(r.other)))
		}
	}
	return problems
}

// checkBoth requires both credentials or neither. The error names variables,
// since the credentials come from nowhere else.
func (r *Root) checkBoth() []error {
	if (r.ClientID != "") == r.ClientSecret.IsSet() {
		return nil
	}
	set, missing := "SEAGATE_ROOT_CLIENT_ID", "SEAGATE_ROOT_CLIENT_SECRET"
	if r.ClientID == "" {
		set, missing = missing, set
	}
	return []error{fmt.Errorf("%s is set and %s is not: set both or neither", set, missing)}
}

// cite returns a key with its value and where the value comes from.
func (c *Config) cite(key string) string {
	return fmt.Sprintf("%s (%s, %s)", key, literal(c.setting(key).plain()), c.Origin(key))
}

// setting returns the setting with a key, which must exist.
func (c *Config) setting(key string) setting {
	all := c.all()
	return all[slices.IndexFunc(all, func(s setting) bool { return s.path() == key })]
}

// sameAddress reports whether nobody can listen on both addresses at once.
func sameAddress(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB || portA == "0" {
		return false
	}
	return hostA == hostB || everyInterface(hostA) || everyInterface(hostB)
}

func everyInterface(host string) bool {
	return host == "" || net.ParseIP(host).IsUnspecified()
}

// required refuses an empty text.
func required(text string) error {
	if text == "" {
		return errors.New("must not be empty")
	}
	return nil
}

// address accepts HOST:PORT, with or without a host.
func address(text string) error {
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf(`must be HOST:PORT, such as "127.0.0.1:3104", "[::1]:3104" or ":3104", not %q`, text)
	}
	return nil
}

// optionalURL accepts the URL of a server.
func optionalURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New(`must be a URL such as "http://127.0.0.1:4318", without credentials and query`)
	}
	return nil
}

// acmeDomain accepts a name for which an authority can issue a certificate by TLS-ALPN-01.
func acmeDomain(name string) error {
	switch {
	case strings.HasPrefix(name, "*"):
		return fmt.Errorf("cannot have %q: an authority gives certificates for wildcards only by a record in the DNS, which the gateway cannot make; list each name, or use tls.cert_file", name)
	case net.ParseIP(name) != nil:
		return fmt.Errorf("cannot have the address %q: a certificate is for names; use tls.cert_file", name)
	case strings.EqualFold(name, "localhost") || strings.HasSuffix(strings.ToLower(name), ".localhost"):
		return fmt.Errorf("cannot have %q: no authority reaches it", name)
	case len(name) > 253 || !hostName.MatchString(name):
		return fmt.Errorf("must list names such as gateway.example.com (in ASCII, without port and scheme), not %q", name)
	}
	return nil
}

// hostName matches names (RFC 1123 §2.1) whose last label is not a number.
var hostName = regexp.MustCompile(`^(?i:[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*(?i:[a-z]([a-z0-9-]{0,61}[a-z0-9])?)$`)

// checkPublicNames refuses the names of private networks (RFC 6761, RFC 6762, and .internal of ICANN) unless
// another authority is named: a public one signs none of them.
func (t *TLS) checkPublicNames(c *Config) []error {
	var problems []error
	for _, name := range t.ACMEDomains {
		private := slices.ContainsFunc([]string{".internal", ".local", ".test", ".example", ".invalid", ".home.arpa"}, func(end string) bool {
			return strings.HasSuffix(strings.ToLower(name), end)
		}) || !strings.Contains(name, ".") && !strings.EqualFold(name, "localhost") // of which acmeDomain has said it
		if private && t.ACMEDirectory == "" {
			problems = append(problems, c.problem(c.setting("tls.acme_domains"), fmt.Errorf(
				"cannot have %q: Let's Encrypt signs no names of private networks; set tls.acme_directory to an authority of your own, or use tls.cert_file", name)))
		}
	}
	return problems
}

func acmeEmail(text string) error {
	if text == "" {
		return nil
	}
	if a, err := mail.ParseAddress(text); err != nil || a.Address != text {
		return errors.New("must be an address such as ops@example.com")
	}
	return nil
}

func acmeURL(text string) error {
	if text == "" {
		return nil
	}
	if u, err := url.Parse(text); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return errors.New("must be a URL that begins with https://")
	}
	return nil
}

func optionalAddress(text string) error {
	if text == "" {
		return nil
	}
	return address(text)
}
