package cli_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"seagate/client"
	"seagate/cmd/seagate/cli"
	"seagate/protocol"
)

// whoami starts a gateway on 127.0.0.1 that lists one stream. Its name is the
// credentials that the gateway gets.
func whoami(t *testing.T) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		fmt.Fprintf(w, `{"streams":[{"name":"%s:%s","version":1,"firstSeq":1}]}`, id, secret)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// leaveCredentials creates a data folder as "seagate dev" does.
func leaveCredentials(t *testing.T, text string) {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, cli.CredentialsFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SEAGATE_DATA_DIR", folder)
}

func TestConnection(t *testing.T) {
	url := whoami(t)
	other := strings.Replace(url, "127.0.0.1", "localhost", 1)
	dev := fmt.Sprintf(`{"url":%q,"clientId":"root","clientSecret":"dev-secret"}`, url)
	file := write(t, "secret", "  file-secret\n")
	tests := []struct {
		name string
		env  string // NAME=value, separated by spaces
		dev  string
		args string
		want string // the credentials that were sent, or part of the error
		code int
	}{
		{"environment", "URL=" + url + " CLIENT_ID=env CLIENT_SECRET=env-secret", "", "", "env:env-secret", 0},
		{"environment before dev", "URL=" + url + " CLIENT_ID=env CLIENT_SECRET=env-secret", dev, "", "env:env-secret", 0},
		{"flags before environment", "URL=http://127.0.0.1:1 CLIENT_ID=env CLIENT_SECRET=env-secret", "",
			"--server " + url + " --client flag --secret-file " + file, "flag:file-secret", 0},
		{"environment at the gateway of dev", "CLIENT_ID=env CLIENT_SECRET=env-secret", dev, "", "env:env-secret", 0},
		{"the URL of the API", "URL=" + url + "/api/v1 CLIENT_ID=env CLIENT_SECRET=env-secret", "", "", "env:env-secret", 0},
		{"the URL of the API in a flag", "", dev, "--server " + url + "/api/v1/", "root:dev-secret", 0},
		{"dev", "", dev, "", "root:dev-secret", 0},
		{"dev and its client", "CLIENT_ID=root", dev, "", "root:dev-secret", 0},
		{"dev and its gateway", "", dev, "--server " + url, "root:dev-secret", 0},
		{"dev by another name of this machine", "", dev, "--server " + other, "root:dev-secret", 0},
		{"dev's secret is not for another client", "CLIENT_ID=other", dev, "", "has the secret of root", 3},
		{"dev's secret is not for another gateway", "", dev, "--server http://gateway.test", "is for " + url + " alone", 3},
		{"a secret without a client", "CLIENT_SECRET=env-secret", dev, "", "connecting needs a client id", 3},
		{"nothing", "", "", "", "connecting needs a client secret", 3},
		{"a client without a secret", "CLIENT_ID=env", "", "", "SEAGATE_CLIENT_ID alone is not enough; connecting needs a client secret", 3},
		{"dev's file is damaged", "", `{"url":"x","clientId":"dev-secret"`, "", "is damaged", 1},
		{"dev's file lacks something", "", `{"url":"x","clientId":"dev-secret"}`, "", "is damaged", 1},
		{"an empty secret file", "CLIENT_ID=env", "", "--secret-file " + write(t, "empty", " \n"), "is empty", 2},
		{"a long secret file", "CLIENT_ID=env", "", "--secret-file " + write(t, "long", strings.Repeat("x", 2049)), "more than 2048 bytes", 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, name := range []string{"URL", "CLIENT_ID", "CLIENT_SECRET"} {
				t.Setenv("SEAGATE_"+name, "")
			}
			t.Setenv("SEAGATE_DATA_DIR", t.TempDir())
			t.Setenv("XDG_CONFIG_HOME", t.TempDir())
			for _, pair := range strings.Fields(test.env) {
				name, value, _ := strings.Cut(pair, "=")
				t.Setenv("SEAGATE_"+name, value)
			}
			if test.dev != "" {
				leaveCredentials(t, test.dev)
			}
			r := run(t, append([]string{"streams"}, strings.Fields(test.args)...)...)
			if r.code != test.code || !strings.Contains(r.out+r.notes, test.want) {
				t.Errorf("exit status %d, output %q, errors %q; want %d, %q", r.code, r.out, r.notes, test.code, test.want)
			}
			if strings.Contains(r.notes, "-secret\n") || strings.Contains(r.notes, "dev-secret") {
				t.Errorf("a secret shows: %q", r.notes)
			}
		})
	}
}

