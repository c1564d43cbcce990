package protocol

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// nameRule is what one kind of name may be made of, besides the letters,
// marks and digits of any script.
//
// Names travel in URL paths, in HTTP Basic credentials, in metrics, logs and
// storage keys. So there is nothing in them that one of these would split,
// decode or hide: no slash, percent sign, white space or control character,
// and no second spelling of the same text. "$" is kept for the server's own.
type nameRule struct {
	kind        string
	punctuation string
}

var (
	streamNames = nameRule{kind: "stream name", punctuation: "-_.~@+:"}
	// No colon: HTTP Basic separates client id and secret there (RFC 7617 §2).
	clientIDs = nameRule{kind: "client id", punctuation: "-_.~@+"}
	jailIDs   = nameRule{kind: "jail id", punctuation: "-_.~@+"}
)

// CheckStreamName returns nil if a stream may have that name, and otherwise
// an *Error (invalid_name) that says which character is wrong and which are
// right: 1 to 255 bytes of UTF-8 in normalization form C, letters, marks and
// digits of any script and - _ . ~ @ + : and neither "." nor "..".
func CheckStreamName(name string) error { return streamNames.check(name) }

// CheckClientID is CheckStreamName for client ids, which have no colon.
func CheckClientID(id string) error { return clientIDs.check(id) }

// CheckJailID is CheckStreamName for jail ids, which have no colon.
func CheckJailID(id string) error { return jailIDs.check(id) }

func (r nameRule) check(name string) error {
	if problem := r.problem(name); problem != "" {
		return Errorf(CodeInvalidName, "Invalid %s: %s.", r.kind, problem)
	}
	return nil
}

// problem returns what is wrong with the name, "" if nothing is. It looks at
// the length first, so the cost of the rest is bounded.
func (r nameRule) problem(name string) string {
	switch {
	case name == "":
		return "it must not be empty"
	case len(name) > MaxNameBytes:
		return fmt.Sprintf("it has %d bytes and at most %d are allowed", len(name), MaxNameBytes)
	case !utf8.ValidString(name):
		return "it must be valid UTF-8"
	case name == "." || name == "..":
		return "\".\" and \"..\" have a meaning of their own in paths"
	}
	position := 0
	for _, char := range name {
		position++
		if !r.allows(char) {
			return fmt.Sprintf("character %q at position %d is not allowed; allowed are letters, marks and digits of any script and %s",
				char, position, strings.Join(strings.Split(r.punctuation, ""), " "))
		}
	}
	// As many characters as bytes is ASCII, which has only one form.
	if position < len(name) && !norm.NFC.IsNormalString(name) {
		return "it must be in Unicode normalization form C, so that one name has one spelling"
	}
	return ""
}

func (r nameRule) allows(char rune) bool {
	return unicode.IsLetter(char) || unicode.IsDigit(char) || unicode.IsMark(char) ||
		strings.ContainsRune(r.punctuation, char)
}
