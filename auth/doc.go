// Package auth knows who may come in and what they may do: jails, their
// clients, the clients' secrets and token keys, and the principals that come
// of presenting them.
//
// # Tenancy
//
// A jail is a tenant. A client belongs to one jail, and its id means something
// only there: two jails may both have a client "backend", and nothing that one
// does with its own tells it of the other, or changes it. Jails and clients
// carry a uid, fresh every time one is created, and everything that is kept
// elsewhere on their behalf is kept under the uid: to delete a jail and create
// one of the same id resurrects nothing. The jail RootJailID is the operator's
// own; its clients alone create and delete jails.
//
// # Credentials
//
// Peers present a client id and a secret, or a client id and a token, and no
// jail. The jail follows from the credential:
//
//   - Generated secrets are "sea_" and 40 random bytes in base64url. The first
//     8 say which secret it is, the other 32 prove it. Only a SHA-256 digest
//     is kept. A slow hash would add nothing: it makes guessing dear where
//     there is something to guess, and nobody guesses one of 2^256.
//   - The root client's first secret may be the operator's own words. Those
//     can be guessed, so they are stretched with PBKDF2; what proved right
//     once is recognized by one HMAC from then on.
//   - Tokens are JWTs (RFC 7519) signed RS512 with the private half of the key
//     that the client registered. Among clients of one id in several jails,
//     the key that verifies decides. A key that such a client of another jail
//     holds already gives its second holder nothing: public keys are public,
//     and to register somebody's must not draw their bearers into one's own
//     jail. The second holder is not told, for it must not learn of the first;
//     if it is an honest twin it sees its tokens arrive in the first jail.
//
// A token says "exp" (required) and "nbf" as seconds, no leeway is
// given; "mustFanout", if there, is a boolean; "filter", if there, compiles.
// Other claims are ignored, duplicate ones refused. A bearer subscribes and
// does nothing else. See Principal.May.
//
// # Refusals
//
// Basic and Token fail with a *Refusal around ErrInvalidCredentials or
// ErrTooManyAttempts. What its Error says is for the peer and the same
// whichever half was wrong; its Reason and Cause are for the log. The unknown
// client and the wrong secret cost the same kind of work.
//
// Failures are limited per address (an IPv6 address counts as its /64) and per
// client id. Over the limit of its address, a peer is turned away before any
// work. Over the limit of a client id, what is right still passes, or anyone
// could lock a client out; except operator secrets that have not been seen
// right since the start. Their check is too dear to give away: one at a time,
// and when too many wait, ErrTooManyAttempts. EnsureRoot, at start, makes them
// seen. A token whose signature verifies proves that it was
// not guessed, so it is not counted when it is refused for another reason:
// a floor of browsers that wake up with expired tokens must not close the
// building's address.
//
// # Durability
//
// A change is durable before the method returns, and takes effect in memory
// only then. A change that fails in storage may have happened there: asked for
// again, it either happens or says how things stand. Changes are made one at a
// time; authentication never waits for one.
//
// # Revocation
//
// A change that ends credentials has ended them, and has told every OnRevoke
// function, before it returns. Whoever keeps something open on behalf of a
// principal registers it first and asks Current then; asked the other way
// round, a revocation that comes between is missed.
package auth
