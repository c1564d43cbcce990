package main_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// writeCertificate writes a certificate for 127.0.0.1 and its key into files.
func writeCertificate(t *testing.T) (certificate, key string) {
	t.Helper()
	return writeCertificateUntil(t, time.Now().Add(time.Hour))
}

// writeCertificateUntil is writeCertificate for one that expires at a time.
func writeCertificateUntil(t *testing.T, notAfter time.Time) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotAfter:     notAfter,
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	privateDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	return writeFile(t, folder, "cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))),
		writeFile(t, folder, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: privateDER})))
}

// httpVersion returns the major version of HTTP that gateway and client agree on.
func httpVersion(t *testing.T, url, certificate string) int {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust(t, certificate)}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport, Timeout: patience}).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("%s: %v", response.Status, err)
	}
	return response.ProtoMajor
}

func trust(t *testing.T, certificate string) *x509.CertPool {
	t.Helper()
	roots := x509.NewCertPool()
	text, err := os.ReadFile(certificate)
	if err != nil || !roots.AppendCertsFromPEM(text) {
		t.Fatalf("no certificate in %s: %v", certificate, err)
	}
	return roots
}

// unwrapTLS returns the address of a relay that connects to a gateway with TLS, for
// clients without TLS. It runs until the test ends.
func unwrapTLS(t *testing.T, gateway, certificate string) string {
	t.Helper()
	roots := trust(t, certificate)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var relaying sync.WaitGroup
	t.Cleanup(func() {
		listener.Close()
		relaying.Wait()
	})
	relaying.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := tls.Dial("tcp", gateway, &tls.Config{RootCAs: roots})
			if err != nil {
				t.Error(err)
				client.Close()
				continue
			}
			relaying.Go(func() { pipe(server, client) })
			relaying.Go(func() { pipe(client, server) })
		}
	})
	return listener.Addr().String()
}

// pipe copies until one end is closed, and then closes both.
func pipe(to, from net.Conn) {
	io.Copy(to, from)
	to.Close()
	from.Close()
}

// check called an expired certificate valid. The gateway serves it, and says so: its clock
// may be wrong.
func TestAnExpiredCertificate(t *testing.T) {
	t.Parallel()
	certificate, key := writeCertificateUntil(t, time.Now().Add(-time.Hour))
	variables := []string{"SEAGATE_TLS_CERT_FILE=" + certificate, "SEAGATE_TLS_KEY_FILE=" + key}
	if r := command(t, variables, "check"); r.code != 1 || !strings.Contains(r.notes, "the certificate expired at ") {
		t.Errorf("check: %d %s", r.code, r.notes)
	}
	g := start(t, variables...)
	g.awaitLog("the certificate is not valid")
}
