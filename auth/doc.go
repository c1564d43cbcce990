// Package auth knows who may connect and what they may do: jails, their clients, the clients'
// secrets and public keys, and the principals that authenticate with them.
//
// # Tenancy
//
// A jail is a tenant. A client belongs to one jail, and its id is unique only there: two jails
// may both have a client "backend", and neither learns of the other or can change it. Jails and
// clients have a uid, which is new each time one is created. Other packages keep what belongs to
// a jail or client under its uid, so a jail that is created under the id of a deleted one finds
// nothing of it. The jail RootJailID is the operator's own. Only its clients create and delete
// jails.
//
// # Credentials
//
// A peer presents a client id with a secret or a token, and no jail. The credential determines
// the jail:
//
//   - A generated secret is "sea_" and 40 random bytes in base64url. The first 8 bytes identify
//     the secret, the other 32 prove it. Only a SHA-256 digest is stored. A slow hash would
//     add nothing, since nobody guesses one of 2^256 values.
//   - The operator may choose the first secret of the root client, and import the secrets of
//     others (Import). A chosen secret can be guessed, so it is stretched with PBKDF2. Once it
//     was verified, this process recognizes it by one HMAC. At most MaxChosenPerID clients of
//     one id have a chosen secret, which bounds what an attempt costs.
//   - A token is a JWT (RFC 7519), signed RS512 with the private half of a key that the client
//     registered. A client may have several keys, with names (kid) and ends; package jwks fetches
//     those of clients that have them at a URL. If several jails
//     have a client of the same id, the key that verifies the token determines the jail.
//     Public keys are public, and a jail that registers the key of someone else must not get
//     their bearers. So a key that a client of another jail holds is registered only with a proof
//     of its private half (ProveKey); then it is taken from a holder that has not proven it. Two
//     that have proven it share it, and tokens that name no jail enter that of the first.
//
// The claims of a token: "exp" is required and "nbf" is optional, both in seconds and without
// leeway; "mustFanout" is an optional boolean; "filter" is an optional FDSL tree, which must
// compile; "streams" and "publish" are optional lists of patterns; "fetch" is an optional list of
// procedures of services; "jti" names a token, which RevokeToken revokes alone; "iat", "aud" and "iss"
// are checked where TokenRules ask for it. Other claims are ignored. A duplicate claim refuses the
// token.
//
// # Rights
//
// A client has all rights, or those of its Rights. The bearer of a token has those of its client
// that the claims leave: it may only subscribe, publish to what "publish" lists, and call what
// "fetch" lists. Principal.May and Principal.MayFetch decide. Wider rights hold at once, also for
// principals that there are; narrower ones revoke them.
//
// # Refusals
//
// Basic and Token fail with a *Refusal, which wraps ErrInvalidCredentials,
// ErrTokenExpired or ErrTooManyAttempts.
// Error is safe to show to the peer and does not say which half was wrong. Reason and Cause are
// for the log. An unknown client costs as much work as a wrong secret.
//
// Failures are limited per address (per /64 of IPv6) and per client id. Over a limit, wrong
// credentials are refused with ErrTooManyAttempts, and right ones still pass, or anyone could lock
// out a client, or all clients behind one address. The exception is a chosen secret that this
// process has not verified yet, since verifying it is slow: over the limit of its address, or of
// its client id if its address has failed in the last hour, it is refused. One is verified at a
// time, those first whose addresses have failed the least in the last hour, and after a wrong one
// nothing is verified for a while. So guesses take a third of a core at most, from however many
// addresses, and do not keep waiting whoever has not failed. EnsureRoot verifies the root client's
// secret at start.
//
// A refusal takes Options.RefusalTime, so that the time does not tell which ids exist.
//
// A token with a valid signature was not guessed, so its refusal for another reason does not
// count: many browsers behind one address may present expired tokens after a night, and must
// not get that address refused.
//
// # Durability
//
// A change is durable before the method returns, and takes effect in memory after it is durable.
// A change that fails in storage may have happened there: repeating it either makes it or
// returns how things stand. Changes run one at a time. Authentication never waits for one.
//
// # Revocation
//
// A change that revokes credentials has told every OnRevoke function before the method returns,
// and Principal.Current is false by then. A caller that keeps something open for a principal
// registers it first and calls Current afterwards. In the other order it misses a revocation in
// between.
//
// A revocation is final: when the method returns, nothing is being made with the credentials any
// more, and nothing will be. Changes of the directory check that themselves if they are called
// through By. Everything else that a principal makes is put between Principal.Begin and Change.End,
// and the method waits for what has begun.
package auth
