package protocol

import "github.com/go-json-experiment/json/jsontext"

// AuditStream is the stream of the root jail in which the gateway notes what
// administrators do. "$" keeps it apart from the streams that clients define.
const AuditStream = "$audit"

// AuditOK is the result of a change that was made. Any other result is the Code of the
// refusal.
const AuditOK = "ok"

// AuditByCommand is the By of an entry about a change that a command made to the data folder while
// the gateway was stopped.
const AuditByCommand = "command"

// An AuditEntry is a message of AuditStream. It has no secrets.
type AuditEntry struct {
	Time    string `json:"time"`             // RFC 3339, of the answer
	Action  string `json:"action"`           // such as "client created"
	Result  string `json:"result"`           // AuditOK or a Code
	Message string `json:"message,omitzero"` // of a refusal

	JailID   string `json:"jailId,omitzero"`   // of who did it; the gateway itself has none
	ClientID string `json:"clientId,omitzero"` // of who did it
	Address  string `json:"address,omitzero"`  // from which the client authenticated
	By       string `json:"by"`                // "secret", "token", "gateway" or AuditByCommand

	Subject string         `json:"subject,omitzero"` // what was changed: a client, a stream, ...
	Before  jsontext.Value `json:"before,omitzero"`  // what held before, as far as it may be shown
	After   jsontext.Value `json:"after,omitzero"`   // what holds now

	// Suppressed is how many entries of this jail were left out since its last one,
	// because the jail had reached its limit of entries a minute.
	Suppressed int `json:"suppressed,omitzero"`
}
