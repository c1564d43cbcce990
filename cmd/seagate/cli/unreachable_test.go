package cli_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"seagate/client"
	"seagate/cmd/seagate/cli"
)

// ofLibraries are words that only libraries use. None may be in what a command says.
var ofLibraries = regexp.MustCompile(`dial |tcp|lookup|x509|tls: |\bEOF\b|net/http|malformed|read:|write:|jsontext|deadline|connect:|no such host|connection refused|i/o`)

// elsewhere starts a server that is not a gateway, and returns its URL.
func elsewhere(t *testing.T, secure bool, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s.URL
}

// says starts a server that says something to whoever sends it anything, and ends the
// connection.
func says(t *testing.T, text string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.SetDeadline(time.Now().Add(time.Minute))
			conn.Read(make([]byte, 4096))
			io.WriteString(conn, text)
			conn.Close()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	return "http://" + listener.Addr().String()
}

// TestUnreachable: whatever answers instead of a gateway, each command says in plain words
// what happened, at which address, and what to do.
func TestUnreachable(t *testing.T) {
	answer := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); io.WriteString(w, text) }
	}
	refuses := says(t, "")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := "http://" + listener.Addr().String()
	listener.Close()
	for _, test := range []struct{ name, url, message, hint string }{
		{"refused", refused, "nothing listens at HOST: the connection is refused", "start a gateway"},
		{"TLS that is not trusted", elsewhere(t, true, answer(200, "")), "the certificate of HOST is from an authority that this machine does not trust", "SSL_CERT_FILE"},
		{"HTTP to HTTPS", strings.Replace(elsewhere(t, true, answer(200, "")), "https", "http", 1), "what answers at HOST is not a gateway: it says HTTP 400 Bad Request", "begins with https://"},
		{"HTTP to TLS that sends alerts", says(t, "\x15\x03\x01\x00\x02\x02\x46"), "HOST answers with TLS, and was called without it", "begins with https://"},
		{"HTTPS to HTTP", strings.Replace(elsewhere(t, false, answer(200, "")), "http", "https", 1), "HOST answers without TLS, and was called with it", "begins with http://"},
		{"another protocol", says(t, "SSH-2.0-OpenSSH_9.6\r\n"), "what answers at HOST is not a gateway", "look at the address"},
		{"a page", elsewhere(t, false, answer(200, "<html>")), "what answers at HOST is not a gateway", "look at the address"},
		{"nothing there", elsewhere(t, false, answer(404, "<html>")), "what answers at HOST is not a gateway: it says HTTP 404 Not Found", "look at the address"},
		{"a proxy", elsewhere(t, false, answer(502, "<html>")), "what answers at HOST is not a gateway: it says HTTP 502 Bad Gateway", "proxy that does not reach"},
		{"a redirect", elsewhere(t, false, answer(307, "")), "what answers at HOST is not a gateway: it says HTTP 307 Temporary Redirect", "no redirect"},
		{"the end", refuses, "HOST ended the connection, without saying why", "try again"},
	} {
		_, host, _ := strings.Cut(test.url, "://")
		t.Setenv("SEAGATE_URL", test.url)
		t.Setenv("SEAGATE_CLIENT_ID", "abc")
		t.Setenv("SEAGATE_CLIENT_SECRET", "def123")
		for _, args := range []string{"streams", "publish boiler {}", "publish boiler -", "subscribe boiler --count 1", "subscribe a b --count 1",
			"subscribe a b --sync time --count 1", "provide boiler", "fetch a b", "messages boiler", "top --once", "logs", "jails list"} {
			r := runWith(t.Context(), strings.NewReader("{}\n"), strings.Fields(args)...)
			want := "error: " + strings.ReplaceAll(test.message, "HOST", host)
			if !strings.HasPrefix(r.notes, want) || !strings.Contains(r.notes, "hint: ") || !strings.Contains(r.notes, test.hint) || r.code != cli.ExitConnection {
				t.Errorf("%s: %s: exit status %d\n%swant %s, and a hint with %q", test.name, args, r.code, r.notes, want, test.hint)
			}
			if found := ofLibraries.FindString(r.notes); found != "" {
				t.Errorf("%s: %s: %q is the text of a library: %s", test.name, args, found, r.notes)
			}
		}
	}
}

// TestLinesUnreachable names the address of the lines listener.
func TestLinesUnreachable(t *testing.T) {
	newFake(t, nil)
	address := strings.TrimPrefix(says(t, ""), "http://")
	r := run(t, "lines", "--address", address)
	if want := "error: " + address + " ended the connection, without saying why\n"; !strings.HasPrefix(r.notes, want) || r.code != cli.ExitConnection {
		t.Errorf("exit status %d, %swant %s", r.code, r.notes, want)
	}
	const nobody = "127.0.0.1:1"
	r = run(t, "lines", "--address", nobody)
	if want := "error: nothing listens at " + nobody + ": the connection is refused\n"; !strings.HasPrefix(r.notes, want) ||
		!strings.Contains(r.notes, "--lines-listen") || !strings.Contains(r.notes, "--address") || strings.Contains(r.notes, "--server") {
		t.Errorf("%swant %s, and hints about the lines listener", r.notes, want)
	}
}

