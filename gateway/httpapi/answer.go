package httpapi

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"

	"seagate/protocol"
)

// compressAbove is the size from which gzip is worth its time. Shorter bodies
// fit into one packet anyhow.
const compressAbove = 1 << 10

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
		if wantsGzip(r.Header["Accept-Encoding"]) {
			h.Set("Content-Encoding", "gzip")
			body = compress(body)
		}
		// net/http counts short bodies only.
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.Write(body)
	return http.StatusOK
}

// A writer of compress/gzip takes a megabyte and a millisecond to make.
var compressors = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level exists
	return w
}}

func compress(body []byte) []byte {
	w := compressors.Get().(*gzip.Writer)
	defer compressors.Put(w)
	var out bytes.Buffer
	w.Reset(&out)
	w.Write(body) // a bytes.Buffer takes everything
	w.Close()
	return out.Bytes()
}

// wantsGzip says whether the Accept-Encoding header accepts gzip, and does not
// rank the body as it is above it (RFC 9110 §12.5.3).
func wantsGzip(values []string) bool {
	zipped, plain, rest := -1.0, -1.0, -1.0 // -1: not in the list
	for _, value := range values {
		for item := range strings.SplitSeq(value, ",") {
			coding, params, _ := strings.Cut(item, ";")
			switch strings.ToLower(strings.TrimSpace(coding)) {
			case "gzip", "x-gzip":
				zipped = quality(params)
			case "identity":
				plain = quality(params)
			case "*":
				rest = quality(params)
			}
		}
	}
	if zipped < 0 {
		zipped = rest
	}
	return zipped > 0 && zipped >= plain
}

// quality reads the weight of an item. What is not one counts as a refusal:
// the body as it is, is always right.
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

// encode returns the document of an answer.
func (q *request) encode(answer any) ([]byte, error) {
	body, err := json.Marshal(answer)
	if err != nil {
		q.log.Error("an answer could not be encoded", "path", excerpt(q.r.URL.Path), "error", err)
		return nil, protocol.Errorf(protocol.CodeInternal, "the server failed to encode the answer; its log says why")
	}
	return body, nil
}
