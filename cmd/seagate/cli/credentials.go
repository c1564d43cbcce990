package cli

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/go-json-experiment/json"

	"seagate/cmd/seagate/config"
)

// Credentials is what `seagate dev` leaves in its data folder, so that the
// other commands work without being told anything.
type Credentials struct {
	URL          string `json:"url"`
	ClientID     string `json:"clientId"`
	ClientSecret string `json:"clientSecret"`
}

// CredentialsFile is the name of the file in the data folder. It holds a
// Credentials as JSON, and is for the eyes of its owner alone.
const CredentialsFile = "dev-credentials.json"

// maxCredentialsFile is far more than a CredentialsFile has.
const maxCredentialsFile = 16 << 10

// ReadCredentials reads a CredentialsFile. The error is an fs.ErrNotExist if
// there is none.
func ReadCredentials(path string) (Credentials, error) {
	data, err := readFile(path, maxCredentialsFile)
	if err != nil {
		return Credentials{}, err
	}
	var c Credentials
	// The cause is left out: it might show a part of the secret.
	if json.Unmarshal(data, &c) != nil || c.URL == "" || c.ClientID == "" || c.ClientSecret == "" {
		return Credentials{}, fmt.Errorf("%s is damaged: it should have url, clientId and clientSecret", path)
	}
	return c, nil
}

// devFolder is the data folder of `seagate dev`.
func devFolder() string {
	return cmp.Or(os.Getenv("SEAGATE_DATA_DIR"), config.Development().DataDir)
}

func devCredentials() (Credentials, error) {
	return ReadCredentials(filepath.Join(devFolder(), CredentialsFile))
}

// readFile reads a file of at most so many bytes.
func readFile(name string, most int64) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readAll(file, name, most)
}

// readAll reads at most so many bytes, to the end. The name is for the error.
func readAll(r io.Reader, name string, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("%s has more than %d bytes", name, most)
	}
	return data, nil
}
