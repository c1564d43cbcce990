package protocol

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
)

// ProblemContentType is the media type of a Problem (RFC 9457 §3).
const ProblemContentType = "application/problem+json"

// A Problem is the body of an HTTP error: problem details (RFC 9457) that
// also carry Message and Errors, which is all that the stream-sea clients
// read.
type Problem struct {
	// Type is "urn:seagate:error:" and the code.
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	// Detail and Message are the same text, for readers of the RFC and for
	// stream-sea clients.
	Detail  string   `json:"detail,omitempty"`
	Message string   `json:"message"`
	Errors  []string `json:"errors,omitempty"`
	Code    Code     `json:"code"`
}

// NewProblem returns the problem document of a refusal. A code without an
// HTTP status becomes a 500, since only a bug could send it over HTTP.
func NewProblem(e *Error) Problem {
	info, _ := e.Code.Info()
	if info.Status == 0 {
		info.Status = http.StatusInternalServerError
	}
	return Problem{
		Type:    "urn:seagate:error:" + string(e.Code),
		Title:   info.Title,
		Status:  info.Status,
		Detail:  e.Message,
		Message: e.Message,
		Errors:  e.Errors,
		Code:    e.Code,
	}
}

// AppendProblem appends the document, its members in the order of the struct.
func AppendProblem(dst []byte, p Problem) []byte {
	dst = appendString(append(dst, `{"type":`...), p.Type)
	dst = appendString(append(dst, `,"title":`...), p.Title)
	dst = strconv.AppendInt(append(dst, `,"status":`...), int64(p.Status), 10)
	if p.Detail != "" {
		dst = appendString(append(dst, `,"detail":`...), p.Detail)
	}
	dst = appendString(append(dst, `,"message":`...), p.Message)
	dst = appendErrors(dst, p.Errors)
	dst = appendString(append(dst, `,"code":`...), string(p.Code))
	return append(dst, '}')
}

// DecodeProblem reads the body of an HTTP error. Members that are missing are
// left empty and unknown ones ignored. The error means that the body is not
// of a Problem's making, as when a proxy on the way answered.
func DecodeProblem(data []byte) (Problem, error) {
	var p Problem
	if err := json.Unmarshal(data, &p); err != nil {
		return Problem{}, fmt.Errorf("protocol: decoding a problem document: %w", err)
	}
	return p, nil
}
