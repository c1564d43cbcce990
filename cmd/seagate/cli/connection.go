package cli

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"seagate/auth"
	"seagate/client"
	"seagate/cmd/seagate/config"
	"seagate/internal/durable"
	"seagate/internal/secret"
	"seagate/protocol"
)

// The environment variables that name the gateway and the client.
const (
	envURL     = "SEAGATE_URL"
	envClient  = "SEAGATE_CLIENT_ID"
	envSecret  = "SEAGATE_CLIENT_SECRET"
	envContext = "SEAGATE_CONTEXT"
	envLines   = "SEAGATE_LINES"
	envPlain   = "SEAGATE_INSECURE_HTTP"
	envToken   = "SEAGATE_TOKEN" // of the commands that read a token
)

// Variables are the environment variables of the commands that use a gateway.
var Variables = []string{
	envURL, envClient, envSecret, envContext, envLines, envPlain, envToken, envCertificate, envKey, envRecipients, envIdentity,
}

const defaultURL = "http://127.0.0.1:3104"

// A Connection is the flags that name the gateway and the client.
type Connection struct {
	context    string
	server     string
	clientID   string
	secretFile string
	files      certificateFiles
	plain      bool
	silence    time.Duration
	verbose    bool

	flags *pflag.FlagSet // nil if there are none
}

// connectTimeout is how long commands wait for a gateway that answers nothing.
const connectTimeout = 10 * time.Second

// Register adds the flags to a command.
func (c *Connection) Register(cmd *cobra.Command) {
	flags := cmd.Flags()
	c.flags = flags
	flags.StringVar(&c.context, "context", "", "use the gateway and client of the context `NAME`, and no variables [SEAGATE_CONTEXT]")
	flags.StringVar(&c.server, "server", "", "`URL` of the gateway [SEAGATE_URL] (default "+defaultURL+")")
	flags.StringVar(&c.clientID, "client", "", "client `ID` [SEAGATE_CLIENT_ID]")
	flags.BoolVar(&c.plain, "insecure-http", false, "send the secret without encryption to another machine; without it, the "+
		"URL of another machine must be https [SEAGATE_INSECURE_HTTP=true]")
	flags.StringVar(&c.secretFile, "secret-file", "", "read the client's secret from `FILE`; without it, it comes from "+
		"SEAGATE_CLIENT_SECRET, from a context, or from what `seagate dev` has left")
	DurationVar(flags, &c.silence, "connect-timeout", connectTimeout, "give a gateway up that answers nothing for `TIME`; 0 waits for minutes")
	c.files.register(cmd)
	flags.BoolVarP(&c.verbose, "verbose", "v", false, "say which gateway, client and context the command uses")
	cmd.RegisterFlagCompletionFunc("context", contextNames)
}

// client returns a client of the target.
func (t target) client() (*client.Client, error) {
	encryption, err := t.files.config()
	if err != nil {
		return nil, err
	}
	made, err := client.New(t.url, t.credentials(), client.Options{TLS: encryption, Silence: t.silence})
	if err != nil {
		return nil, Usage(err)
	}
	return made, nil
}

// A Gateway is what a command connects to, and as whom.
type Gateway struct {
	URL         string
	Credentials client.Credentials
	TLS         *tls.Config   // with the certificate of the client; nil for none
	Silence     time.Duration // how long it may answer nothing; 0 is no bound
}

// Use returns the gateway and the credentials for one run of a command. It says which
// they are with --verbose, and in the errors of the gateway.
func (c Connection) Use(console *Console) (Gateway, error) {
	t, err := c.target()
	console.uses(t, c.verbose)
	if err != nil {
		return Gateway{}, err
	}
	encryption, err := t.files.config()
	return Gateway{t.url, t.credentials(), encryption, t.silence}, err
}

// A target is the gateway and the client that a command uses, and where each of the
// values was found. With an error, a target has what was found before it.
type target struct {
	layer
	silence time.Duration // how long the gateway may answer nothing; 0 is no bound
}

func (t target) credentials() client.Credentials { return client.Basic(t.id, t.secret.Reveal()) }

