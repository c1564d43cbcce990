// Package config is the configuration of a gateway: every setting with its
// default and its range, and the sources that set it.
//
// # Sources
//
// A flag overrides an environment variable, a variable overrides the file, and
// the file overrides the default. Each value knows its source, which Origin,
// Explain and every error tell.
//
// # Strictness
//
// An unknown key in the file is an error with its line and the key that was
// probably meant. A typo that is ignored would be a setting that the operator
// believes in and does not have. An unknown environment variable that begins
// with SEAGATE_ is a warning only, because others than the operator set
// variables too. Variables that Kubernetes makes for a service called seagate
// are ignored.
//
// Load reports every problem that it finds, not only the first.
//
// # One table
//
// settings.go has each setting once: key, place in Config, default, range,
// documentation and flag. Default, Load, Validate, Reference and Explain follow
// it. What nobody can set is a constant in fixed.go.
//
// # Secrets
//
// The root client's credentials and the header for the collector of traces come
// from the environment only. Secrets are of the type secret.Text, which is
// "(hidden)" in all output.
//
// # Changes
//
// A Config does not change once it is loaded, and is safe for concurrent use
// from then on. Reload makes a new one of the Config in force and of one that
// was loaded later. The settings that can change while the gateway runs are
// marked in the table; everything else needs a restart.
package config
