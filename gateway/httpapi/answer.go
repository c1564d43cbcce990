package httpapi

import (
	"bytes"
	"compress/gzip"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"

	"seagate/internal/zipped"
	"seagate/protocol"
)

// compressAbove is the size in bytes above which gzip is worth its time. A
// shorter body fits into one packet anyhow.
const compressAbove = 1 << 10

// encode returns the JSON document of an answer: nil for no answer, and text as
// it is.
func (q *request) encode(answer any) ([]byte, error) {
	switch answer := answer.(type) {
	case nil:
		return nil, nil
	case []byte:
		return answer, nil
	case *receipt:
		return answer.body, nil
	}
	body, err := json.Marshal(answer)
	if err != nil {
		q.log.Error("an answer could not be encoded", "path", excerpt(q.r.URL.Path), "error", err)
		return nil, protocol.Errorf(protocol.CodeInternal, "the server failed to encode the answer; its log says why")
	}
	return body, nil
}

// respond writes a success: 200 with a JSON document, or 204 without a body.
func respond(w http.ResponseWriter, r *http.Request, body []byte) (status int) {
	if body == nil {
		w.WriteHeader(http.StatusNoContent)
		return http.StatusNoContent
	}
	h := w.Header()
	h["Content-Type"] = contentJSON
	if len(body) > compressAbove {
		h.Add("Vary", "Accept-Encoding")
		if zipped.Wanted(r.Header["Accept-Encoding"]) {
			h.Set("Content-Encoding", "gzip")
			body = compress(body)
		}
		// net/http sets the length of short bodies only.
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.Write(body)
	return http.StatusOK
}

// compressors are reused: a new one takes a megabyte and a millisecond.
var compressors = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level exists
	return w
}}

func compress(body []byte) []byte {
	w := compressors.Get().(*gzip.Writer)
	defer compressors.Put(w)
	var out bytes.Buffer
	w.Reset(&out)
	w.Write(body) // writing to a bytes.Buffer does not fail
	w.Close()
	return out.Bytes()
}

// elements yields the elements of a header whose value is a list (RFC 9110
// §5.6.1), without the white space around them.
func elements(values []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, value := range values {
			for element := range strings.SplitSeq(value, ",") {
				if !yield(strings.TrimSpace(element)) {
					return
				}
			}
		}
	}
}
