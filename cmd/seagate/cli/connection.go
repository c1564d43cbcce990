package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"seagate/client"
	"seagate/internal/secret"
	"seagate/protocol"
)

// The environment variables that say where to connect, and as whom.
const (
	envURL    = "SEAGATE_URL"
	envClient = "SEAGATE_CLIENT_ID"
	envSecret = "SEAGATE_CLIENT_SECRET"
)

const defaultURL = "http://127.0.0.1:3104"

// A connection is where to connect, and as whom, as far as flags say.
type connection struct {
	server     string
	clientID   string
	secretFile string
}

func (c *connection) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&c.server, "server", "", "`URL` of the gateway [SEAGATE_URL] (default "+defaultURL+")")
	flags.StringVar(&c.clientID, "client", "", "client `ID` [SEAGATE_CLIENT_ID]")
	flags.StringVar(&c.secretFile, "secret-file", "", "read the client's secret from `FILE`; without it, it comes from\n"+
		"SEAGATE_CLIENT_SECRET, or from what `seagate dev` has left")
}

// client returns a client with what flags, environment and `seagate dev` say.
func (c connection) client() (*client.Client, error) {
	url, credentials, err := c.target()
	if err != nil {
		return nil, err
	}
	made, err := client.New(url, credentials, client.Options{})
	if err != nil {
		return nil, Usage(err)
	}
	return made, nil
}

// target returns where to connect, and as whom.
func (c connection) target() (url string, credentials client.Credentials, err error) {
	c.server = cmp.Or(c.server, os.Getenv(envURL))
	c.clientID = cmp.Or(c.clientID, os.Getenv(envClient))
	given, err := c.secret()
	if err == nil && (!given.IsSet() || c.clientID == "") {
		c, given, err = c.withDev(given)
	}
	return cmp.Or(c.server, defaultURL), client.Basic(c.clientID, given.Reveal()), err
}

// A Connection is the flags that say where to connect, and as whom, for a
// command that makes its clients itself.
type Connection struct{ connection }

// Register adds the flags to the command.
func (c *Connection) Register(cmd *cobra.Command) { c.register(cmd) }

// Target returns what flags, environment and `seagate dev` say.
func (c *Connection) Target() (url string, credentials client.Credentials, err error) {
	return c.target()
}

// maxSecretFile is more than any secret with the white space around it.
const maxSecretFile = 2 * protocol.MaxSecretBytes

// secret returns the secret that the user gave, or the zero Text.
func (c connection) secret() (secret.Text, error) {
	if c.secretFile == "" {
		return secret.New(os.Getenv(envSecret)), nil
	}
	text, err := readFile(c.secretFile, maxSecretFile)
	if err != nil {
		return secret.Text{}, Usage(err)
	}
	trimmed := strings.TrimSpace(string(text))
	if trimmed == "" {
		return secret.Text{}, usagef("the file %s is empty: it should hold the client's secret", c.secretFile)
	}
	return secret.New(trimmed), nil
}

// withDev fills in what `seagate dev` has left, which must fit what is given.
func (c connection) withDev(given secret.Text) (connection, secret.Text, error) {
	dev, err := devCredentials()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c, given, c.missing(given, "")
	case err != nil:
		return c, given, err
	case given.IsSet():
		return c, given, c.missing(given, "")
	case c.clientID != "" && c.clientID != dev.ClientID:
		return c, given, c.missing(given, fmt.Sprintf("what `seagate dev` has left is the secret of %s", dev.ClientID))
	case c.server != "" && !sameGateway(c.server, dev.URL):
		return c, given, c.missing(given, fmt.Sprintf("what `seagate dev` has left is for %s alone", dev.URL))
	}
	return connection{server: cmp.Or(c.server, dev.URL), clientID: dev.ClientID}, secret.New(dev.ClientSecret), nil
}

// missing says which of the credentials is missing.
func (c connection) missing(given secret.Text, why string) error {
	what := "a client id: set " + envClient + " or --client"
	if !given.IsSet() {
		what = "a client secret: set " + envSecret + " or --secret-file"
	}
	message := "there is no way in without " + what + ", or start `seagate dev`, which leaves credentials in " + devFolder()
	if why != "" {
		message += " (" + why + ")"
	}
	return &errNoCredentials{message}
}

// sameGateway says whether two URLs are of one gateway, by whatever name this
// machine has for itself: a secret that is for one must not be sent to another.
func sameGateway(a, b string) bool {
	first, err1 := url.Parse(a)
	second, err2 := url.Parse(b)
	if err1 != nil || err2 != nil {
		return false
	}
	sameHost := first.Hostname() == second.Hostname() || isLoopback(first.Hostname()) && isLoopback(second.Hostname())
	return sameHost && first.Port() == second.Port() && first.Scheme == second.Scheme
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
