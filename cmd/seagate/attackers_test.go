package main_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
)

// An attacker is the first client of a hostile jail, and a stranger. Attackers run in a process
// of their own, so that what they do costs the neighbour only what it costs the gateway.
type attacker struct {
	listen string
	as     credentials
	http   *http.Client
}

// The environment of the attackers' process.
const (
	attackNames  = "SEAGATE_TEST_ATTACKS" // separated by semicolons
	attackListen = "SEAGATE_TEST_LISTEN"
	attackID     = "SEAGATE_TEST_CLIENT_ID"
	attackSecret = "SEAGATE_TEST_CLIENT_SECRET"
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
		attackID+"="+as.id, attackSecret+"="+as.secret)
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

// call makes a request and drops the answer.
func (a *attacker) call(ctx context.Context, as credentials, method, path, body string, header ...string) (status int) {
	r, err := requestTo(a.listen, as, method, path, body, header...)
	if err != nil {
		panic(err)
	}
	response, err := a.http.Do(r.WithContext(ctx))
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	io.Copy(io.Discard, response.Body)
	return response.StatusCode
}
