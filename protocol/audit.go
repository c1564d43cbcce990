package protocol

import "github.com/go-json-experiment/json/jsontext"

// AuditStream is the stream of the root jail in which the gateway notes what
// administrators do. "$" keeps it apart from the streams that clients define.
const AuditStream = "$audit"

// AuditOK is the result of a change that was made. Any other result is the Code of the
// refusal.
const AuditOK = "ok"

// AuditByCommand is who did what a command did to the data folder of a gateway that was stopped.
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
	Before  jsontext.Value `json:"before,omitzero"`  // what held before, as far as that is told
	After   jsontext.Value `json:"after,omitzero"`   // what holds now

	// Suppressed is how many entries of this jail were left out since its last one,
	// because it had as many in a minute as it may have.
	Suppressed int `json:"suppressed,omitzero"`
}
