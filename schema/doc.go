// Package schema says what a stream's messages look like and checks them. It
// reads definitions and messages, compares versions, and keeps the history of
// every stream's definitions.
//
// # Definitions
//
// ParseDefinition reads a definition and reports everything that is wrong with
// it at once. A definition that has been parsed is never changed. Keys that it
// does not know are ignored, because deployed clients send some, unless they
// look like a misspelling of one that it does know. Two keys extend what
// deployed clients send: a field's "optional", and "unknownFields" ("accept"
// or "refuse") of the definition, which goes for all of its levels.
//
// Versions are compared part by part as numbers, so 1, "1" and "1.0.0" are the
// same version, and are printed as they were given.
//
// # Messages
//
// Decode reads a message strictly: what it takes means one thing to every
// reader of JSON. A Validator, compiled once per definition, then checks it
// and reports everything that is wrong, each with its place.
//
// Two readings decide together. The judge is the definition as a JSON Schema,
// compiled by santhosh-tekuri/jsonschema; it sees numbers as doubles. The
// explainer reads the message's text beside the definition; it words the
// refusals and sees digits that a double loses. They agree on everything else,
// which a differential fuzz test holds them to. The judge is not asked where
// its answer would cost out of proportion to the message; see maxJudgeWork.
//
// # Registry
//
// A Registry holds the definitions of all streams of all jails in memory and
// in storage.Records. Reading takes no lock. A definition is durable before
// Define returns it, and visible only then. Definitions of one stream are
// ordered by compare-and-set, so that several processes may share the records;
// each sees the writes of the others when it next writes to that stream.
package schema