func TestReadCredentials(t *testing.T) {
	leaveCredentials(t, `{"url":"http://127.0.0.1:3104","clientId":"root","clientSecret":"s"}`)
	folder := os.Getenv("SEAGATE_DATA_DIR")
	got, err := cli.ReadCredentials(filepath.Join(folder, cli.CredentialsFile))
	if want := (cli.Credentials{URL: "http://127.0.0.1:3104", ClientID: "root", ClientSecret: "s"}); got != want || err != nil {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := cli.ReadCredentials(filepath.Join(folder, "nothing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a file: %v, want ErrNotExist", err)
	}
}

func TestReport(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want string
		code int
	}{
		{"nothing", nil, "", cli.ExitOK},
		{"anything", errors.New("x"), "error: x\n", cli.ExitFailed},
		{"usage", fmt.Errorf("y: %w", cli.Usage(errors.New("x"))), "error: y: x\n", cli.ExitUsage},
		{"a connection", fmt.Errorf("client: x: %w: %w", client.ErrConnection, io.EOF),
			"error: this address ended the connection, without saying why\nhint: try again; if it stays, look at the log of the gateway and at proxies on the way; a gateway with as many connections as it takes (limits.sockets) may end one like this, too\n", cli.ExitConnection},
		{"a refusal", &client.Error{Code: protocol.CodeInternal, Message: "x"},
			"error: internal: x\nhint: Try again, and give the time of the failure to the operator if it stays: the server's log has the cause.\n", cli.ExitFailed},
		{"a proxy", &client.Error{Status: 502, Message: "x"},
			"error: what answers at this address is not a gateway: it says HTTP 502 Bad Gateway\n" +
				"hint: this is a proxy that does not reach its gateway: start the gateway, or look at the proxy's log\n", cli.ExitConnection},
		{"a stranger's certificate", fmt.Errorf("client: %w: %w", client.ErrConnection, &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}),
			"error: the certificate of this address is from an authority that this machine does not trust\n" +
				"hint: to trust a private authority, set SSL_CERT_FILE to a file with its certificates (PEM)\n", cli.ExitConnection},
		{"no TLS", fmt.Errorf("client: %w: %w", client.ErrConnection, http.ErrSchemeMismatch),
			"error: this address answers without TLS, and was called with it\nhint: if this gateway has no TLS, its address begins with http://\n", cli.ExitConnection},
		{"a busy port", fmt.Errorf("listen: %w", syscall.EADDRINUSE),
			"error: listen: address already in use\nhint: another process has the port, perhaps a gateway: end it, or choose other ports with --listen and --admin-listen\n", cli.ExitFailed},
		{"a code from a newer gateway", &client.Error{Code: "new", Status: 400, Message: "x"}, "error: new: x\n", cli.ExitFailed},
		{"what would move the cursor", errors.New("a\x1b[1A\u009b\u202eb\rc\xff"), `error: a\x1b[1A\u009b\u202eb\rc` + "\ufffd\n", cli.ExitFailed},
		{"a list", errors.New("bad:\n1\x1b\n2"), "error: bad:\n  1\\x1b\n  2\n", cli.ExitFailed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var b strings.Builder
			if code := cli.Report(&b, test.err); code != test.code || cli.ExitCode(test.err) != test.code {
				t.Errorf("exit status %d and %d, want %d", code, cli.ExitCode(test.err), test.code)
			}
			if b.String() != test.want {
				t.Errorf("printed %q, want %q", b.String(), test.want)
			}
		})
	}
}
