package protocol

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
)

// ErrorPath begins the path of the page about an error code.
const ErrorPath = "/api/v1/errors/"

// ProblemContentType is the media type of a Problem (RFC 9457 §3).
const ProblemContentType = "application/problem+json"

// A Problem is the body of an HTTP error: problem details (RFC 9457), and
// Message and Errors, the only members that stream-sea clients read.
type Problem struct {
	// Type is the path of a page about the code: ErrorPath and the code. A client resolves it
	// like any relative URL (RFC 9457 §3.1.1).
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	// Detail and Message are the same text: the RFC has the one, stream-sea
	// the other.
	Detail  string   `json:"detail,omitempty"`
	Message string   `json:"message"`
	Errors  []string `json:"errors,omitempty"`
	Code    Code     `json:"code"`
	// Call is the error of a server of a service, for CodeServerError.
	Call *CallError `json:"error,omitempty"`
}

// NewProblem returns the problem document of a refusal. A code without an HTTP
// status gets 500, because only a bug can send it over HTTP.
func NewProblem(e *Error) Problem {
	info, _ := e.Code.Info()
	if info.Status == 0 {
		info.Status = http.StatusInternalServerError
	}
	return Problem{
		Type:    ErrorPath + string(e.Code),
		Title:   info.Title,
		Status:  info.Status,
		Detail:  e.Message,
		Message: e.Message,
		Errors:  e.Errors,
		Code:    e.Code,
		Call:    e.Call,
	}
}

// AppendProblem appends the document. Its members are in the order of the struct.
func AppendProblem(dst []byte, p Problem) []byte {
	dst = appendText(dst, `{"type":`, p.Type)
	dst = appendText(dst, `,"title":`, p.Title)
	dst = strconv.AppendInt(append(dst, `,"status":`...), int64(p.Status), 10)
	if p.Detail != "" {
		dst = appendText(dst, `,"detail":`, p.Detail)
	}
	dst = appendText(dst, `,"message":`, p.Message)
	dst = appendErrors(dst, p.Errors)
	dst = appendText(dst, `,"code":`, string(p.Code))
	if p.Call != nil {
		dst = appendCallError(append(dst, `,"error":`...), *p.Call)
	}
	return append(dst, '}')
}

// DecodeProblem reads the body of an HTTP error. It leaves missing members empty
// and ignores unknown ones. An error means that the body is no problem document,
// as when a proxy answered instead of the server.
func DecodeProblem(data []byte) (Problem, error) {
	var p Problem
	if err := json.Unmarshal(data, &p); err != nil {
		return Problem{}, fmt.Errorf("protocol: decoding a problem document: %w", err)
	}
	return p, nil
}
