package app_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"seagate/cmd/seagate/app"
	"seagate/cmd/seagate/config"
	"seagate/gateway/ws/wstest"
	"seagate/internal/secret"
)

// What certmagic leaves behind ends a few seconds later, or is one for each authority.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.(*RingBufferRateLimiter).permit"),
		goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.keepLockfileFresh"))
}

// rootSecret looks like a generated secret: words of one's own would be stretched, and each start
// take a second longer.
const rootSecret = "sea_operators-own-secret-operators-own-secret-operators-oA"

// patience is how long a test waits for what happens at once on a machine that
// is not busy.
const patience = time.Minute

func testConfig(t testing.TB) *config.Config {
	c := config.Development()
	c.Listen, c.AdminListen = "127.0.0.1:0", "127.0.0.1:0"
	c.DataDir = t.TempDir()
	c.Root.ClientID, c.Root.ClientSecret = "root", secret.New(rootSecret)
	c.Shutdown.Drain, c.Shutdown.Timeout = 0, patience
	return c
}

// start runs an app until stop is called or the test ends. stop returns the error of
// Run.
func start(t testing.TB, c *config.Config) (a *app.App, stop func() error) {
	t.Helper()
	return startLogging(t, c, io.Discard)
}

// startLogging is start for an app that logs to w.
func startLogging(t testing.TB, c *config.Config, w io.Writer) (a *app.App, stop func() error) {
	t.Helper()
	a, err := app.New(t.Context(), c, slog.New(slog.NewTextHandler(w, nil)), "test")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	stopped := false
	stop = func() error {
		cancel()
		if stopped {
			return nil
		}
		stopped = true
		return <-done
	}
	t.Cleanup(func() { stop() })
	return a, stop
}

func call(t testing.TB, client *http.Client, method, url, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("root", rootSecret)
	r.Header.Set("Content-Type", "application/json")
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(text)
}

func newClient(t *testing.T) *http.Client {
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestDefinitionsOutliveTheProcess(t *testing.T) {
	c := testConfig(t)
	a, stop := start(t, c)
	client := newClient(t)
	if code, body := call(t, client, "POST", a.URL()+"/api/v1/streams/s/define", `{"version":1,"fields":[]}`); code != 200 {
		t.Fatalf("%d %s", code, body)
	}
	client.CloseIdleConnections()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	c.Root.ClientID, c.Root.ClientSecret = "", secret.Text{}
	a, _ = start(t, c)
	if code, body := call(t, client, "GET", a.URL()+"/api/v1/streams/s/schema", ""); code != 200 || body != `{"name":"s","version":1,"fields":[]}` {
		t.Fatalf("%d %s", code, body)
	}
}

func TestOneProcessPerDataFolder(t *testing.T) {
	c := testConfig(t)
	start(t, c)
	_, err := app.New(t.Context(), c, slog.New(slog.NewTextHandler(io.Discard, nil)), "test")
	if err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second one: %v", err)
	}
}

func TestShutdownEndsConnectionsAndRefusesNewOnes(t *testing.T) {
	c := testConfig(t)
	a, stop := start(t, c)
	conn := wstest.Dial(t, a.Addr().String(), "/api/v1/streams")
	done := make(chan error)
	go func() { done <- stop() }()
	conn.WantClose(1001, "server_shutdown")
	conn.Net.Close()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	if _, err := http.Get(a.URL()); err == nil {
		t.Error("still served after shutdown")
	}
}

// A client that stays does not keep the process alive: its connection is cut at the
// deadline.
func TestShutdownHasADeadline(t *testing.T) {
	c := testConfig(t)
	c.Shutdown.Timeout = 100 * time.Millisecond
	a, stop := start(t, c)
	conn := wstest.Dial(t, a.Addr().String(), "/api/v1/streams")
	if err := stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
	conn.WantClose(1001, "server_shutdown")
}

// writePair writes a certificate for a name, with its key.
func writePair(t *testing.T, files config.TLS, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotAfter: time.Now().Add(time.Hour), DNSNames: []string{name},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(path, kind string, b []byte) {
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(files.CertFile, "CERTIFICATE", cert)
	write(files.KeyFile, "PRIVATE KEY", der)
}

const expiryMetric = "seagate_tls_certificate_expiry_timestamp_seconds"

// metric returns the value of a gauge without labels, or 0 if there is none.
func metric(t *testing.T, a *app.App, name string) float64 {
	t.Helper()
	families, err := a.Metrics().Gather()
	if err != nil {
		t.Error(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	return 0
}

func TestCertificatesAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	c := testConfig(t)
	c.TLS = config.TLS{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}
	if err := app.CheckTLS(c.TLS); err == nil {
		t.Error("files that are not there are taken for a certificate")
	}
	writePair(t, c.TLS, "first.example")
	refused := logged{text: "the certificate could not be read again", seen: make(chan struct{})}
	a, _ := startLogging(t, c, &refused)
	if got := metric(t, a, expiryMetric); time.Until(time.Unix(int64(got), 0)).Round(time.Minute) != time.Hour {
		t.Errorf("the metric says that the certificate expires at %v", time.Unix(int64(got), 0))
	}
	served := func() string {
		conn, err := tls.Dial("tcp", a.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	if got := served(); got != "first.example" {
		t.Fatalf("served %s", got)
	}
	if code, _ := call(t, newClient(t), "GET", a.URL()+"/api/v1/streams", ""); code != 200 {
		t.Errorf("over TLS: %d", code)
	}
	writePair(t, c.TLS, "second.example")
	for deadline := time.Now().Add(patience); served() != "second.example"; {
		if time.Now().After(deadline) {
			t.Fatal("the new certificate is not served")
		}
	}
	if err := os.WriteFile(c.TLS.CertFile, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); !refused.yet(); {
		if got := served(); got != "second.example" {
			t.Fatalf("served %q after the file was broken", got)
		}
		if time.Now().After(deadline) {
			t.Fatal("the broken certificate is not logged")
		}
	}
	if got := served(); got != "second.example" {
		t.Errorf("served %q after the broken file was read", got)
	}
}

// logged is a log in which a test waits for a text.
type logged struct {
	text string
	once sync.Once
	seen chan struct{} // closed with the first line that has the text in it
}

func (l *logged) Write(line []byte) (int, error) {
	if strings.Contains(string(line), l.text) {
		l.once.Do(func() { close(l.seen) })
	}
	return len(line), nil
}

func (l *logged) yet() bool {
	select {
	case <-l.seen:
		return true
	default:
		return false
	}
}
