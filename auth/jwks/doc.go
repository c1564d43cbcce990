// Package jwks fetches the JWK sets (RFC 7517) that clients have their public keys in, and lets a
// Directory adopt the keys.
//
// A set is at an https URL, or in a file of one folder. Tenants choose URLs, so what they can make the
// gateway ask for is bounded: hosts are those that the operator allows; an address is refused, at the
// moment of the connection, if it is not public, unless the operator allows its network; redirects and
// proxies are not followed; sizes and times have bounds.
//
// Each set is fetched again after an interval and, with growing pauses, after a failure. A failure
// changes nothing: the last keys stay, also over a restart, since the Directory has them. A token that
// names an unknown key makes its set be fetched earlier, at most once in each Options.Cooldown.
package jwks
