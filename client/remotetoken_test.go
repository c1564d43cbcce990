package client_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"seagate/client"
)

// Each connection of a RemoteStream has a token of its own. One that has expired is
// replaced at once, and one that expires later when the connection is made again.
func TestRemoteStreamGetsFreshTokens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	const expired = `{"action":"error","message":"the token has expired","code":"token_expired"}`
	accept := `{"action":"authenticate","id":0,"success":true,"jailId":"root"}`
	scripts := [][]string{{expired}, {accept, `{"action":"put","stream":"s","message":"one","seq":1,"time":"2026-11-28T10:00:00Z","epoch":"e"}`, expired}, {accept, `{"action":"put","stream":"s","message":"two","seq":2,"time":"2026-11-28T10:00:00Z","epoch":"e"}`}}
	presented := make(chan string, len(scripts))
	played := make(chan error, 1)
	go func() {
		played <- func() error {
			for _, script := range scripts {
				nc, err := l.Accept()
				if err != nil {
					return err
				}
				defer nc.Close()
				nc.SetDeadline(time.Now().Add(time.Minute))
				r := bufio.NewReader(nc)
				for i, line := range script {
					if i < 2 { // authenticate, listen
						asked, err := r.ReadString('\n')
						if err != nil {
							return err
						}
						if i == 0 {
							presented <- asked
						} else {
							_, id, _ := strings.Cut(asked, `"id":`)
							id, _, _ = strings.Cut(id, ",")
							fmt.Fprintf(nc, `{"action":"listen","id":%s,"stream":"s","epoch":"e","firstSeq":1,"nextSeq":%d}`+"\n", id, len(presented)-1)
						}
					}
					fmt.Fprintln(nc, line)
				}
				if script[len(script)-1] == expired {
					nc.Close()
				}
			}
			return nil
		}()
	}()
	tokens := 0
	r, err := client.NewRemoteStream(l.Addr().String(), client.RemoteOptions{
		Credentials: client.JWT("app", ""),
		Token:       func(context.Context) (string, error) { tokens++; return fmt.Sprintf("token%d", tokens), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c := newCollector()
	if err := r.Listen("s", c); err != nil {
		t.Fatal(err)
	}
	c.want(t, "one", "two")
	if err := <-played; err != nil {
		t.Fatal(err)
	}
	for i := range scripts {
		if asked := <-presented; !strings.Contains(asked, fmt.Sprintf(`"jwt":"token%d"`, i+1)) {
			t.Errorf("connection %d presented %s", i+1, asked)
		}
	}
	if r.Err() != nil {
		t.Errorf("it has ended: %v", r.Err())
	}
	if _, err := client.NewRemoteStream("127.0.0.1:1", client.RemoteOptions{Credentials: client.Basic("a", "b"),
		Token: func(context.Context) (string, error) { return "", nil }}); err == nil {
		t.Error("a token for credentials that have a secret is accepted")
	}
}