// A layer is what one source says about a connection, with the names of the source. What
// it says nothing about is zero.
type layer struct {
	url, id                     string
	secret                      secret.Text
	lines                       string
	files                       certificateFiles
	plain                       bool
	urlFrom, idFrom, secretFrom string
	context                     string // the name of the context that it is, or "dev"
}

// target finds the gateway and the client. Each value comes from the first of these that
// has it: flags; the environment, unless --context is given; the context of --context, of
// SEAGATE_CONTEXT, or that is in use; without any, what "seagate dev" has left.
//
// Id and secret are a pair. The pair of a context or of "seagate dev" is for that client
// and that gateway alone: with another id or URL, the secret has to be given too.
func (c Connection) target() (target, error) {
	if err := c.check(); err != nil {
		return target{}, err
	}
	given, err := c.given()
	if err != nil {
		return target{layer: given}, err
	}
	t := target{given, c.silence}
	if c.context != "" || given.url == "" || given.id == "" || !given.secret.IsSet() {
		kept, err := c.kept()
		if err != nil {
			return t, err
		}
		if t.layer, err = complete(given, kept); err != nil {
			return t, err
		}
	}
	if !t.plain && isPlainRemote(t.url) {
		return t, usagef("%s is another machine, and without https everybody in between can read the secret: use an https URL, "+
			"or say that this network is safe, with --insecure-http or %s=true", redacted(t.url), envPlain)
	}
	return t, nil
}

// check refuses values that flags cannot have. An empty one is probably from a variable that is not set,
// and must not lead to another gateway than the one that is meant.
func (c Connection) check() error {
	for _, name := range []string{"context", "server", "client", "secret-file"} {
		if c.flags != nil && c.flags.Changed(name) && c.flags.Lookup(name).Value.String() == "" {
			return usagef("--%s is empty: give it a value, or leave it out", name)
		}
	}
	if c.silence < 0 {
		return usagef("--connect-timeout must not be negative")
	}
	return nil
}

// given returns what flags and environment say.
func (c Connection) given() (layer, error) {
	variable := os.Getenv
	if c.context != "" {
		variable = func(string) string { return "" }
	}
	l := layer{plain: c.plain, lines: variable(envLines)}
	if plain := variable(envPlain); plain == "true" || plain == "1" {
		l.plain = true
	}
	l.files = c.files.or(certificateFiles{variable(envCertificate), variable(envKey)})
	l.url, l.urlFrom = either(c.server, "--server", variable(envURL), envURL)
	if l.url != "" && !strings.Contains(l.url, "://") { // it is not shown, since a secret may be in it
		return l, usagef("%s must begin with http:// or https://, such as %s", l.urlFrom, defaultURL)
	}
	if u, err := url.Parse(l.url); err == nil && u.Port() != "" {
		if port, err := strconv.Atoi(u.Port()); err != nil || port < 1 || port > 65535 {
			return l, usagef("%s has the port %s: give 1 to 65535", l.urlFrom, u.Port())
		}
	}
	l.id, l.idFrom = either(c.clientID, "--client", variable(envClient), envClient)
	if c.secretFile == "" {
		l.secret, l.secretFrom = secret.New(variable(envSecret)), envSecret
		return l, nil
	}
	l.secretFrom = "--secret-file"
	var err error
	l.secret, err = readSecret(c.secretFile)
	return l, err
}

// either returns the first text that is there, and its source.
func either(flag, flagName, variable, variableName string) (text, from string) {
	switch {
	case flag != "":
		return flag, flagName
	case variable != "":
		return variable, variableName
	}
	return "", ""
}

// kept returns the context that is asked for or in use, or else what "seagate dev" has
// left, or else nothing.
func (c Connection) kept() (layer, error) {
	all, err := readContexts()
	if err != nil {
		return layer{}, err
	}
	if name := cmp.Or(c.context, os.Getenv(envContext), all.Current); name != "" {
		found, err := all.find(name)
		if err != nil && c.context == "" && os.Getenv(envContext) != "" {
			err = usagef("%w (%s is set)", err, envContext)
		}
		return found, err
	}
	dev, err := devLayer()
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return dev, err
}

