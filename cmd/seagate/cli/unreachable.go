package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/client"
)

// What to do about a gateway that cannot be reached.
const (
	hintStart     = "start a gateway with `seagate dev`, or name one with --server, SEAGATE_URL or --context"
	hintAddress   = "look at the address, which is in --server, SEAGATE_URL or the context"
	hintTLS       = "if this gateway has TLS, its address begins with https://"
	hintNoTLS     = "if this gateway has no TLS, its address begins with http://"
	hintAuthority = "to trust a private authority, set SSL_CERT_FILE to a file with its certificates (PEM)"
	hintPatience  = "--connect-timeout says how long to wait"
	hintSilent    = "look whether a gateway listens there, and whether it hangs (its log, and `seagate health` on its machine); " + hintPatience
	hintBroken    = "try again; if it stays, look at the log of the gateway and at proxies on the way; " +
		"a gateway with as many connections as it takes (limits.sockets) may end one like this, too"
)

// hintsOfLines makes hints about a gateway's URL those about its lines listener.
var hintsOfLines = strings.NewReplacer(
	hintStart, "start a gateway with a lines listener, for example `seagate dev --lines-listen "+defaultLines+
		"`, or name one with --address, SEAGATE_LINES or --context",
	hintAddress, "look at the address, which is in --address, SEAGATE_LINES or the context",
	hintTLS, "if this listener has TLS, give --tls",
	hintNoTLS, "if this listener has no TLS, leave --tls out",
)

// Unreachable says in plain words why there is no connection to an address, without the
// words of libraries. The error wraps err.
func Unreachable(err error, address string) error {
	message, _ := unreachable(err, address)
	return &plainError{message, err}
}

// A plainError has a text of ours for the error of a library.
type plainError struct {
	message string
	err     error
}

func (e *plainError) Error() string { return e.message }
func (e *plainError) Unwrap() error { return e.err }

// unreachable says why there is no connection to an address, and what to do about it.
func unreachable(err error, address string) (message, hint string) {
	address = cmp.Or(address, dialed(err), "this address")
	for _, explain := range []func(error, string) (string, string){explainName, explainTLS, explainSocket, explainAnswer} {
		if message, hint := explain(err, address); message != "" {
			return message, hint
		}
	}
	reason := strings.TrimPrefix(err.Error(), "client: ")
	if _, after, found := strings.Cut(reason, client.ErrConnection.Error()+": "); found {
		reason = after
	}
	reason, _, _ = strings.Cut(reason, "\n")
	return fmt.Sprintf("there is no connection to %s: %s", address, reason), hintBroken
}

// dialed returns the address of a connection that failed, or "".
func dialed(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Addr != nil {
		return op.Addr.String()
	}
	return ""
}

// explainName explains what went wrong with the name of a host.
func explainName(err error, address string) (message, hint string) {
	failed, ok := errors.AsType[*net.DNSError](err)
	switch {
	case !ok:
		return "", ""
	case failed.IsNotFound:
		return fmt.Sprintf("there is no host %s", failed.Name), hintAddress
	}
	return fmt.Sprintf("the address of %s is not known: no name server answers for it", failed.Name),
		"look at the network and the name servers of this machine, and at the address"
}

// explainTLS explains what went wrong with the encryption.
func explainTLS(err error, address string) (message, hint string) {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return fmt.Sprintf("the certificate of %s is from an authority that this machine does not trust", address), hintAuthority
	}
	if other, ok := errors.AsType[x509.HostnameError](err); ok {
		return fmt.Sprintf("the certificate of %s is not for the name %s%s", address, other.Host, certified(other.Certificate)),
			"use a name of the certificate in the address, or give the gateway a certificate for this one"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		return explainInvalid(invalid, address)
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Sprintf("the certificate of %s cannot be checked", address), hintAuthority
	}
	_, record := errors.AsType[tls.RecordHeaderError](err)
	if record || errors.Is(err, http.ErrSchemeMismatch) {
		return fmt.Sprintf("%s answers without TLS, and was called with it", address), hintNoTLS
	}
	for _, alert := range []string{"certificate required", "bad certificate", "unknown certificate authority", "expired certificate"} {
		if strings.Contains(err.Error(), "remote error: tls: "+alert) {
			return fmt.Sprintf("%s lets in only who presents a certificate that it accepts (%s)", address, alert),
				"present one that an authority of its tls.client_ca has signed: --client-cert FILE --client-key FILE"
		}
	}
	_, alert := errors.AsType[tls.AlertError](err)
	if text := err.Error(); alert || strings.Contains(text, "tls: ") && !strings.Contains(text, "timeout") {
		return fmt.Sprintf("%s and this command found no encryption that both accept", address),
			"look at what is in front of the gateway: it must offer TLS 1.2 or 1.3"
	}
	return "", ""
}

