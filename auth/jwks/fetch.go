package jwks

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"seagate/auth"
)

// ErrURL reports a URL that the operator does not allow, or that is none of a JWK set.
var ErrURL = errors.New("not usable as the URL of a JWK set")

// errAddress reports an address that may not be asked.
var errAddress = errors.New("the address is not public, and its network is not among jwks.private_networks")

const fileScheme = "file"

// Check returns an error that wraps ErrURL if the set at the URL may not be fetched.
func (r *Refresher) Check(text string) error {
	u, err := url.Parse(text)
	switch {
	case len(text) > auth.MaxJWKSURL:
		return fmt.Errorf("%w: it is longer than %d bytes", ErrURL, auth.MaxJWKSURL)
	case err != nil:
		return fmt.Errorf("%w: it cannot be read as a URL", ErrURL)
	case u.Scheme == fileScheme:
		return r.checkFile(u)
	case u.Scheme != "https":
		return fmt.Errorf("%w: it must begin with https://, or be file:NAME", ErrURL)
	case u.User != nil || u.Fragment != "":
		return fmt.Errorf("%w: it must have neither credentials nor a fragment", ErrURL)
	case u.Host == "" || !r.options.Hosts.Allows("https://"+strings.TrimSuffix(u.Host, ":443"), ""):
		return fmt.Errorf("%w: the operator has to allow the host %q first, with jwks.hosts", ErrURL, u.Host)
	}
	return nil
}

func (r *Refresher) checkFile(u *url.URL) error {
	switch {
	case r.options.Dir == "":
		return fmt.Errorf("%w: the operator has to name a folder first, with jwks.dir", ErrURL)
	case u.Opaque == "" || !filepath.IsLocal(u.Opaque) || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%w: it must be file:NAME, with a name in the folder jwks.dir", ErrURL)
	}
	return nil
}

// A failure is what the owner of a set is told of a fetch that failed. The log has the cause.
type failure struct {
	told  string
	cause error
}

func (f *failure) Error() string { return f.told }
func (f *failure) Unwrap() error { return f.cause }

// fetch returns the keys of the set. An error is a *failure, or wraps ErrURL.
func (r *Refresher) fetch(ctx context.Context, text string) ([]auth.NewKey, error) {
	if err := r.Check(text); err != nil { // the settings may be others than when it was set
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, r.options.Timeout)
	defer cancel()
	read := r.get
	if strings.HasPrefix(text, fileScheme+":") {
		read = r.readFile
	}
	document, err := read(ctx, text)
	if err != nil {
		return nil, err
	}
	keys, _, err := auth.ParseJWKS(document)
	if err != nil {
		return nil, &failure{strings.TrimPrefix(err.Error(), "auth: "), err}
	}
	return keys, nil
}

func (r *Refresher) get(ctx context.Context, text string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, text, nil)
	if err != nil {
		return nil, &failure{"the URL cannot be asked for", err}
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	request.Header.Set("User-Agent", "seagate")
	answer, err := r.client.Do(request)
	switch {
	case errors.Is(err, errAddress):
		return nil, &failure{errAddress.Error(), err}
	case err != nil:
		return nil, &failure{"the host could not be reached over TLS in time", err}
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, &failure{fmt.Sprintf("the answer is %d, not 200", answer.StatusCode), nil}
	}
	return readSet(answer.Body)
}

func (r *Refresher) readFile(_ context.Context, text string) ([]byte, error) {
	root, err := os.OpenRoot(r.options.Dir) // no link leads out of it
	if err != nil {
		return nil, &failure{"the folder jwks.dir cannot be read", err}
	}
	defer root.Close()
	name := strings.TrimPrefix(text, fileScheme+":")
	if info, err := root.Stat(name); err != nil || !info.Mode().IsRegular() {
		return nil, &failure{"there is no such file in the folder jwks.dir", errors.Join(err, fs.ErrNotExist)}
	}
	file, err := root.Open(name)
	if err != nil {
		return nil, &failure{"the file cannot be read", err}
	}
	defer file.Close()
	return readSet(file)
}

func readSet(from io.Reader) ([]byte, error) {
	document, err := io.ReadAll(io.LimitReader(from, auth.MaxJWKS+1))
	if err != nil {
		return nil, &failure{"the set could not be read in time", err}
	}
	return document, nil // ParseJWKS refuses one that is too long
}

// newClient returns a client that asks only addresses that may be asked. The check is made for each
// connection, after the name was resolved, so a name cannot change its address in between.
func newClient(o Options) *http.Client {
	dialer := &net.Dialer{Timeout: o.Timeout, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil || !mayAsk(at.Addr(), o.PrivateNetworks) {
			return errAddress
		}
		return nil
	}}
	return &http.Client{
		Timeout: o.Timeout,
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs},
			TLSHandshakeTimeout:    o.Timeout,
			ResponseHeaderTimeout:  o.Timeout,
			MaxResponseHeaderBytes: 16 << 10,
			DisableKeepAlives:      true, // one request in minutes
			ForceAttemptHTTP2:      true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// special are networks that netip does not tell apart from public ones: see the IANA registries of
// special-purpose addresses.
var special = func() (list []netip.Prefix) {
	for _, text := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "240.0.0.0/4", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fec0::/10",
	} {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}()

func mayAsk(address netip.Addr, private []netip.Prefix) bool {
	address = address.Unmap().WithZone("")
	in := func(p netip.Prefix) bool { return p.Contains(address) }
	if slices.ContainsFunc(private, in) {
		return true
	}
	return address.IsGlobalUnicast() && !address.IsPrivate() && !slices.ContainsFunc(special, in)
}

// backoff returns the pause after so many failures in a row.
func (o *Options) backoff(failures int) time.Duration {
	const most = 15 * time.Minute
	return min(o.Cooldown<<min(failures-1, 10), max(most, o.Cooldown))
}
