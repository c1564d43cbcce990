package protocol

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// A FilterExplanation says why a filter passes a message or hides it.
type FilterExplanation struct {
	Passes    bool        `json:"passes"`
	Steps     int         `json:"steps"`              // that the verdict took
	TooCostly bool        `json:"tooCostly,omitzero"` // limits.filter_steps did not suffice, so the message is hidden
	Root      *FilterNode `json:"root"`
	Omitted   int         `json:"omitted,omitzero"` // nodes that are left out, because an explanation is bounded
}

// A FilterNode is a node of a filter with its outcome.
type FilterNode struct {
	Type    string `json:"type"`    // as in the tree: "eq", "path", ...
	Text    string `json:"text"`    // the node in a readable notation, in a bounded length
	Outcome string `json:"outcome"` // "true", "false", "error", or "unknown" if it was too costly to find out

	// Decisive nodes determine the outcome of the root: with other outcomes of the others it would
	// be the same.
	Decisive bool `json:"decisive"`

	// Value is what the node stands for, if it is no connective: a scalar as JSON, in a bounded
	// length, or the words for an object or a list.
	Value  string `json:"value,omitzero"`
	Reason string `json:"reason,omitzero"` // why the outcome is not true; "" if the operands say everything

	Operands []*FilterNode `json:"operands,omitempty"`
}

// A FilterTrial is what a token or a filter means for a message.
type FilterTrial struct {
	Token  *TokenTrial        `json:"token,omitempty"`  // nil if there was a filter
	Filter *FilterExplanation `json:"filter,omitempty"` // nil without a filter or a message
}

// A TokenTrial is what there is to say about a token.
type TokenTrial struct {
	Valid   bool       `json:"valid"`            // the gateway would accept it now
	Reason  string     `json:"reason,omitempty"` // why not, or why the bearer may not read the stream
	Expires *time.Time `json:"expires"`          // nil if it is not valid

	// Header and Claims are what the token says, whether it is valid or not; null if they cannot be
	// read.
	Header jsontext.Value `json:"header"`
	Claims jsontext.Value `json:"claims"`

	// MayRead says whether the bearer may read the stream. It is nil if no stream was named, or the
	// token is not valid.
	MayRead      *bool    `json:"mayRead,omitempty"`
	FilterErrors []string `json:"filterErrors,omitempty"` // what is wrong with the filter of the token
}