// devLayer returns what "seagate dev" has left. The error is an fs.ErrNotExist if there is
// nothing.
func devLayer() (layer, error) {
	dev, err := ReadCredentials(filepath.Join(devFolder(), CredentialsFile))
	if err != nil {
		return layer{}, err
	}
	const from = "`seagate dev`"
	return layer{url: dev.URL, id: dev.ClientID, secret: secret.New(dev.ClientSecret), context: devContext,
		urlFrom: from, idFrom: from, secretFrom: from}, nil
}

// complete completes what is given by what is kept.
func complete(given, kept layer) (layer, error) {
	t := given
	t.plain = given.plain || kept.plain && (given.url == "" || sameGateway(given.url, kept.url))
	t.lines = cmp.Or(given.lines, kept.lines)
	if given.url == "" || sameGateway(given.url, kept.url) {
		t.files = given.files.or(kept.files)
	}
	why := ""
	switch {
	case kept.url == "" || given.secret.IsSet():
	case given.id != "" && given.id != kept.id:
		why = fmt.Sprintf("%s has the secret of %s", kept.secretFrom, kept.id)
	case given.url != "" && !sameGateway(given.url, kept.url):
		why = fmt.Sprintf("the secret of %s is for %s alone", kept.secretFrom, kept.url)
	default:
		t.id, t.idFrom = kept.id, kept.idFrom
		t.secret, t.secretFrom = kept.secret, kept.secretFrom
	}
	if t.url == "" { // who connects does not change where to
		t.url, t.urlFrom = cmp.Or(kept.url, defaultURL), cmp.Or(kept.urlFrom, "default")
	}
	if t.urlFrom == kept.urlFrom || t.secretFrom == kept.secretFrom {
		t.context = kept.context
	}
	if t.id == "" || !t.secret.IsSet() {
		return t, t.missing(why)
	}
	return t, nil
}

// missing returns an error that says which of the credentials is missing.
func (t layer) missing(why string) error {
	what, have := "a client id: set "+envClient+" or --client", ""
	if !t.secret.IsSet() {
		what = "a client secret: set " + envSecret + " or --secret-file"
		if t.idFrom != "" {
			have = fmt.Sprintf("%s alone is not enough; ", t.idFrom)
		}
	} else {
		have = fmt.Sprintf("%s alone is not enough; ", t.secretFrom)
	}
	message := have + "connecting needs " + what + ", or name a context with --context, or start `seagate dev`, which leaves credentials in " + devFolder()
	if why != "" {
		message += " (" + why + ")"
	}
	return &errNoCredentials{message}
}

// String says which gateway and client are used, and where that was found.
func (t target) String() string {
	switch {
	case t.id == "":
		return fmt.Sprintf("%s (%s)", redacted(t.url), t.urlFrom)
	case t.urlFrom == t.idFrom:
		return fmt.Sprintf("%s as %s (%s)", redacted(t.url), t.id, t.urlFrom)
	}
	return fmt.Sprintf("%s (%s) as %s (%s)", redacted(t.url), t.urlFrom, t.id, t.idFrom)
}

// redacted returns a URL without the password that somebody has put into it. No gateway's has one.
func redacted(target string) string {
	if u, err := url.Parse(target); err == nil && u.User != nil {
		return u.Redacted()
	}
	return target
}

// isPlainRemote reports whether a secret would leave this machine without encryption.
func isPlainRemote(target string) bool {
	u, err := url.Parse(target)
	return err == nil && (u.Scheme == "http" || u.Scheme == "ws") && !config.IsLoopback(u.Hostname())
}

// maxSecretFile is more than any secret with white space around it, in bytes.
const maxSecretFile = 2 * protocol.MaxSecretBytes

// readSecret reads a secret from a file.
func readSecret(name string) (secret.Text, error) {
	if strings.HasPrefix(name, auth.SecretPrefix) {
		return secret.Text{}, usagef("a secret is no argument, since every user of this machine can read those: " +
			"put it into a file, and give the file's name")
	}
	text, err := readFile(name, maxSecretFile)
	if err != nil {
		return secret.Text{}, Usage(err)
	}
	trimmed := strings.TrimSpace(string(text))
	if trimmed == "" {
		return secret.Text{}, usagef("the file %s is empty: it should hold the client's secret", name)
	}
	return secret.New(trimmed), nil
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

// RemoveCredentials removes what SaveCredentials has written.
func RemoveCredentials(dir string) error {
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
