package protocol

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
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

// CheckMessageID returns nil if a message may be published under that id, and
// otherwise an *Error (invalid_request): 1 to MaxMessageIDBytes bytes of UTF-8
// without control characters. The Idempotency-Key of an HTTP request is one.
func CheckMessageID(id string) error {
	if problem := messageIDProblem(id); problem != "" {
		return Errorf(CodeInvalidRequest, "A message id %s.", problem)
	}
	return nil
}

// Ungrouped stands in paths for the group of a client's subscriptions that name
// none.
const Ungrouped = "ungrouped"

// ParseGroupID returns the id of a group as Subscribe.Group has it. The error
// is an *Error (invalid_request): it is no UUID in the 8-4-4-4-12 form.
func ParseGroupID(text string) (string, error) {
	id, ok := parseUUID(text)
	if !ok {
		return "", Errorf(CodeInvalidRequest, "A group id must be a UUID in the 8-4-4-4-12 form.")
	}
	return id, nil
}

// parseUUID returns the UUID in lower case.
func parseUUID(text string) (string, bool) {
	id, err := uuid.Parse(text)
	// Parse also takes URNs, braces and bare hex digits, which are longer or
	// shorter than the one form that clients may send.
	if err != nil || len(text) != len("00000000-0000-0000-0000-000000000000") {
		return "", false
	}
	return id.String(), true
}

// messageIDProblem returns what is wrong with the id, "" if nothing is.
func messageIDProblem(id string) string {
	switch {
	case id == "":
		return mustBeString
	case len(id) > MaxMessageIDBytes:
		return fmt.Sprintf("must have at most %d bytes", MaxMessageIDBytes)
	case !utf8.ValidString(id):
		return "must be valid UTF-8"
	case strings.ContainsFunc(id, unicode.IsControl):
		return "must have no control characters"
	}
	return ""
}

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
