package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"seagate/cmd/seagate/cli"
	"seagate/cmd/seagate/config"
)

// healthCommand asks the admin listener of a gateway on this machine. It reads the same configuration
// as the gateway, so a container or a script needs no other tool and no address.
func healthCommand() *cobra.Command {
	var live bool
	var wait time.Duration
	cmd := serverCommand("health", "Ask a gateway on this machine whether it is ready", config.Default,
		func(ctx context.Context, console *cli.Console, loader *config.Loader) error {
			c, _, err := load(loader)
			if err != nil {
				return err
			}
			url, err := healthURL(c.AdminListen, live)
			if err != nil {
				return err
			}
			for deadline := time.Now().Add(wait); ; {
				err := askHealth(ctx, url)
				if err == nil {
					return console.Entry(struct {
						Healthy bool `json:"healthy"`
					}{true}, "The gateway answers.")
				}
				if !time.Now().Before(deadline) {
					return err
				}
				select {
				case <-ctx.Done():
					return err
				case <-time.After(healthInterval):
				}
			}
		})
	cmd.Flags().BoolVar(&live, "live", false, "ask only whether the process answers, as a liveness probe does")
	cmd.Long = `Ask a gateway on this machine whether it is ready: its stores are open, and it
delivers. It asks the admin listener of the configuration, which it reads as
"seagate serve" does. The exit status is 0 if the gateway is ready, and 1 if it
is not.`
	cmd.Example = `  seagate health --config /etc/seagate/seagate.toml
  seagate health --wait 30s`
	cli.DurationVar(cmd.Flags(), &wait, "wait", 0, "keep asking for up to `DURATION` until it is ready")
	return cmd
}

const (
	healthInterval = 200 * time.Millisecond
	healthTimeout  = 4 * time.Second // more than the probe of /readyz takes at most
)

// healthURL returns the URL of the check on the admin listener.
func healthURL(listen string, live bool) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	switch {
	case listen == "":
		return "", errors.New("the gateway has no admin listener: set admin_listen")
	case err != nil:
		return "", err
	case port == "0":
		return "", errors.New("admin_listen has port 0, so the gateway takes any free port: set another one, or look into its log")
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	path := "/readyz"
	if live {
		path = "/livez"
	}
	return "http://" + net.JoinHostPort(host, port) + path, nil
}

// askHealth returns nil if the answer is 200. It goes through no proxy.
func askHealth(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("no gateway answers at its admin listener: %w", cli.Unreachable(err, r.URL.Host))
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	if err != nil || response.StatusCode == http.StatusOK {
		return err
	}
	return fmt.Errorf("the gateway is not ready: %s", strings.TrimSpace(string(text)))
}
