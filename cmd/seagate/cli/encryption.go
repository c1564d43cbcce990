package cli

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"
	"github.com/spf13/cobra"
)

// The environment variables of encrypted backups. Both name files.
const (
	envRecipients = "SEAGATE_BACKUP_RECIPIENTS"
	envIdentity   = "SEAGATE_BACKUP_IDENTITY"
)

// recipients are who can open an encrypted backup; nil for one that is not encrypted.
type recipients []age.Recipient

// encryption is the flags that say for whom a backup is encrypted.
type encryption struct {
	recipients []string
	file       string
}

func (e *encryption) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVarP(&e.recipients, "recipient", "r", nil, "encrypt for `RECIPIENT` of age (age1…); may be given several times")
	flags.StringVarP(&e.file, "recipients-file", "R", "", "encrypt for the recipients in `FILE`, one a line [SEAGATE_BACKUP_RECIPIENTS]")
}

// maxRecipientsFile bounds a file of recipients or identities, in bytes.
const maxRecipientsFile = 1 << 20

// parse returns the recipients, none if the backup is not to be encrypted.
func (e *encryption) parse() (all recipients, err error) {
	// The errors repeat nothing of the texts, which may be secret keys by mistake.
	for i, text := range e.recipients {
		some, err := age.ParseRecipients(strings.NewReader(text))
		if err != nil {
			return nil, usagef("number %d of --recipient is no recipient of age: those begin with age1; `age-keygen -y` prints that of an identity", i+1)
		}
		all = append(all, some...)
	}
	name := cmp.Or(e.file, os.Getenv(envRecipients))
	if name == "" {
		return all, nil
	}
	text, err := readFile(name, maxRecipientsFile)
	if err != nil {
		return nil, Usage(err)
	}
	some, err := age.ParseRecipients(bytes.NewReader(text))
	if err != nil {
		return nil, usagef("%s is no file of recipients of age, one a line, which begin with age1", name)
	}
	return append(all, some...), nil
}

// encrypting returns a writer that encrypts to w for the recipients. It must be closed, which
// does not close w. Without recipients it writes to w as it is.
func encrypting(w io.Writer, to recipients) (io.WriteCloser, error) {
	if len(to) == 0 {
		return unencrypted{w}, nil
	}
	return age.Encrypt(w, to...)
}

type unencrypted struct{ io.Writer }

// Close implements io.Closer.
func (unencrypted) Close() error { return nil }

// A Decryption is the flag that names the identities that open an encrypted backup.
type Decryption struct{ file string }

// Register adds the flag to a command.
func (d *Decryption) Register(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&d.file, "identity-file", "i", "", "decrypt the backup with the identities of age in `FILE` [SEAGATE_BACKUP_IDENTITY]")
}

// ageBegin and armor.Header begin what age has encrypted.
const ageBegin = "age-encryption.org/"

// Reader returns the contents of a backup, decrypted if it is encrypted. The contents are complete
// only if the reader has come to io.EOF.
func (d *Decryption) Reader(from io.Reader) (io.Reader, error) {
	buffered := bufio.NewReader(from)
	begin, _ := buffered.Peek(len(armor.Header)) // reading returns an error again
	switch {
	case bytes.HasPrefix(begin, []byte(ageBegin)):
		return d.open(buffered)
	case bytes.HasPrefix(begin, []byte(armor.Header)):
		return d.open(armor.NewReader(buffered))
	}
	return buffered, nil
}

func (d *Decryption) open(from io.Reader) (io.Reader, error) {
	name := cmp.Or(d.file, os.Getenv(envIdentity))
	if name == "" {
		return nil, usagef("the backup is encrypted with age: name the file with an identity that opens it, with --identity-file or %s", envIdentity)
	}
	text, err := readFile(name, maxRecipientsFile)
	if err != nil {
		return nil, Usage(err)
	}
	identities, err := age.ParseIdentities(bytes.NewReader(text))
	if err != nil { // the cause may have a part of a secret key
		return nil, usagef("%s is no file of identities as age-keygen writes them, without a passphrase", name)
	}
	content, err := age.Decrypt(from, identities...)
	if _, none := errors.AsType[*age.NoIdentityMatchError](err); none {
		return nil, fmt.Errorf("no identity in %s opens the backup: it is encrypted for others", name)
	}
	if err != nil {
		return nil, fmt.Errorf("the backup is damaged: the header of its encryption cannot be read: %w", err)
	}
	return content, nil
}
