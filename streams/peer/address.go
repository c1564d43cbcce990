package peer

import (
	"crypto/rand"
	"strings"
)

// An Address identifies a client. It is random, so it is never used twice, not
// even after a restart or on another machine, and cannot be guessed. As text it
// is the name of a service, see Endpoint.
type Address string

// addressMark begins all addresses, and is in no name of a service.
const addressMark = "#"

// NewAddress returns a fresh address.
func NewAddress() Address { return Address(addressMark + rand.Text()) }

// IsAddress reports whether the name of a service is an address.
func IsAddress(service string) bool { return strings.HasPrefix(service, addressMark) }

// addressIn returns the address in the name of a service: the name itself, or
// what follows the last colon, as in a topic space. It is "" if there is none.
func addressIn(service string) Address {
	if last := service[strings.LastIndexByte(service, ':')+1:]; IsAddress(last) {
		return Address(last)
	}
	return ""
}

// An Endpoint is a port of an address. Ports are chosen by the client that has
// the address.
type Endpoint struct {
	Address Address
	Port    string
}
