package protocol

import (
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// A ServedCall is a call as its server receives it.
type ServedCall struct {
	Number    int64 // of this call among those of the connection
	Procedure string
	Body      []byte // raw JSON
	ClientID  string // of the caller
	Address   string // of the caller; "" if the server did not ask for it
	Timeout   time.Duration
}

// AppendCall appends the message that hands a call to a server. The id is that
// of the serve request.
//
//	{"id":4,"action":"serve","call":71,"procedure":"quote","payload":{...},"caller":{"clientId":"web"},"timeout":29.99}
func AppendCall(dst []byte, id int64, c ServedCall) []byte {
	dst = appendServed(dst, id)
	dst = strconv.AppendInt(append(dst, `,"call":`...), c.Number, 10)
	dst = appendTaken(dst, c.Procedure, c.Body, c.ClientID, c.Address)
	dst = appendSeconds(append(dst, `,"timeout":`...), c.Timeout)
	return append(dst, '}')
}

// AppendCallCancelled appends the message that tells a server of a call that
// nobody waits for any more. The reason is "timeout", "caller_gone" or
// "cancelled".
//
//	{"id":4,"action":"serve","call":72,"cancelled":"caller_gone"}
func AppendCallCancelled(dst []byte, id, call int64, reason string) []byte {
	dst = strconv.AppendInt(append(appendServed(dst, id), `,"call":`...), call, 10)
	return append(appendText(dst, `,"cancelled":`, reason), '}')
}

// AppendSignalled appends the message that hands a signal to a server.
//
//	{"id":4,"action":"serve","signal":true,"procedure":"reload","payload":{...},"caller":{"clientId":"web"}}
func AppendSignalled(dst []byte, id int64, procedure string, body []byte, clientID, address string) []byte {
	dst = append(appendServed(dst, id), `,"signal":true`...)
	return append(appendTaken(dst, procedure, body, clientID, address), '}')
}

func appendServed(dst []byte, id int64) []byte {
	return appendText(AppendDeliveryHead(dst, id), `,"action":`, ActionServe)
}

func appendTaken(dst []byte, procedure string, body []byte, clientID, address string) []byte {
	dst = appendText(dst, `,"procedure":`, procedure)
	dst = append(append(dst, `,"payload":`...), body...)
	dst = appendText(dst, `,"caller":{"clientId":`, clientID)
	if address != "" {
		dst = appendText(dst, `,"address":`, address)
	}
	return append(dst, '}')
}

// AppendResult appends the message that brings a result, or a part of it, to the
// caller. The id is that of the fetch request.
//
//	{"id":6,"action":"fetch","result":{...}}
//	{"id":6,"action":"fetch","result":{...},"done":true}
func AppendResult(dst []byte, id int64, result []byte, done bool) []byte {
	dst = appendText(AppendDeliveryHead(dst, id), `,"action":`, ActionFetch)
	dst = append(append(dst, `,"result":`...), result...)
	if done {
		dst = append(dst, `,"done":true`...)
	}
	return append(dst, '}')
}

// AppendCallFailed appends the message that tells the caller why there is no
// result.
//
//	{"id":6,"action":"fetch","error":{"code":"...","message":"...","details":...},"done":true}
func AppendCallFailed(dst []byte, id int64, e CallError) []byte {
	dst = appendText(AppendDeliveryHead(dst, id), `,"action":`, ActionFetch)
	dst = appendCallError(append(dst, `,"error":`...), e)
	return append(dst, `,"done":true}`...)
}

func appendCallError(dst []byte, e CallError) []byte {
	dst = appendText(dst, `{"code":`, e.Code)
	dst = appendText(dst, `,"message":`, e.Message)
	if e.Details != nil {
		dst = append(append(dst, `,"details":`...), e.Details...)
	}
	return append(dst, '}')
}

// AppendReached appends the answer to a signal that succeeded.
//
//	{"id":8,"action":"signal","success":true,"reached":2}
func AppendReached(dst []byte, id int64, reached int) []byte {
	dst = appendAnswer(dst, id, ActionSignal, true)
	return append(strconv.AppendInt(append(dst, `,"reached":`...), int64(reached), 10), '}')
}

// AppendAddress appends the answer to an address request.
//
//	{"id":2,"action":"address","success":true,"address":"#..."}
func AppendAddress(dst []byte, id int64, address string) []byte {
	return append(appendText(appendAnswer(dst, id, ActionAddress, true), `,"address":`, address), '}')
}

// AppendWatching appends the answer to a watch that succeeded.
//
//	{"id":7,"action":"watch","success":true,"servers":1}
func AppendWatching(dst []byte, id int64, servers int) []byte {
	return appendServers(appendAnswer(dst, id, ActionWatch, true), servers)
}

// AppendServers appends the message that tells a watch how many servers there are now.
//
//	{"id":7,"action":"watch","servers":0}
func AppendServers(dst []byte, id int64, servers int) []byte {
	return appendServers(appendText(AppendDeliveryHead(dst, id), `,"action":`, ActionWatch), servers)
}

func appendServers(dst []byte, servers int) []byte {
	return append(strconv.AppendInt(append(dst, `,"servers":`...), int64(servers), 10), '}')
}

// appendSeconds appends a time in seconds, rounded to milliseconds.
func appendSeconds(dst []byte, d time.Duration) []byte {
	return strconv.AppendFloat(dst, math.Round(d.Seconds()*1e3)/1e3, 'f', -1, 64)
}

// A ServiceInfo describes a service.
type ServiceInfo struct {
	Name       string       `json:"name"`
	Procedures []string     `json:"procedures"`
	Servers    []ServerInfo `json:"servers"`

	// Version is that of the service's definition in force. Definition is the whole definition, and
	// Versions are all versions that there are, the lowest first. A list of services has neither of the
	// two. All three are missing if nobody defined the service.
	Version    jsontext.Value   `json:"version,omitzero"`
	Versions   []jsontext.Value `json:"versions,omitzero"`
	Definition jsontext.Value   `json:"definition,omitzero"`
}

// A ServerInfo describes a server of a service, and what it has done since it
// began to serve.
type ServerInfo struct {
	ClientID   string    `json:"clientId"`
	Address    string    `json:"address"`
	Procedures []string  `json:"procedures"`
	Sole       bool      `json:"sole"`
	Since      time.Time `json:"since"`
	Calls      uint64    `json:"calls"`  // that it was handed, those under way included
	Failed     uint64    `json:"failed"` // of them, those with an error or without an answer in time
	UnderWay   int       `json:"underWay"`
	// MedianSeconds is the median of the latest answered calls, at most 128, and
	// LongestSeconds the longest time of all.
	MedianSeconds  float64 `json:"medianSeconds"`
	LongestSeconds float64 `json:"longestSeconds"`
	// LastError is the latest error, as text, or empty.
	LastError Nullable `json:"lastError"`
}

// A CallOutcome is the answer to a call over HTTP.
type CallOutcome struct {
	// Parts are the partial results, if there were any.
	Parts  []jsontext.Value `json:"parts,omitzero"`
	Result jsontext.Value   `json:"result"`
}
