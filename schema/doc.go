// Package schema says what the messages of a stream look like, and checks them.
// It reads definitions and messages, and compares versions. It stores nothing.
//
// # Definitions
//
// ParseDefinition reads a definition and reports everything that is wrong with it
// at once. A parsed definition never changes. Unknown keys are ignored, because
// deployed clients send some, unless they look like a misspelling of a known key.
// Two keys are extensions of stream-sea: "optional" of a field, and
// "unknownFields" ("accept" or "refuse") of the definition, which applies to all
// of its levels.
//
// Versions are compared part by part as numbers, so that 1, "1" and "1.0.0" are
// the same version. They are printed as they were given.
//
// # Messages
//
// Schema.Check reads and checks a message. A walk over its text accepts nearly
// all that match, at the cost of reading them once.
//
// What the walk does not accept is read by Decode, strictly: what it accepts means
// the same to every reader of JSON. A Validator, compiled once per definition, then
// checks the message and reports everything that is wrong with it, each with its
// place. A differential fuzz test holds that the walk accepts nothing that these
// refuse.
//
// Two checks of the Validator decide together. The judge is the definition as a JSON Schema,
// compiled by santhosh-tekuri/jsonschema; it sees numbers as doubles. The
// explainer reads the text of the message beside the definition; it words the
// refusals, and sees digits that a double loses. In everything else the two must
// agree, which a differential fuzz test checks. The judge is not asked if its
// answer would cost too much for the size of the message; see maxJudgeWork.
package schema
