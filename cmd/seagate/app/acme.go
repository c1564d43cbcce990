package app

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
)

// acmeProtocol is the protocol in which an authority checks who controls a name (RFC 8737).
const acmeProtocol = "acme-tls/1"

// acmeFolder is where certificates and the account are kept, in the data folder.
const acmeFolder = "acme"

// prepareACME sets up what gets and renews the certificate. It connects to nobody yet.
func (a *App) prepareACME() error {
	settings := a.config.TLS
	directory := a.acmeDirectory()
	var roots *x509.CertPool // those of the system
	if settings.ACMECA != "" {
		var err error
		if roots, err = authorities("tls.acme_ca", settings.ACMECA); err != nil {
			return err
		}
	}
	host, port := "", 0
	if at, ok := a.public.Addr().(*net.TCPAddr); ok {
		port = at.Port
		if !at.IP.IsUnspecified() {
			host = at.IP.String()
		}
	}
	cache := certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return a.acme, nil },
		Logger:           zap.NewNop(),
	})
	a.certificate.cache = cache
	a.acme = certmagic.New(cache, certmagic.Config{
		Storage:            &certmagic.FileStorage{Path: filepath.Join(a.config.DataDir, acmeFolder)},
		DefaultServerName:  settings.ACMEDomains[0],
		FallbackServerName: settings.ACMEDomains[0],
		OnEvent:            a.acmeEvent,
		Logger:             zap.NewNop(),
	})
	a.acme.Issuers = []certmagic.Issuer{certmagic.NewACMEIssuer(a.acme, certmagic.ACMEIssuer{
		CA:                   directory,
		TestCA:               directory, // the second try goes there, too
		Email:                settings.ACMEEmail,
		Agreed:               true,
		DisableHTTPChallenge: true, // nothing listens on port 80
		ListenHost:           host,
		AltTLSALPNPort:       port, // where the public listener answers
		TrustedRoots:         roots,
		Logger:               zap.NewNop(),
	})}
	a.onClose(cache.Stop)
	return nil
}

// acmeDirectory returns the URL of the authority's directory (RFC 8555 §7.1.1).
func (a *App) acmeDirectory() string {
	return cmp.Or(a.config.TLS.ACMEDirectory, certmagic.LetsEncryptProductionCA)
}

// beginACME begins to get the certificate, unless the data folder has it, and to renew it in time. It
// does not wait for the certificate. Handshakes fail until it is there.
func (a *App) beginACME() {
	if a.acme == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	a.onClose(cancel)
	if err := a.acme.ManageAsync(ctx, a.config.TLS.ACMEDomains); err != nil {
		a.log.Error("the certificate cannot be asked for", "domains", a.config.TLS.ACMEDomains, "error", err)
	}
	if at, ok := a.public.Addr().(*net.TCPAddr); ok && at.Port != 443 {
		a.log.Info("the authority connects to port 443 of each domain", "domains", a.config.TLS.ACMEDomains,
			"advice", fmt.Sprintf("forward that port, as it is, to port %d of this machine", at.Port))
	}
}

// issuedExpiry returns when the first of the certificates expires that are served for the names.
func (a *App) issuedExpiry() (first time.Time, served bool) {
	for _, name := range a.config.TLS.ACMEDomains {
		var last time.Time // a renewed one is served
		for _, c := range a.certificate.cache.AllMatchingCertificates(strings.ToLower(name)) {
			if c.Leaf != nil && c.Leaf.NotAfter.After(last) {
				last = c.Leaf.NotAfter
			}
		}
		if !last.IsZero() && (!served || last.Before(first)) {
			first, served = last, true
		}
	}
	return first, served
}

// acmeEvent logs what happens to the certificate.
func (a *App) acmeEvent(_ context.Context, event string, data map[string]any) error {
	switch event {
	case "cert_obtained":
		a.log.Info("certificate issued", "domain", data["identifier"], "renewal", data["renewal"])
	case "cert_failed":
		a.log.Error("the certificate could not be issued; it is tried again", "domain", data["identifier"], "renewal", data["renewal"],
			"authority", a.acmeDirectory(), "error", strings.TrimSpace(fmt.Sprint(data["error"])), "advice",
			"the authority (tls.acme_directory) must be reachable, and port 443 of the domain must lead to this gateway; see \"no certificate is issued\" in docs/troubleshooting.md")
	}
	return nil
}
