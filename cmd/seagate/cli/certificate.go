package cli

import (
	"cmp"
	"crypto/tls"

	"github.com/spf13/cobra"
)

// The environment variables that name the files of a client certificate.
const (
	envCertificate = "SEAGATE_CLIENT_CERT"
	envKey         = "SEAGATE_CLIENT_KEY"
)

// A certificateFiles names the certificate that the commands present to a gateway, or to a proxy before
// it, that asks for one (mutual TLS), and its key. Both are PEM. The zero value names none.
type certificateFiles struct{ cert, key string }

func (f *certificateFiles) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.cert, "client-cert", "", "present the certificate in `FILE` to a gateway that asks for one [SEAGATE_CLIENT_CERT]")
	flags.StringVar(&f.key, "client-key", "", "`FILE` of the certificate's private key; without it, it is in that of the certificate [SEAGATE_CLIENT_KEY]")
}

// or returns the files, or the others if there are none.
func (f certificateFiles) or(others certificateFiles) certificateFiles {
	if f.cert == "" && f.key == "" {
		return others
	}
	return f
}

// config returns a configuration that presents the certificate, nil if there is none. Authorities are
// those of the system.
func (f certificateFiles) config() (*tls.Config, error) {
	if f.cert == "" {
		if f.key != "" {
			return nil, usagef("--client-key, or %s, is for a certificate: name that too, with --client-cert or %s", envKey, envCertificate)
		}
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(f.cert, cmp.Or(f.key, f.cert))
	if err != nil {
		return nil, usagef("the client certificate %s cannot be used: %w", f.cert, err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}, nil
}
