package client

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"seagate/internal/secret"
	"seagate/protocol"
)

// Credentials say who the client is. They print and log without the secret.
type Credentials = protocol.Credentials

// Secret is a text that prints, logs and marshals without its content.
type Secret = secret.Text

// Basic returns the credentials of a client that has a secret.
func Basic(clientID, clientSecret string) Credentials {
	return Credentials{Type: protocol.BasicCredentials, ClientID: clientID, Secret: secret.New(clientSecret)}
}

// JWT returns credentials with a token that the client has signed. They are for
// subscribing only. A token expires: Options.Token gives a fresh one to each connection.
func JWT(clientID, token string) Credentials {
	return Credentials{Type: protocol.JWTCredentials, ClientID: clientID, Secret: secret.New(token)}
}

// Options changes how a Client works. The zero value is right for most.
type Options struct {
	// HTTPClient makes the calls and the WebSocket handshakes. Nil is a client that
	// uses the proxy of the environment and the certificates of the system.
	// Redirects are always refused, since the credentials are for the first host.
	HTTPClient *http.Client
	// TLS configures the connections to an https gateway, for example to present a certificate.
	// It is for a Client without an HTTPClient.
	TLS *tls.Config
	// Token gives a fresh token to each connection that is made. It is for credentials of
	// JWT, whose own token may be "". If the gateway says that the token has expired,
	// Token is called once more. With it, Follow, FollowMany and FollowMerged move to
	// another connection before a token expires, if they can read from the token when it
	// does, and otherwise after the expiry. Several connections may call Token at a time. After an error
	// of Token, they try again later.
	Token func(context.Context) (string, error)
	// MessageBytes is the size of the largest WebSocket message that the client
	// accepts; 0 is 16 MiB. A larger one ends the connection.
	MessageBytes int
	// Silence is how long a gateway may answer nothing at all, when it is connected to or
	// asked something; 0 is no bound beyond those of HTTPClient. It does not end the wait
	// for an answer that takes long, if the gateway answers others meanwhile. Nor does it
	// end a Conn. After Silence, the error is a *SilenceError.
	Silence time.Duration
	// QueueBytes bounds the messages that wait in a Subscription; 0 is 4 MiB. A
	// single message may be larger.
	QueueBytes int
}

const (
	defaultMessageBytes = 16 << 20
	defaultQueueBytes   = 4 << 20
)

// A Client uses one gateway as one client id. It is safe for concurrent use.
type Client struct {
	base        *url.URL
	credentials Credentials
	http        *http.Client
	options     Options
}

// New returns a Client of the gateway at a URL such as http://127.0.0.1:3104 or
// https://example.com/gateway, with or without /api/v1. It does not connect yet. The error reports a wrong
// URL or wrong credentials.
func New(gateway string, credentials Credentials, options Options) (*Client, error) {
	base, err := parseBase(gateway)
	if err != nil {
		return nil, err
	}
	if err := checkCredentials(credentials, options.Token != nil); err != nil {
		return nil, err
	}
	options.MessageBytes = cmp.Or(options.MessageBytes, defaultMessageBytes)
	options.QueueBytes = cmp.Or(options.QueueBytes, defaultQueueBytes)
	return &Client{
		base:        base,
		credentials: credentials,
		http:        listeningTo(withoutRedirects(options.HTTPClient, options.TLS), options.Silence),
		options:     options,
	}, nil
}

// apiPath is the path below which the API lies.
const apiPath = "/api/v1"

// parseBase reads the gateway's URL. Its errors do not repeat the URL, which may
// contain a password.
func parseBase(gateway string) (*url.URL, error) {
	u, err := url.Parse(gateway)
	switch {
	case err != nil:
		return nil, errors.New("client: the gateway's URL cannot be read: give one like http://127.0.0.1:3104")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("client: the gateway's URL must begin with http:// or https://")
	case u.Hostname() == "":
		return nil, errors.New("client: the gateway's URL has no host")
	case u.User != nil:
		return nil, errors.New("client: credentials do not belong in the gateway's URL: give them as Credentials")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("client: the gateway's URL must have no query and no fragment")
	}
	// Documents show URLs of the API; the requests add this part themselves.
	for _, path := range []*string{&u.Path, &u.RawPath} {
		*path = strings.TrimSuffix(strings.TrimRight(*path, "/"), apiPath)
	}
	return u, nil
}

// checkCredentials reports credentials that no gateway accepts. renewed says that their token
// comes from Options.Token.
func checkCredentials(c Credentials, renewed bool) error {
	if c.Type != protocol.BasicCredentials && c.Type != protocol.JWTCredentials {
		return errors.New("client: the credentials have no type: make them with Basic or JWT")
	}
	if err := protocol.CheckClientID(c.ClientID); err != nil {
		return fmt.Errorf("client: %w", err)
	}
	if renewed {
		if c.Type != protocol.JWTCredentials {
			return errors.New("client: Options.Token is for credentials of JWT")
		}
		return nil
	}
	if c.Secret.Reveal() == "" {
		return errors.New("client: the credentials have no secret")
	}
	return nil
}

// responseTimeout is longer than a gateway takes for any answer. Most answers take 30 s
// at most, and that to a call of a service takes protocol.MaxCallTimeout at most.
const responseTimeout = protocol.MaxCallTimeout + time.Minute

// withoutRedirects returns a copy of the HTTP client, or of a default, that follows
// no redirects. A redirect would send bodies and WebSocket messages with secrets to
// another host.
func withoutRedirects(given *http.Client, encryption *tls.Config) *http.Client {
	var c http.Client
	if given != nil {
		c = *given
	} else {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost = transport.MaxIdleConns // there is only one host
		transport.ResponseHeaderTimeout = responseTimeout
		if encryption != nil {
			transport.TLSClientConfig = encryption.Clone()
		}
		c.Transport = transport
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}

// listeningTo makes c give up requests to a gateway that answers nothing at all.
func listeningTo(c *http.Client, silence time.Duration) *http.Client {
	if silence > 0 {
		if c.Transport == nil {
			c.Transport = http.DefaultTransport
		}
		c.Transport = listening{c.Transport, silence}
	}
	return c
}

// CloseIdleConnections closes connections that are kept for the next HTTP call. It
// does not affect Conns.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }

// String returns the gateway and the client id, without the secret.
func (c *Client) String() string {
	return fmt.Sprintf("%s as %s", c.base, c.credentials.ClientID)
}

// LogValue implements slog.LogValuer.
func (c *Client) LogValue() slog.Value {
	return slog.GroupValue(slog.String("gateway", c.base.String()), slog.Any("credentials", c.credentials))
}
