package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"seagate/client"
	"seagate/cmd/seagate/config"
	"seagate/internal/durable"
	"seagate/internal/secret"
	"seagate/protocol"
)

// The environment variables that name the gateway and the client.
const (
	envURL    = "SEAGATE_URL"
	envClient = "SEAGATE_CLIENT_ID"
	envSecret = "SEAGATE_CLIENT_SECRET"
	envLines  = "SEAGATE_LINES"
	envPlain  = "SEAGATE_INSECURE_HTTP"
)

// Variables are the environment variables of the commands that use a gateway.
var Variables = []string{envURL, envClient, envSecret, envLines, envPlain}

const defaultURL = "http://127.0.0.1:3104"

// A Connection is the flags that name the gateway and the client.
type Connection struct {
	server     string
	clientID   string
	secretFile string
	plain      bool
}

// Register adds the flags to a command.
func (c *Connection) Register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&c.server, "server", "", "`URL` of the gateway [SEAGATE_URL] (default "+defaultURL+")")
	flags.StringVar(&c.clientID, "client", "", "client `ID` [SEAGATE_CLIENT_ID]")
	flags.BoolVar(&c.plain, "insecure-http", false, "send the secret without encryption to another machine; without it, the\n"+
		"URL of another machine must be https [SEAGATE_INSECURE_HTTP=true]")
	flags.StringVar(&c.secretFile, "secret-file", "", "read the client's secret from `FILE`; without it, it comes from\n"+
		"SEAGATE_CLIENT_SECRET, or from what `seagate dev` has left")
}

// client returns a client for what flags, environment and "seagate dev" say.
func (c Connection) client() (*client.Client, error) {
	url, credentials, err := c.Target()
	if err != nil {
		return nil, err
	}
	made, err := client.New(url, credentials, client.Options{})
	if err != nil {
		return nil, Usage(err)
	}
	return made, nil
}

// Target returns the gateway and the credentials, from flags, environment or
// "seagate dev".
func (c Connection) Target() (url string, credentials client.Credentials, err error) {
	plain := c.plain || os.Getenv(envPlain) == "true" || os.Getenv(envPlain) == "1" // withDev replaces c
	c.server = cmp.Or(c.server, os.Getenv(envURL))
	c.clientID = cmp.Or(c.clientID, os.Getenv(envClient))
	given, err := c.secret()
	if err == nil && (!given.IsSet() || c.clientID == "") {
		c, given, err = c.withDev(given)
	} else if err == nil && c.server == "" {
		c.server, err = devURL()
	}
	target := cmp.Or(c.server, defaultURL)
	if err == nil && !plain && isPlainRemote(target) {
		err = usagef("%s is another machine, and without https everybody in between can read the secret: use an https URL, "+
			"or say that this network is safe, with --insecure-http or %s=true", target, envPlain)
	}
	return target, client.Basic(c.clientID, given.Reveal()), err
}

// isPlainRemote reports whether a secret would leave this machine without encryption.
func isPlainRemote(target string) bool {
	u, err := url.Parse(target)
	return err == nil && (u.Scheme == "http" || u.Scheme == "ws") && !config.IsLoopback(u.Hostname())
}

// maxSecretFile is more than any secret with white space around it, in bytes.
const maxSecretFile = 2 * protocol.MaxSecretBytes

// secret returns the secret of the file or the environment, or the zero Text.
func (c Connection) secret() (secret.Text, error) {
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

// withDev fills in the credentials of "seagate dev", which must agree with what
// is given.
func (c Connection) withDev(given secret.Text) (Connection, secret.Text, error) {
	dev, err := ReadCredentials(filepath.Join(devFolder(), CredentialsFile))
	why := ""
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && given.IsSet():
	case err != nil:
		return c, given, err
	case c.clientID != "" && c.clientID != dev.ClientID:
		why = fmt.Sprintf("what `seagate dev` has left is the secret of %s", dev.ClientID)
	case c.server != "" && !sameGateway(c.server, dev.URL):
		why = fmt.Sprintf("what `seagate dev` has left is for %s alone", dev.URL)
	default:
		return Connection{server: cmp.Or(c.server, dev.URL), clientID: dev.ClientID}, secret.New(dev.ClientSecret), nil
	}
	return c, given, c.missing(given, why)
}