// TestReasonsForNoConnection are errors of libraries that no server here gives.
func TestReasonsForNoConnection(t *testing.T) {
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	_, timeout := new(net.Dialer).DialContext(late, "tcp", "127.0.0.1:1")
	certificate := &x509.Certificate{DNSNames: []string{"seagate.example.com"}, IPAddresses: []net.IP{{192, 0, 2, 7}},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(3600, 0)}
	later := &x509.Certificate{NotBefore: time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(3001, 1, 1, 0, 0, 0, 0, time.UTC)}
	verification := func(err error) error { return &tls.CertificateVerificationError{Err: err} }
	socket := func(op string, err error) error {
		return &net.OpError{Op: op, Net: "tcp", Addr: &net.TCPAddr{IP: net.IP{192, 0, 2, 7}, Port: 443}, Err: err}
	}
	for _, test := range []struct {
		err           error
		message, hint string
	}{
		{&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "gate.invalid", IsNotFound: true}}, "there is no host gate.invalid", "look at the address"},
		{&net.DNSError{Err: "server misbehaving", Name: "gate.example", IsTemporary: true}, "the address of gate.example is not known: no name server answers for it", "name servers"},
		{&net.DNSError{Err: "i/o timeout", Name: "gate.example", IsTimeout: true}, "the address of gate.example is not known: no name server answers for it", "name servers"},
		{timeout, "127.0.0.1:1 does not answer in time", "firewalls"},
		{socket("dial", os.NewSyscallError("connect", syscall.EHOSTUNREACH)), "there is no way to 192.0.2.7:443 from this machine", "network"},
		{socket("dial", os.NewSyscallError("socket", syscall.EMFILE)), "there is no connection to 192.0.2.7:443: this machine has no file descriptors left", "ulimit"},
		{socket("dial", os.NewSyscallError("connect", syscall.EPERM)), "this machine does not allow a connection to 192.0.2.7:443", "firewall"},
		{socket("proxyconnect", os.NewSyscallError("connect", syscall.ECONNREFUSED)), "the proxy on the way to 192.0.2.7:443 cannot be reached, or refuses", "NO_PROXY"},
		{socket("read", os.NewSyscallError("read", syscall.ECONNRESET)), "192.0.2.7:443 ended the connection, without saying why", "try again"},
		{verification(x509.HostnameError{Certificate: certificate, Host: "gate"}),
			"the certificate of this address is not for the name gate, but for seagate.example.com, 192.0.2.7", "use a name of the certificate"},
		{verification(x509.CertificateInvalidError{Cert: certificate, Reason: x509.Expired}), "the certificate of this address has expired, on 1970-01-01T01:00:00Z", "renew"},
		{verification(x509.CertificateInvalidError{Cert: later, Reason: x509.Expired}), "the certificate of this address is valid from 3000-01-01T00:00:00Z on only", "clock"},
		{verification(x509.CertificateInvalidError{Cert: certificate, Reason: x509.IncompatibleUsage}), "the certificate of this address is not one for a server", "another certificate"},
		{fmt.Errorf("readLoopPeekFailLocked: %w", error(nil)), "what answers at this address is not a gateway", "look at the address"},
		{&net.OpError{Op: "remote error", Err: fmt.Errorf("tls: certificate required")}, "this address lets in only who presents a certificate that it accepts (certificate required)", "--client-cert"},
		{&net.OpError{Op: "remote error", Err: fmt.Errorf("tls: unknown certificate authority")}, "this address lets in only who presents a certificate that it accepts (unknown certificate authority)", "--client-cert"},
		{&net.OpError{Op: "remote error", Err: fmt.Errorf("tls: handshake failure")}, "this address and this command found no encryption that both accept", "TLS 1.2"},
		{fmt.Errorf("the gateway was silent for 70s"), "there is no connection to this address: the gateway was silent for 70s", "try again"},
	} {
		var b strings.Builder
		cli.Report(&b, fmt.Errorf("client: list streams: %w: %w", client.ErrConnection, test.err))
		got := b.String()
		if !strings.HasPrefix(got, "error: "+test.message+"\nhint: ") || !strings.Contains(got, test.hint) || ofLibraries.MatchString(got) {
			t.Errorf("%v:\n%swant %s, and a hint with %q", test.err, got, test.message, test.hint)
		}
	}
}

// TestASilentGateway takes connections and says nothing. No command waits for it for long.
func TestASilentGateway(t *testing.T) {
	newFake(t, nil)
	listener, err := net.Listen("tcp", "127.0.0.1:0") // the kernel takes connections
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	address := listener.Addr().String()
	t.Setenv("SEAGATE_URL", "http://"+address)
	t.Setenv("SEAGATE_LINES", address)
	t.Setenv("SEAGATE_CLIENT_ID", "abc")
	t.Setenv("SEAGATE_CLIENT_SECRET", "def123")
	want := "error: " + address + " takes connections and has answered nothing for 50ms\n"
	for _, args := range []string{"streams", "publish boiler {}", "subscribe boiler --count 1", "subscribe a b --count 1", "provide boiler",
		"fetch a b", "messages boiler", "top --once", "lines --listen a"} {
		r := runWith(t.Context(), strings.NewReader("{}\n"), append(strings.Fields(args), "--connect-timeout", "50ms")...)
		if !strings.HasPrefix(r.notes, want) || !strings.Contains(r.notes, "hint: look whether a gateway listens there") || r.code != cli.ExitConnection {
			t.Errorf("%s: exit status %d\n%swant %s", args, r.code, r.notes, want)
		}
	}
}
