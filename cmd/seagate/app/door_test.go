package app_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"seagate/auth"
	"seagate/cmd/seagate/app"
	"seagate/cmd/seagate/config"
	"seagate/gateway/ws/wstest"
)

// A transcript is what a gateway has logged.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *transcript) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *transcript) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// attempt sends a request with a secret and header lines over a new connection that begins
// with a preamble. It returns the status.
func attempt(t *testing.T, a *app.App, preamble, secret string, header ...string) int {
	t.Helper()
	nc, err := net.Dial("tcp", a.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	r, _ := http.NewRequest("GET", a.URL()+"/api/v1/streams", nil)
	r.SetBasicAuth("root", secret)
	r.Close = true
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	io.WriteString(nc, preamble)
	if err := r.Write(nc); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(nc), r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

// Whatever somebody at the same address does, right credentials pass, over HTTP and
// WebSocket.
func TestNobodyLocksOutOthersAtTheirAddress(t *testing.T) {
	c := testConfig(t)
	c.Limits.FailedAuthentications = 30
	a, _ := start(t, c)
	client := newClient(t)
	refused := map[int]int{}
	wrong := auth.NewSecret().Reveal()
	for range 40 {
		r, _ := http.NewRequest("GET", a.URL()+"/api/v1/streams", nil)
		r.SetBasicAuth("root", wrong)
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		refused[response.StatusCode]++
		if status, text := call(t, client, "GET", a.URL()+"/api/v1/streams", ""); status != 200 {
			t.Fatalf("right credentials: %d %s", status, text)
		}
	}
	if refused[401] < 30 || refused[429] == 0 || refused[401]+refused[429] != 40 {
		t.Errorf("wrong credentials: %v", refused)
	}
	conn := wstest.Dial(t, a.Addr().String(), "/api/v1/streams")
	conn.Send(fmt.Sprintf(`{"id":1,"action":"authenticate","payload":{"type":"basic","clientId":"root","clientSecret":%q}}`, rootSecret))
	conn.Want(`{"id":1,"action":"authenticate","success":true,"payload":{"jailId":"root"}}`)
}

// The limits and the log go by the address of the client behind a trusted proxy.
func TestClientsBehindProxies(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*config.Config)
		speak  func(client string) (preamble string, header []string)
	}{
		"X-Forwarded-For": {func(*config.Config) {}, func(client string) (string, []string) {
			return "", []string{"X-Forwarded-For: 192.0.2.66, " + client, "Forwarded: for=192.0.2.67"}
		}},
		"Forwarded": {func(c *config.Config) { c.ProxyHeader = config.Forwarded }, func(client string) (string, []string) {
			return "", []string{"Forwarded: for=192.0.2.66, for=" + client, "X-Forwarded-For: 192.0.2.67"}
		}},
		"PROXY": {func(c *config.Config) { c.ProxyProtocol = true }, func(client string) (string, []string) {
			return "PROXY TCP4 " + client + " 127.0.0.1 4711 80\r\n", nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c := testConfig(t)
			c.Limits.FailedAuthentications = 3
			c.TrustedProxies = []string{"127.0.0.0/8"}
			test.change(c)
			log := &transcript{}
			a, _ := startLogging(t, c, log)
			as := func(client, secret string) int {
				preamble, header := test.speak(client)
				return attempt(t, a, preamble, secret, header...)
			}
			wrong := auth.NewSecret().Reveal()
			for range 3 {
				if got := as("203.0.113.9", wrong); got != 401 {
					t.Fatalf("a wrong secret: %d", got)
				}
			}
			if got := as("203.0.113.9", wrong); got != 429 {
				t.Errorf("over the limit of the address: %d", got)
			}
			if got := as("203.0.113.9", rootSecret); got != 200 {
				t.Errorf("the right secret: %d", got)
			}
			if text := log.String(); !strings.Contains(text, "address=203.0.113.9") || strings.Contains(text, "192.0.2.6") ||
				!strings.Contains(text, "too many failures from the address") {
				t.Errorf("the log has\n%s", text)
			}
		})
	}
}

// Clients must present a certificate of the authorities, and authenticate as well.
func TestCertificatesOfClients(t *testing.T) {
	dir := t.TempDir()
	own := config.TLS{CertFile: filepath.Join(dir, "client.pem"), KeyFile: filepath.Join(dir, "client.key")}
	writePair(t, own, "client.example")
	certificate, err := tls.LoadX509KeyPair(own.CertFile, own.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, asked := range []config.ClientAuth{config.RequireCertificate, config.AcceptCertificate} {
		c := testConfig(t)
		c.TLS = config.TLS{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem"),
			ClientCA: own.CertFile, ClientAuth: asked}
		writePair(t, c.TLS, "gateway.example")
		a, stop := start(t, c)
		for name, presented := range map[string][]tls.Certificate{"none": nil, "its own": {certificate}} {
			transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: presented}}
			r, _ := http.NewRequest("GET", a.URL()+"/api/v1/streams", nil)
			r.SetBasicAuth("root", rootSecret)
			response, err := (&http.Client{Transport: transport}).Do(r)
			if want := presented != nil || asked == config.AcceptCertificate; (err == nil) != want {
				t.Errorf("%s, with the certificate %s: %v", asked, name, err)
			}
			if err == nil {
				response.Body.Close()
				if response.StatusCode != 200 {
					t.Errorf("%s, with the certificate %s: %d", asked, name, response.StatusCode)
				}
			}
			transport.CloseIdleConnections()
		}
		stop()
	}
	broken := config.TLS{CertFile: own.CertFile, KeyFile: own.KeyFile, ClientCA: own.KeyFile}
	if err := app.CheckTLS(broken); err == nil || !strings.Contains(err.Error(), "tls.client_ca") {
		t.Errorf("a key in place of authorities: %v", err)
	}
}

// What follows a chunked body on its connection is not taken for a request: a proxy may
// have gone by a Content-Length that net/http does not show.
func TestNothingFollowsAChunkedBody(t *testing.T) {
	a, _ := start(t, testConfig(t))
	nc, err := net.Dial("tcp", a.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	io.WriteString(nc, "GET /api/v1 HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"+
		"GET /api/v1 HTTP/1.1\r\nHost: x\r\n\r\n")
	answers, err := io.ReadAll(nc)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(answers), "HTTP/1.1 "); n != 1 {
		t.Errorf("%d answers:\n%s", n, answers)
	}
}
