package app

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"seagate/cmd/seagate/config"
)

// certificateAge is the time after which the files of a certificate are checked for
// changes.
const certificateAge = time.Second

// A certificate is read from its files, and again when they change. If the files
// cannot be read, that is logged, and the previous certificate stays in use.
type certificate struct {
	log *slog.Logger

	mu      sync.Mutex // guards what follows
	files   config.TLS
	current *tls.Certificate
	stamp   fileStamp
	checked time.Time
}

// A fileStamp changes when one of the files does.
type fileStamp struct {
	cert, key         time.Time
	certSize, keySize int64
}

// CheckTLS returns an error if the files are not a certificate and its key.
func CheckTLS(files config.TLS) error {
	_, _, err := readCertificate(files)
	return err
}

// CheckValidity returns an error if the files are not a certificate and its key, or if the
// certificate is not valid now.
func CheckValidity(files config.TLS) error {
	pair, _, err := readCertificate(files)
	if err != nil {
		return err
	}
	if err := checkValidity(pair.Leaf, time.Now()); err != nil {
		return fmt.Errorf("tls.cert_file: %s: %w", files.CertFile, err)
	}
	return nil
}

// checkValidity returns an error if clients refuse the certificate at a time.
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

// warnOfExpiry logs that clients refuse the certificate. The gateway serves it all the
// same: a wrong clock of this machine must not keep it down.
func (c *certificate) warnOfExpiry(pair *tls.Certificate) {
	if err := checkValidity(pair.Leaf, time.Now()); err != nil {
		c.log.Warn("the certificate is not valid", "file", c.files.CertFile, "error", err)
	}
}

// config returns the configuration of a listener that presents the certificate.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.get() },
	}
}

// use reads the certificate from other files, or from the same ones again. After an
// error the previous certificate stays in use.
func (c *certificate) use(files config.TLS) error {
	pair, stamp, err := readCertificate(files)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.files, c.current, c.stamp, c.checked = files, pair, stamp, time.Now()
	c.warnOfExpiry(pair)
	return nil
}

func readCertificate(files config.TLS) (*tls.Certificate, fileStamp, error) {
	stamp, err := stampOf(files)
	if err != nil {
		return nil, stamp, fmt.Errorf("tls.cert_file, tls.key_file: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(files.CertFile, files.KeyFile)
	if err != nil {
		return nil, stamp, fmt.Errorf("tls.cert_file, tls.key_file: %w", err)
	}
	return &pair, stamp, nil
}

func (c *certificate) get() (*tls.Certificate, error) {
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
	pair, err := tls.LoadX509KeyPair(c.files.CertFile, c.files.KeyFile)
	if err != nil {
		return err
	}
	if c.current != nil {
		c.log.Info("certificate read again", "file", c.files.CertFile)
	}
	c.current, c.stamp = &pair, stamp
	c.warnOfExpiry(&pair)
	return nil
}

func stampOf(files config.TLS) (s fileStamp, err error) {
	cert, err := os.Stat(files.CertFile)
	if err != nil {
		return s, err
	}
	key, err := os.Stat(files.KeyFile)
	if err != nil {
		return s, err
	}
	return fileStamp{cert.ModTime(), key.ModTime(), cert.Size(), key.Size()}, nil
}
