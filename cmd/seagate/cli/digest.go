package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"seagate/internal/durable"
)

// DigestSuffix is the suffix of the file beside a backup that has its SHA-256, as sha256sum
// writes and checks it.
const DigestSuffix = ".sha256"

func writeDigest(backup string, sum []byte) error {
	line := fmt.Sprintf("%x  %s\n", sum, filepath.Base(backup))
	return durable.Replace(backup+DigestSuffix, []byte(line))
}

// maxDigestFile is more than a file with a digest has, in bytes.
const maxDigestFile = 4 << 10

// ReadDigest returns the SHA-256 in the file beside a backup, or nil if there is none.
func ReadDigest(backup string) ([]byte, error) {
	text, err := readFile(backup+DigestSuffix, maxDigestFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	sum, err := hex.DecodeString(first)
	if err != nil || len(sum) != sha256.Size {
		return nil, fmt.Errorf("%s is damaged: it should begin with the SHA-256 of the backup; remove it to restore without a check", backup+DigestSuffix)
	}
	return sum, nil
}
