// Package config is what an operator may set: the values, their defaults and
// bounds, and the three places that they are read from.
//
// # Where a value comes from
//
// A flag wins over an environment variable, which wins over the file, which
// wins over the default. Each value remembers which of them it was; Origin,
// Explain and the text of every error say so.
//
// # Strictness
//
// A key that nobody knows is an error with its line and the key that was
// probably meant: a typo that is passed over in silence is a setting that an
// operator believes in and does not have. An environment variable that begins
// with SEAGATE_ and is not known is only a warning, because others than the
// operator put variables there; those that Kubernetes makes up for a service
// called seagate are passed over.
//
// Load reports every problem that it can find, not the first one.
//
// # One table
//
// Each section lists its settings once: key, documentation, bounds. Reading,
// checking, Reference and Explain all follow that list; Default alone holds
// the defaults.
//
// # Secrets
//
// The root client's credentials are read from the environment only. The secret
// prints as (hidden) however it is formatted, logged or marshalled.
//
// # Changing it
//
// A Config is read-only once loaded, and safe for concurrent use from then on.
// While the gateway runs, only the contents of the two files named in TLS are
// read again; everything else takes a restart.
package config
