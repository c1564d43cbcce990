package httpapi

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"seagate/protocol"
)

// body reads the body: not empty, decompressed, within the limits, and in
// memory that nothing else uses.
func (q *request) body() ([]byte, error) {
	if q.r.Body == nil || q.r.Body == http.NoBody {
		return nil, noBody()
	}
	if err := checkMediaType(q.r.Header); err != nil {
		return nil, err
	}
	zipped, err := isZipped(q.r.Header)
	if err != nil {
		return nil, err
	}
	body, err := q.receive()
	if err == nil && zipped && len(body) > 0 {
		body, err = unzip(body, q.opts.DecompressedBytes)
	}
	if err == nil && len(body) == 0 {
		err = noBody()
	}
	return body, err
}

func noBody() error {
	return protocol.Errorf(protocol.CodeMalformedJSON, "the request has no body; send one that is JSON")
}

// checkMediaType accepts JSON, and a body that does not say what it is.
func checkMediaType(h http.Header) error {
	value := h.Get("Content-Type")
	if value == "" || value == "application/json" {
		return nil
	}
	kind, params, err := mime.ParseMediaType(value)
	charset, given := params["charset"]
	if err != nil || kind != "application/json" || given && !isUTF8(charset) {
		return protocol.Errorf(protocol.CodeUnsupportedMediaType,
			"the Content-Type of the body is %q; send application/json, in UTF-8", excerpt(value))
	}
	return nil
}

// isUTF8 also knows the name without a hyphen, which many clients write.
func isUTF8(charset string) bool {
	return strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}

// isZipped reads the Content-Encoding. More than one layer is refused: two of
// gzip make a million from one.
func isZipped(h http.Header) (bool, error) {
	zipped := false
	for _, value := range h["Content-Encoding"] {
		for coding := range strings.SplitSeq(value, ",") {
			coding = strings.ToLower(strings.TrimSpace(coding))
			switch {
			case coding == "" || coding == "identity":
			case !zipped && (coding == "gzip" || coding == "x-gzip"):
				zipped = true
			default:
				return false, protocol.Errorf(protocol.CodeUnsupportedEncoding,
					"the Content-Encoding of the body is %q; send it as it is, or compressed once with gzip", excerpt(value))
			}
		}
	}
	return zipped, nil
}

// receive reads the body as it is sent.
func (q *request) receive() ([]byte, error) {
	length, most := q.r.ContentLength, int64(q.opts.MessageBytes)
	if length > most {
		return nil, tooLarge("the body", most)
	}
	from := io.Reader(q.r.Body) // which ends after length
	if length < 0 {
		from = http.MaxBytesReader(q.w, q.r.Body, most)
	}
	body, err := readAll(from, length)
	if err != nil {
		return nil, q.notReceived(err)
	}
	// What the client now waits for may take longer than its body did, and
	// net/http watches the connection meanwhile: past the deadline it would
	// take it for broken and cancel the request.
	_ = http.NewResponseController(q.w).SetReadDeadline(time.Time{})
	return body, nil
}

func (q *request) notReceived(err error) error {
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		return tooLarge("the body", int64(q.opts.MessageBytes))
	}
	q.w.Header().Set("Connection", "close")
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return protocol.Errorf(protocol.CodeInvalidRequest, "the body did not arrive within %v", q.opts.BodyTimeout)
	}
	return protocol.Errorf(protocol.CodeInvalidRequest, "the body could not be read to its end")
}

func tooLarge(what string, most int64) error {
	return protocol.Errorf(protocol.CodeMessageTooLarge, "%s has more than %d bytes, which is as many as it may have", what, most)
}

// onTrust is how much memory a body gets before any of it has come.
const onTrust = 64 << 10

// readAll reads to the end, into memory of the right size if the length is
// known, -1 if it is not.
func readAll(r io.Reader, length int64) ([]byte, error) {
	size := int64(512)
	if length >= 0 {
		size = min(length, onTrust)
	}
	body := make([]byte, 0, size)
	for int64(len(body)) != length {
		if len(body) == cap(body) {
			body = grow(body, length)
		}
		n, err := r.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return body, nil
}

func grow(body []byte, length int64) []byte {
	size := 2 * int64(cap(body))
	if length >= 0 {
		size = length
	}
	larger := make([]byte, len(body), size)
	copy(larger, body)
	return larger
}

// An unzipper is what decompressing takes. It is reused: 40 KiB a time.
type unzipper struct {
	source bytes.Reader
	zipped gzip.Reader
	plain  bytes.Buffer
}

var unzippers = sync.Pool{New: func() any { return new(unzipper) }}

// keepPlain is the largest buffer that waits for the next body.
const keepPlain = 64 << 10

func (u *unzipper) release() {
	u.source.Reset(nil)
	if u.plain.Cap() > keepPlain {
		u.plain = bytes.Buffer{}
	}
	unzippers.Put(u)
}

// unzip decompresses a body, all members of it (RFC 1952 §2.2), and stops at
// most bytes.
func unzip(body []byte, most int) ([]byte, error) {
	u := unzippers.Get().(*unzipper)
	defer u.release()
	u.source.Reset(body)
	u.plain.Reset()
	err := u.zipped.Reset(&u.source)
	if err == nil {
		_, err = u.plain.ReadFrom(io.LimitReader(&u.zipped, int64(most)+1))
	}
	switch {
	case u.plain.Len() > most:
		return nil, tooLarge("the decompressed body", int64(most))
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return nil, protocol.Errorf(protocol.CodeInvalidRequest, "the body is not complete: its gzip data ends too early")
	case err != nil:
		return nil, protocol.Errorf(protocol.CodeInvalidRequest, "the body is not gzip, as its Content-Encoding says: %v", err)
	}
	return bytes.Clone(u.plain.Bytes()), nil
}
