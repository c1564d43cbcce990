package app_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

const acmeName = "gateway.test"

// An authority issues certificates as RFC 8555 says, to whoever answers TLS-ALPN-01 (RFC 8737) at target.
// It does not check signatures.
type authority struct {
	t      *testing.T
	server *httptest.Server
	key    *ecdsa.PrivateKey
	root   *x509.Certificate

	mu        sync.Mutex
	target    string
	account   string // thumbprint of its key
	orders    int
	validated bool
	chain     []byte
	failure   error
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	a.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour * 1000)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	a.root, _ = x509.ParseCertificate(der)
	a.server = httptest.NewTLSServer(a)
	t.Cleanup(a.server.Close)
	return a
}

// file writes the certificate of the authority's own URL.
func (a *authority) file() string {
	name := filepath.Join(a.t.TempDir(), "acme-ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.server.Certificate().Raw})
	if err := os.WriteFile(name, text, 0o600); err != nil {
		a.t.Fatal(err)
	}
	return name
}

func (a *authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w.Header().Set("Replay-Nonce", rand.Text())
	header, payload := readJWS(r)
	url := a.server.URL
	answer := func(status int, location string, body any) {
		if location != "" {
			w.Header().Set("Location", url+location)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.MarshalWrite(w, body)
	}
	status := map[bool]string{false: "pending", true: "valid"}[a.validated]
	identifier := map[string]string{"type": "dns", "value": acmeName}
	challenge := map[string]string{"type": "tls-alpn-01", "url": url + "/challenge", "token": "a-token-of-the-test", "status": status}
	order := map[string]any{"status": status, "identifiers": []any{identifier}, "authorizations": []string{url + "/authorization"}, "finalize": url + "/finalize"}
	switch r.URL.Path {
	case "/directory":
		answer(200, "", map[string]string{"newNonce": url + "/nonce", "newAccount": url + "/account", "newOrder": url + "/order"})
	case "/nonce":
	case "/account":
		a.account = thumbprint(header)
		answer(201, "/account/1", map[string]string{"status": "valid"})
	case "/order":
		a.orders++
		a.validated, a.chain = false, nil
		order["status"] = "pending"
		answer(201, "/order/1", order)
	case "/order/1":
		switch {
		case a.chain != nil:
			order["certificate"] = url + "/certificate"
		case a.validated:
			order["status"] = "ready"
		}
		answer(200, "", order)
	case "/authorization":
		answer(200, "", map[string]any{"status": status, "identifier": identifier, "challenges": []any{challenge}})
	case "/challenge":
		if a.failure = a.validate(challenge["token"]); a.failure == nil {
			a.validated, challenge["status"] = true, "valid"
		}
		answer(200, "", challenge)
	case "/finalize":
		a.chain = a.issue(payload)
		order["certificate"] = url + "/certificate"
		answer(200, "/order/1", order)
	case "/certificate":
		w.Header().Set("Content-Type", "application/pem-certificate-chain")
		w.Write(a.chain)
	default:
		answer(404, "", map[string]string{"type": "urn:ietf:params:acme:error:malformed", "detail": r.URL.Path})
	}
}

// validate connects as RFC 8737 §3 says.
func (a *authority) validate(token string) error {
	c, err := tls.Dial("tcp", a.target, &tls.Config{ServerName: acmeName, NextProtos: []string{"acme-tls/1"}, InsecureSkipVerify: true})
	if err != nil {
		return err
	}
	defer c.Close()
	digest := sha256.Sum256([]byte(token + "." + a.account))
	want, _ := asn1.Marshal(digest[:])
	for _, extension := range c.ConnectionState().PeerCertificates[0].Extensions {
		if extension.Id.String() == "1.3.6.1.5.5.7.1.31" && bytes.Equal(extension.Value, want) {
			return nil
		}
	}
	return fmt.Errorf("the certificate does not answer the challenge; the protocol is %q", c.ConnectionState().NegotiatedProtocol)
}

func (a *authority) issue(payload []byte) []byte {
	var request struct {
		CSR string `json:"csr"`
	}
	_ = json.Unmarshal(payload, &request)
	der, _ := base64.RawURLEncoding.DecodeString(request.CSR)
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		a.failure = err
		return nil
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: csr.DNSNames,
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(90 * 24 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	leaf, err := x509.CreateCertificate(rand.Reader, template, a.root, csr.PublicKey, a.key)
	if err != nil {
		a.failure = err
		return nil
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.Raw})...)
}

func readJWS(r *http.Request) (header, payload []byte) {
	var signed struct {
		Protected string `json:"protected"`
		Payload   string `json:"payload"`
		Signature string `json:"signature"`
	}
	if r.Method != http.MethodPost || json.UnmarshalRead(r.Body, &signed) != nil {
		return nil, nil
	}
	header, _ = base64.RawURLEncoding.DecodeString(signed.Protected)
	payload, _ = base64.RawURLEncoding.DecodeString(signed.Payload)
	return header, payload
}

// thumbprint returns that of the key in a header (RFC 7638).
func thumbprint(header []byte) string {
	var protected struct {
		JWK struct {
			Crv string `json:"crv"`
			Kty string `json:"kty"`
			X   string `json:"x"`
			Y   string `json:"y"`
		} `json:"jwk"`
	}
	_ = json.Unmarshal(header, &protected)
	k := protected.JWK
	sum := sha256.Sum256(fmt.Appendf(nil, `{"crv":%q,"kty":%q,"x":%q,"y":%q}`, k.Crv, k.Kty, k.X, k.Y))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// An authority issues the certificate by connecting to the public listener, also if clients need certificates
// there. A restart asks for nothing.
func TestCertificateByACME(t *testing.T) {
	ca := newAuthority(t)
	c := testConfig(t)
	c.TLS.ACMEDomains, c.TLS.ACMEDirectory, c.TLS.ACMECA = []string{acmeName}, ca.server.URL+"/directory", ca.file()
	c.TLS.ClientCA = c.TLS.ACMECA
	a, stop := startLogging(t, c, t.Output())
	ca.mu.Lock()
	ca.target = a.Addr().String()
	ca.mu.Unlock()
	presented := func(address string) error {
		roots := x509.NewCertPool()
		roots.AddCert(ca.root)
		conn, err := tls.Dial("tcp", address, &tls.Config{ServerName: acmeName, RootCAs: roots, MaxVersion: tls.VersionTLS12})
		if err == nil {
			conn.Close()
		}
		return err
	}
	// Ours is missing, which with TLS 1.2 is a failure of the handshake, after the gateway's was verified.
	const missing = "handshake failure"
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = presented(a.Addr().String()); err != nil && strings.Contains(err.Error(), missing) {
			break
		}
	}
	ca.mu.Lock()
	failure := ca.failure
	ca.mu.Unlock()
	if failure != nil || err == nil || !strings.Contains(err.Error(), missing) {
		t.Fatalf("%v; the authority found: %v", err, failure)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	c.TLS.ClientCA = ""
	again, stop := start(t, c)
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = presented(again.Addr().String()); err == nil {
			break
		}
	}
	ca.mu.Lock()
	defer ca.mu.Unlock()
	if err != nil || ca.orders != 1 {
		t.Errorf("after a restart: %v, with %d orders", err, ca.orders)
	}
	if got := metric(t, again, expiryMetric); time.Until(time.Unix(int64(got), 0)).Round(time.Hour) != 90*24*time.Hour {
		t.Errorf("the metric says that the certificate expires at %v", time.Unix(int64(got), 0))
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

// What the authority says is logged with its URL, since a wrong one is answered by a word like "not found".
func TestFailureOfACMENamesTheAuthority(t *testing.T) {
	ca := newAuthority(t)
	c := testConfig(t)
	c.TLS.ACMEDomains, c.TLS.ACMEDirectory, c.TLS.ACMECA = []string{acmeName}, ca.server.URL+"/nothing", ca.file()
	failed := make(chan string, 1)
	_, stop := startLogging(t, c, writerFunc(func(line []byte) (int, error) {
		if bytes.Contains(line, []byte("could not be issued")) {
			select {
			case failed <- string(line):
			default:
			}
		}
		return len(line), nil
	}))
	select {
	case line := <-failed:
		if !strings.Contains(line, ca.server.URL+"/nothing") || !strings.Contains(line, "tls.acme_directory") {
			t.Errorf("the log says %s", line)
		}
	case <-time.After(patience):
		t.Error("the log says nothing")
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
