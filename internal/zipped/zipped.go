// Package zipped sends bodies with gzip to those who accept it.
package zipped

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// A File is a body in both encodings in which it is sent. It is safe for concurrent use.
type File struct {
	plain  []byte
	packed func() []byte // when it is first asked for, so that no start waits for it
	tag    string
}

// New returns a File. tag is its entity tag without quotes; the body must not be changed.
func New(body []byte, tag string) *File {
	return &File{body, sync.OnceValue(func() []byte { return pack(body) }), tag}
}

func pack(body []byte) []byte {
	var packed bytes.Buffer
	w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression) // the level exists
	w.Write(body)                                              // writing to a bytes.Buffer does not fail
	w.Close()
	return packed.Bytes()
}

// Choose returns the body for the request, and sets the headers of the answer that depend
// on the encoding.
func (f *File) Choose(r *http.Request, answer http.Header) []byte {
	body, tag := f.plain, f.tag
	if Wanted(r.Header["Accept-Encoding"]) {
		body, tag = f.packed(), tag+"-gzip"
		answer.Set("Content-Encoding", "gzip")
	}
	answer.Add("Vary", "Accept-Encoding")
	answer.Set("ETag", `"`+tag+`"`)
	return body
}

// Wanted reports whether an Accept-Encoding header accepts gzip and does not
// prefer the uncompressed body (RFC 9110 §12.5.3).
func Wanted(values []string) bool {
	zipped, plain, others := -1.0, -1.0, -1.0 // -1: not in the list
	for item := range strings.SplitSeq(strings.Join(values, ","), ",") {
		coding, params, _ := strings.Cut(item, ";")
		switch strings.ToLower(strings.TrimSpace(coding)) {
		case "gzip", "x-gzip":
			zipped = quality(params)
		case "identity":
			plain = quality(params)
		case "*":
			others = quality(params)
		}
	}
	if zipped < 0 {
		zipped = others
	}
	return zipped > 0 && zipped >= plain
}

// quality reads the weight of a content coding. A malformed weight counts as 0,
// because a client can always read the uncompressed body.
func quality(params string) float64 {
	params = strings.TrimSpace(params)
	if params == "" {
		return 1
	}
	name, text, _ := strings.Cut(params, "=")
	q, err := strconv.ParseFloat(text, 64)
	if err != nil || !strings.EqualFold(name, "q") || !(q >= 0 && q <= 1) {
		return 0
	}
	return q
}
