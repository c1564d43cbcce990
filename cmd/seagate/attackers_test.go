package main_test

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

// An attacker is the first client of a hostile jail, and a stranger. Attackers run in a process
// of their own, so that what they do costs the neighbour only what it costs the gateway.
type attacker struct {
	listen string
	as     credentials
	key    *rsa.PrivateKey // of the tokens
	http   *http.Client
}

// The environment of the attackers' process.
const (
	attackNames  = "SEAGATE_TEST_ATTACKS" // separated by semicolons
	attackListen = "SEAGATE_TEST_LISTEN"
	attackID     = "SEAGATE_TEST_CLIENT_ID"
	attackSecret = "SEAGATE_TEST_CLIENT_SECRET"
	attackKey    = "SEAGATE_TEST_CLIENT_KEY" // PKCS #1, in base64
)

// attack starts the attackers. stop ends them. On a real network they have processors of their
// own; here they get what the gateway and the neighbour leave, where the system has nice.
func (g *gateway) attack(as credentials, attacks []attack) (stop func()) {
	g.t.Helper()
	var names []string
	for _, a := range attacks {
		names = append(names, a.name)
	}
	command := []string{os.Args[0]}
	if nice, err := exec.LookPath("nice"); err == nil {
		command = []string{nice, "-n", "19", os.Args[0]}
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), attackNames+"="+strings.Join(names, ";"), attackListen+"="+g.listen,
		attackID+"="+as.id, attackSecret+"="+as.secret,
		attackKey+"="+base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PrivateKey(keyOf(g.t, "office"))))
	cmd.Stderr = os.Stderr
	alive, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		g.t.Fatal(err)
	}
	end := sync.OnceFunc(func() {
		alive.Close()
		if err := cmd.Wait(); err != nil {
			g.t.Errorf("the attackers ended with %v", err)
		}
	})
	g.t.Cleanup(end)
	return end
}

// runAttacks runs in the attackers' process, until its standard input ends. It returns the
// status of the process.
func runAttacks(names []string) (status int) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	key, err := attackersKey()
	if err != nil {
		return 1
	}
	var attacking sync.WaitGroup
	for _, name := range names {
		i := slices.IndexFunc(attacks, func(a attack) bool { return a.name == name })
		if i < 0 {
			return 1
		}
		transport := &http.Transport{MaxIdleConnsPerHost: 4}
		one := &attacker{
			listen: os.Getenv(attackListen),
			as:     credentials{os.Getenv(attackID), os.Getenv(attackSecret)},
			key:    key,
			http:   &http.Client{Transport: transport, Timeout: patience},
		}
		attacking.Go(func() {
			defer transport.CloseIdleConnections()
			attacks[i].run(ctx, one)
		})
	}
	io.Copy(io.Discard, os.Stdin) // ends with the pipe, however that ends
	cancel()
	attacking.Wait()
	return 0
}

func attackersKey() (*rsa.PrivateKey, error) {
	der, err := base64.StdEncoding.DecodeString(os.Getenv(attackKey))
	if err != nil {
		return nil, err
	}
	return x509.ParsePKCS1PrivateKey(der)
}

// call makes a request and drops the answer.
func (a *attacker) call(ctx context.Context, as credentials, method, path, body string, header ...string) {
	a.read(ctx, as, method, path, body, header...)
}

// read makes a request and returns what comes of the body of the answer.
func (a *attacker) read(ctx context.Context, as credentials, method, path, body string, header ...string) string {
	r, err := requestTo(a.listen, as, method, path, body, header...)
	if err != nil {
		panic(err)
	}
	response, err := a.http.Do(r.WithContext(ctx))
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	all, _ := io.ReadAll(response.Body)
	return string(all)
}

// newClient makes a client in the jail. Its secret is "" if the gateway refuses that.
func (a *attacker) newClient(ctx context.Context, id string) credentials {
	made := a.read(ctx, a.as, "POST", "/client", fmt.Sprintf(`{"clientId":%q,"description":""}`, id))
	return credentials{id, member(made, "secret")}
}

// newSigner makes a client whose tokens the attackers' key signs.
func (a *attacker) newSigner(ctx context.Context, id string) credentials {
	as := a.newClient(ctx, id)
	a.setKey(ctx, id)
	return as
}

func (a *attacker) setKey(ctx context.Context, id string) {
	public, err := publicPEMOf(&a.key.PublicKey)
	if err != nil {
		panic(err)
	}
	a.call(ctx, a.as, "PUT", "/client/"+id+"/jwt-public-key", fmt.Sprintf(`{"jwtPublicKey":%q}`, public))
}

// held are connections that are kept open, the newest ones.
type held struct {
	most int
	open []net.Conn
}

func (h *held) add(c net.Conn) {
	if h.open = append(h.open, c); len(h.open) > h.most {
		h.open[0].Close()
		h.open = h.open[1:]
	}
}

func (h *held) close() {
	for _, c := range h.open {
		c.Close()
	}
}

// handshake opens a WebSocket, or returns nil.
func (a *attacker) handshake(ctx context.Context) net.Conn {
	c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", a.listen)
	if err != nil {
		return nil
	}
	c.SetDeadline(time.Now().Add(5 * time.Second))
	fmt.Fprintf(c, "GET /api/v1/streams HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", a.listen)
	answer := make([]byte, 1024)
	if n, err := c.Read(answer); err != nil || !bytes.HasPrefix(answer[:n], []byte("HTTP/1.1 101")) {
		c.Close()
		return nil
	}
	return c
}

// logInWith is logIn for the bearer of a token of the client with these claims.
func (a *attacker) logInWith(ctx context.Context, as credentials, claims string) net.Conn {
	token, err := sign(a.key, "RS512", fmt.Sprintf(`{"exp":%d,%s}`, time.Now().Add(time.Hour).Unix(), claims))
	if err != nil {
		panic(err)
	}
	c := a.handshake(ctx)
	if c != nil {
		writeText(c, fmt.Sprintf(`{"id":1,"action":"authenticate","payload":{"type":"jwt","clientId":%q,"jwt":%q}}`, as.id, token))
	}
	return c
}

// writeText writes a frame with a text of less than 64 KiB.
func writeText(c net.Conn, text string) {
	frame := []byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}
	if len(text) > 125 {
		frame = []byte{0x81, 0xFE, byte(len(text) >> 8), byte(len(text)), 0, 0, 0, 0}
	}
	c.SetWriteDeadline(time.Now().Add(5 * time.Second))
	c.Write(append(frame, text...))
}

// logIn opens a WebSocket and authenticates, or returns nil.
func (a *attacker) logIn(ctx context.Context, as credentials) net.Conn {
	c := a.handshake(ctx)
	if c != nil {
		writeText(c, fmt.Sprintf(`{"id":1,"action":"authenticate","payload":{"type":"basic","clientId":%q,"clientSecret":%q}}`, as.id, as.secret))
	}
	return c
}

// socket logs in, sends requests, reads for a moment, and goes without a word.
func (a *attacker) socket(ctx context.Context, as credentials, requests ...string) {
	c := a.logIn(ctx, as)
	if c == nil {
		return
	}
	defer c.Close()
	for _, r := range requests {
		writeText(c, r)
	}
	drain(ctx, c, 100*time.Millisecond)
}

// drain reads for a while.
func drain(ctx context.Context, c net.Conn, d time.Duration) {
	for end := time.Now().Add(d); ctx.Err() == nil && time.Now().Before(end); {
		c.SetReadDeadline(end)
		if n, err := io.CopyN(io.Discard, c, 1<<20); n == 0 || err != nil {
			return
		}
	}
}
