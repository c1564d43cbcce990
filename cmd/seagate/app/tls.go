package app

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"

	"seagate/cmd/seagate/config"
)

// certificateAge is the time after which the files of a certificate are checked for
// changes.
const certificateAge = time.Second

// A certificate is read from its files, and again when they change, together with the
// authorities of clients. If the files cannot be read, that is logged, and what was read
// before stays in use.
type certificate struct {
	log    *slog.Logger
	issued issued           // the source of a certificate without files, or nil
	cache  *certmagic.Cache // what it has, or nil

	mu      sync.Mutex // guards what follows
	files   config.TLS
	current *tls.Config
	stamp   fileStamp
	checked time.Time
}

// A fileStamp changes when one of the files does.
type fileStamp struct {
	cert, key, ca             time.Time
	certSize, keySize, caSize int64
}

// issued returns the certificate for a handshake.
type issued func(*tls.ClientHelloInfo) (*tls.Certificate, error)

// CheckTLS returns an error if the files are not a certificate and its key, or if a file of
// authorities has no certificates. It finds all that is wrong.
func CheckTLS(files config.TLS) error {
	return checkTLS(files, func(tls.Certificate) error { return nil })
}

// checkTLS is CheckTLS with a further check of the certificate.
func checkTLS(files config.TLS, further func(tls.Certificate) error) error {
	var problems []error
	if !files.ByACME() {
		pair, err := certificateOf(files)
		if err == nil {
			err = further(pair)
		}
		problems = append(problems, err)
	}
	if files.ClientCA != "" {
		_, err := authorities("tls.client_ca", files.ClientCA)
		problems = append(problems, err)
	}
	if files.ACMECA != "" {
		_, err := authorities("tls.acme_ca", files.ACMECA)
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

func certificateOf(files config.TLS) (tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(files.CertFile, files.KeyFile)
	if err != nil {
		return pair, fmt.Errorf("tls.cert_file, tls.key_file: %w", err)
	}
	return pair, nil
}

// loadTLS reads the files. Whoever presents a certificate of the authorities still has to
// authenticate: the certificate names nobody.
func loadTLS(files config.TLS, issued issued) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: issued}
	if !files.ByACME() {
		pair, err := certificateOf(files)
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{pair}
	}
	if files.ClientCA == "" {
		return c, nil
	}
	var err error
	if c.ClientCAs, err = authorities("tls.client_ca", files.ClientCA); err != nil {
		return nil, err
	}
	c.ClientAuth = tls.RequireAndVerifyClientCert
	if files.ClientAuth == config.AcceptCertificate {
		c.ClientAuth = tls.VerifyClientCertIfGiven
	}
	return c, nil
}

// authorities reads the certificates that the setting names.
func authorities(setting, file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s: %s has no certificate in PEM", setting, file)
	}
	return pool, nil
}

// CheckValidity is CheckTLS, and returns an error if the certificate is not valid now, too.
func CheckValidity(files config.TLS) error {
	return checkTLS(files, func(pair tls.Certificate) error {
		if err := checkValidity(pair.Leaf, time.Now()); err != nil {
			return fmt.Errorf("tls.cert_file: %s: %w", files.CertFile, err)
		}
		return nil
	})
}

// checkValidity returns an error if clients refuse the certificate at the time now.
func checkValidity(leaf *x509.Certificate, now time.Time) error {
	switch {
	case now.After(leaf.NotAfter):
		return fmt.Errorf("the certificate expired at %s, so clients refuse it: renew it", leaf.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(leaf.NotBefore):
		return fmt.Errorf("the certificate is not valid before %s, so clients refuse it: look at the clock of this machine, or get another one",
			leaf.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

// warnOfExpiry logs if clients refuse the certificate. The gateway uses it nevertheless:
// a wrong clock of this machine must not keep the gateway from starting.
func (c *certificate) warnOfExpiry() {
	if c.files.ByACME() {
		return
	}
	if err := checkValidity(c.current.Certificates[0].Leaf, time.Now()); err != nil {
		c.log.Warn("the certificate is not valid", "file", c.files.CertFile, "error", err)
	}
}

// certificateExpiry returns when the certificate that is served expires, if there is one.
func (a *App) certificateExpiry() (t time.Time, served bool) {
	switch {
	case a.certificate == nil:
		return t, false
	case a.certificate.cache != nil:
		return a.issuedExpiry()
	}
	current, err := a.certificate.get()
	if err != nil {
		return t, false
	}
	return current.Certificates[0].Leaf.NotAfter, true
}

// config returns the configuration of a listener that presents the certificate, and
// speaks the protocols.
func (c *certificate) config(protocols ...string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: protocols,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			// The authority does not ask the lines listener, which names no protocols.
			if c.issued != nil && len(protocols) > 0 && slices.Equal(hello.SupportedProtos, []string{acmeProtocol}) {
				// This is the authority, which presents no client certificate.
				return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{acmeProtocol}, GetCertificate: c.issued}, nil
			}
			current, err := c.get()
			if err != nil {
				return nil, err
			}
			current = current.Clone()
			current.NextProtos = protocols
			return current, nil
		},
	}
}

// use reads the certificate from other files, or from the same ones again. After an
// error the previous certificate stays in use.
func (c *certificate) use(files config.TLS) error {
	stamp, err := stampOf(files)
	if err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	loaded, err := loadTLS(files, c.issued)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.files, c.current, c.stamp, c.checked = files, loaded, stamp, time.Now()
	c.warnOfExpiry()
	return nil
}

func (c *certificate) get() (*tls.Config, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current != nil && time.Since(c.checked) < certificateAge {
		return c.current, nil
	}
	c.checked = time.Now()
	if err := c.refreshLocked(); err != nil {
		if c.current == nil {
			return nil, err
		}
		c.log.Error("the certificate could not be read again; the old one stays in use", "error", err)
	}
	return c.current, nil
}

func (c *certificate) refreshLocked() error {
	stamp, err := stampOf(c.files)
	if err != nil || c.current != nil && stamp == c.stamp {
		return err
	}
	loaded, err := loadTLS(c.files, c.issued)
	if err != nil {
		return err
	}
	if c.current != nil {
		c.log.Info("certificate read again", "file", c.files.CertFile)
	}
	c.current, c.stamp = loaded, stamp
	c.warnOfExpiry()
	return nil
}

func stampOf(files config.TLS) (s fileStamp, err error) {
	for _, file := range []struct {
		name string
		time *time.Time
		size *int64
	}{
		{files.CertFile, &s.cert, &s.certSize},
		{files.KeyFile, &s.key, &s.keySize},
		{files.ClientCA, &s.ca, &s.caSize},
	} {
		if file.name == "" {
			continue
		}
		info, err := os.Stat(file.name)
		if err != nil {
			return s, err
		}
		*file.time, *file.size = info.ModTime(), info.Size()
	}
	return s, nil
}