// devURL returns the URL of the gateway that "seagate dev" has left, or "": who
// connects does not change where to, so another client's credentials are for the
// gateway that the commands use without them.
func devURL() (string, error) {
	dev, err := ReadCredentials(filepath.Join(devFolder(), CredentialsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return dev.URL, err
}

// missing returns an error that says which of the credentials is missing.
func (c Connection) missing(given secret.Text, why string) error {
	what := "a client id: set " + envClient + " or --client"
	if !given.IsSet() {
		what = "a client secret: set " + envSecret + " or --secret-file"
	}
	message := "connecting needs " + what + ", or start `seagate dev`, which leaves credentials in " + devFolder()
	if why != "" {
		message += " (" + why + ")"
	}
	return &errNoCredentials{message}
}

// sameGateway reports whether two URLs name one gateway, by whatever name this
// machine has for itself. The secret for one gateway must not go to another.
func sameGateway(a, b string) bool {
	first, err1 := url.Parse(a)
	second, err2 := url.Parse(b)
	if err1 != nil || err2 != nil {
		return false
	}
	sameHost := first.Hostname() == second.Hostname() || config.IsLoopback(first.Hostname()) && config.IsLoopback(second.Hostname())
	return sameHost && first.Port() == second.Port() && first.Scheme == second.Scheme
}

// Credentials is what "seagate dev" writes in its data folder, so that the other
// commands need no flags.
type Credentials struct {
	URL          string `json:"url"`
	ClientID     string `json:"clientId"`
	ClientSecret string `json:"clientSecret"`
}

// CredentialsFile is the name of the file in the data folder that holds a
// Credentials as JSON. Only its owner can read it.
const CredentialsFile = "dev-credentials.json"

// CurlFile is the name of the file next to CredentialsFile that gives curl the
// credentials without arguments, which every user of the machine can read.
const CurlFile = "curlrc"

// curlText escapes what ends or escapes a text in a configuration of curl.
var curlText = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// SaveCredentials writes CredentialsFile and CurlFile in a data folder.
func SaveCredentials(c Credentials, dir string) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	curl := fmt.Sprintf("user = \"%s\"\n", curlText.Replace(c.ClientID+":"+c.ClientSecret))
	return errors.Join(
		durable.Replace(filepath.Join(dir, CredentialsFile), text),
		durable.Replace(filepath.Join(dir, CurlFile), []byte(curl)),
	)
}

// removeCredentials removes what SaveCredentials has written.
func removeCredentials(dir string) error {
	return errors.Join(os.Remove(filepath.Join(dir, CredentialsFile)), os.Remove(filepath.Join(dir, CurlFile)))
}

// maxCredentialsFile is much more than a CredentialsFile has, in bytes.
const maxCredentialsFile = 16 << 10

// ReadCredentials reads a CredentialsFile. The error is an fs.ErrNotExist if
// there is none.
func ReadCredentials(path string) (Credentials, error) {
	data, err := readFile(path, maxCredentialsFile)
	if err != nil {
		return Credentials{}, err
	}
	var c Credentials
	// The error leaves out the cause, which could contain a part of the secret.
	if json.Unmarshal(data, &c) != nil || c.URL == "" || c.ClientID == "" || c.ClientSecret == "" {
		return Credentials{}, fmt.Errorf("%s is damaged: it should have url, clientId and clientSecret", path)
	}
	return c, nil
}

// devFolder returns the data folder of "seagate dev".
func devFolder() string {
	return cmp.Or(os.Getenv("SEAGATE_DATA_DIR"), config.Development().DataDir)
}