// explainInvalid explains what is wrong with a certificate.
func explainInvalid(invalid x509.CertificateInvalidError, address string) (message, hint string) {
	if invalid.Reason != x509.Expired || invalid.Cert == nil {
		return fmt.Sprintf("the certificate of %s is not one for a server", address), "give the gateway another certificate"
	}
	hint = "renew the certificate of the gateway, or set the clock of this machine"
	if begin := invalid.Cert.NotBefore; time.Now().Before(begin) {
		return fmt.Sprintf("the certificate of %s is valid from %s on only", address, begin.UTC().Format(time.RFC3339)), hint
	}
	return fmt.Sprintf("the certificate of %s has expired, on %s", address, invalid.Cert.NotAfter.UTC().Format(time.RFC3339)), hint
}

// certified lists the names of a certificate.
func certified(c *x509.Certificate) string {
	if c == nil {
		return ""
	}
	names := c.DNSNames
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	switch most := 5; {
	case len(names) == 0:
		return ""
	case len(names) > most:
		return fmt.Sprintf(", but for %s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return ", but for " + strings.Join(names, ", ")
}

// explainSocket explains what went wrong with the connection.
func explainSocket(err error, address string) (message, hint string) {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "proxyconnect" {
		return fmt.Sprintf("the proxy on the way to %s cannot be reached, or refuses", address),
			"look at HTTP_PROXY and HTTPS_PROXY; NO_PROXY names the hosts that need no proxy"
	}
	if silence, ok := errors.AsType[*client.SilenceError](err); ok {
		if !silence.Connected {
			return fmt.Sprintf("there is no connection to %s within %v", address, silence.Waited), hintAddress + ", and at firewalls on the way; " + hintPatience
		}
		return fmt.Sprintf("%s takes connections and has answered nothing for %v", address, silence.Waited), hintSilent
	}
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("nothing listens at %s: the connection is refused", address), hintStart
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Sprintf("%s does not answer in time", address), hintAddress + ", and at firewalls on the way"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Sprintf("there is no way to %s from this machine", address), hintAddress + ", and at the network of this machine"
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return fmt.Sprintf("this machine does not allow a connection to %s", address), "look at the rules of its firewall or sandbox"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return fmt.Sprintf("there is no connection to %s: this machine has no file descriptors left", address), "close programs, or raise the limit: see `ulimit -n`"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNABORTED):
		return fmt.Sprintf("%s ended the connection, without saying why", address), hintBroken
	}
	return "", ""
}

// tlsAlert is how net/http shows the first bytes of a TLS alert, which is what a server with
// TLS answers to a request without it.
const tlsAlert = `malformed HTTP response "\x15\x03`

// spokeFirst is how net/http says that a server spoke before it was asked.
const spokeFirst = "readLoopPeekFailLocked"

// explainAnswer explains an answer that a gateway does not give.
func explainAnswer(err error, address string) (message, hint string) {
	_, syntax := errors.AsType[*jsontext.SyntacticError](err)
	_, types := errors.AsType[*json.SemanticError](err)
	text := err.Error()
	switch {
	case strings.Contains(text, tlsAlert):
		return fmt.Sprintf("%s answers with TLS, and was called without it", address), hintTLS
	case syntax, types, strings.Contains(text, spokeFirst), strings.Contains(text, "malformed HTTP"), strings.Contains(text, "malformed MIME header"):
		return fmt.Sprintf("what answers at %s is not a gateway", address), hintAddress
	}
	return "", ""
}

// stranger says what an answer with this HTTP status means that does not come from a
// gateway.
func stranger(status int, address string) (message, hint string) {
	address = cmp.Or(address, "this address")
	message = fmt.Sprintf("what answers at %s is not a gateway: it says HTTP %d %s", address, status, http.StatusText(status))
	switch status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return message, "this is a proxy that does not reach its gateway: start the gateway, or look at the proxy's log"
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return message, "commands follow no redirect, which could lead the secret elsewhere: use the address to which it leads"
	case http.StatusBadRequest:
		return message, hintAddress + "; " + hintTLS
	}
	return message, hintAddress
}

// hostOf returns the host and the port of a URL, for messages.
func hostOf(target string) string {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" {
		return target
	}
	return u.Host
}
