// Package forwarded finds the address of the client behind proxies that the operator
// trusts, from a header that they set. Anybody can send such a header, so it counts only
// as far as trusted proxies have written it.
package forwarded

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies are the networks of trusted proxies. The zero value trusts nobody.
type Proxies []netip.Prefix

// Parse reads a list of networks in CIDR notation and of single addresses.
func Parse(list []string) (Proxies, error) {
	var p Proxies
	for _, text := range list {
		network, err := parsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("a trusted proxy %w", err)
		}
		p = append(p, network)
	}
	return p, nil
}

// Check returns an error if a text is no network. The error continues a sentence that
// begins with what the network is for.
func Check(text string) error {
	_, err := parsePrefix(text)
	return err
}

func parsePrefix(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	network, err := netip.ParsePrefix(text)
	if err != nil || network != network.Masked() {
		return netip.Prefix{}, fmt.Errorf(`must be a network such as "10.0.0.0/8", or an address, not %q`, text)
	}
	return network, nil
}

// Contain reports whether the address is one of a proxy.
func (p Proxies) Contain(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	return slices.ContainsFunc(p, func(network netip.Prefix) bool { return network.Contains(addr) })
}

// The headers that a proxy may set.
const (
	XForwardedFor = "X-Forwarded-For"
	Forwarded     = "Forwarded" // RFC 7239
)

// Client returns the address of the client of a request that came from peer: the
// right-most one in the header that is not a proxy's. It returns peer if peer is no
// proxy, and the proxy that was reached last if it does not say where the request came
// from.
func (p Proxies) Client(peer netip.Addr, h http.Header, header string) netip.Addr {
	client := peer
	read := address
	if header == Forwarded {
		read = forwardedFor
	}
	hops := strings.Split(strings.Join(h.Values(header), ","), ",")
	for _, hop := range slices.Backward(hops) {
		if !p.Contain(client) {
			break
		}
		next, ok := read(strings.TrimSpace(hop))
		if !ok {
			break
		}
		client = next
	}
	return client
}

// forwardedFor reads the parameter for of an element of Forwarded (RFC 7239 §4). A
// quoted string with a comma in it is no address, and is not read as one.
func forwardedFor(element string) (netip.Addr, bool) {
	for pair := range strings.SplitSeq(element, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		if strings.EqualFold(name, "for") {
			if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
				value = value[1 : n-1]
			}
			return address(value)
		}
	}
	return netip.Addr{}, false
}

// address reads an address, which may have brackets and a port.
func address(text string) (netip.Addr, bool) {
	if at, err := netip.ParseAddrPort(text); err == nil {
		return at.Addr().Unmap().WithZone(""), true
	}
	if n := len(text); n > 2 && text[0] == '[' && text[n-1] == ']' {
		text = text[1 : n-1]
	}
	addr, err := netip.ParseAddr(text)
	return addr.Unmap().WithZone(""), err == nil
}
