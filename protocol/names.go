package protocol

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"
)

// A nameRule says which punctuation one kind of name may contain, besides the
// letters, marks and digits of any script.
//
// Names appear in URL paths, HTTP Basic credentials, metrics, logs and storage
// keys. So they contain nothing that one of these splits, decodes or hides: no
// slash, percent sign, white space or control character, and no second spelling
// of the same text. "$" is reserved for names of the server itself.
type nameRule struct {
	kind        string
	punctuation string
}

var (
	streamNames    = nameRule{kind: "stream name", punctuation: "-_.~@+:"}
	serviceNames   = nameRule{kind: "service name", punctuation: "-_.~@+:"}
	procedureNames = nameRule{kind: "procedure name", punctuation: "-_.~@+:"}
	// No colon: in HTTP Basic it separates client id and secret (RFC 7617 §2).
	clientIDs = nameRule{kind: "client id", punctuation: "-_.~@+"}
	jailIDs   = nameRule{kind: "jail id", punctuation: "-_.~@+"}
)

// CheckStreamName returns nil if name is a valid stream name: 1 to MaxNameBytes
// bytes of UTF-8 in normalization form C, made of letters, marks and digits of
// any script and - _ . ~ @ + : and neither "." nor "..". Otherwise it returns an
// *Error (invalid_name) that says what is wrong and what is allowed.
func CheckStreamName(name string) error {
	if name == AuditStream { // the gateway decides who may use it
		return nil
	}
	return streamNames.check(name)
}

// CheckServiceName is CheckStreamName for names of services.
func CheckServiceName(name string) error { return serviceNames.check(name) }

// CheckServedName is CheckServiceName for what is served, called and watched. That
// may also be the address of a client: "#" and 26 letters and digits. The address
// stands alone, or after a service name and a colon, as in a topic space.
func CheckServedName(name string) error {
	start := strings.LastIndexByte(name, ':') + 1
	switch {
	case !isAddress(name[start:]):
		return CheckServiceName(name)
	case start == 0:
		return nil
	}
	return CheckServiceName(name[:start-1])
}

func isAddress(text string) bool {
	random, marked := strings.CutPrefix(text, "#")
	return marked && len(random) == addressLen && strings.Trim(random, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// addressLen is the length of the random part of an address: 130 bits in base 32.
const addressLen = 26

// CheckProcedureName is CheckStreamName for names of procedures.
func CheckProcedureName(name string) error { return procedureNames.check(name) }

// CheckClientID is CheckStreamName for client ids, which contain no colon.
func CheckClientID(id string) error { return clientIDs.check(id) }

// CheckJailID is CheckStreamName for jail ids, which contain no colon.
func CheckJailID(id string) error { return jailIDs.check(id) }

// CheckVisible returns nil if each character of a name can be seen. Otherwise it returns an
// *Error (invalid_name). It is for names that are new: two that look alike would be taken
// for each other. Names that exist already stay valid, whatever they contain.
func CheckVisible(name string) error {
	position := 0
	for _, char := range name {
		position++
		if unicode.In(char, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) {
			return Errorf(CodeInvalidName, "Invalid name: character %U at position %d cannot be seen.", char, position)
		}
	}
	return nil
}

// CheckMessageID returns nil if id is a valid message id: 1 to MaxMessageIDBytes
// bytes of UTF-8 without control characters. Otherwise it returns an *Error
// (invalid_request). The Idempotency-Key of an HTTP request is a message id.
func CheckMessageID(id string) error {
	if problem := messageIDProblem(id); problem != "" {
		return Errorf(CodeInvalidRequest, "A message id %s.", problem)
	}
	return nil
}

// Ungrouped is, in paths, the group of a client's subscriptions without a group
// id.
const Ungrouped = "ungrouped"

// ParseGroupID returns the id of a group in lower case, as in Subscribe.Group.
// If text is not a UUID in the 8-4-4-4-12 form, it returns an *Error
// (invalid_request).
func ParseGroupID(text string) (string, error) {
	id, ok := parseUUID(text)
	if !ok {
		return "", Errorf(CodeInvalidRequest, "A group id must be a UUID in the 8-4-4-4-12 form.")
	}
	return id, nil
}

// ParseGroupName is ParseGroupID for the name of a group as the API shows it: a UUID,
// behind "~" if the group is one of bearers of tokens.
func ParseGroupName(text string) (string, error) {
	id, isBearers := strings.CutPrefix(text, "~")
	name, err := ParseGroupID(id)
	if isBearers {
		name = "~" + name
	}
	return name, err
}

// parseUUID returns the UUID in lower case.
func parseUUID(text string) (string, bool) {
	id, err := uuid.Parse(text)
	// Parse also accepts URNs, braces and bare hex digits. They are longer or
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

// problem returns what is wrong with the name, "" if nothing is. It checks the
// length first, which bounds the cost of the rest.
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
	// A name with as many characters as bytes is ASCII, which has only one form.
	if position < len(name) && !norm.NFC.IsNormalString(name) {
		return "it must be in Unicode normalization form C, so that one name has one spelling"
	}
	return ""
}

func (r nameRule) allows(char rune) bool {
	if 'a' <= char|0x20 && char|0x20 <= 'z' || '0' <= char && char <= '9' {
		return true // nearly every one
	}
	return unicode.IsLetter(char) || unicode.IsDigit(char) || unicode.IsMark(char) ||
		strings.ContainsRune(r.punctuation, char)
}
