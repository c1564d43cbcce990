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

	"seagate/gateway"
	"seagate/protocol"
)

// body reads and decompresses the body. A body that is missing, empty, or over
// a limit is an error. Nothing else uses the memory of the result.
func (q *request) body() ([]byte, error) {
	if !hasBody(q.r) {
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

// checkMediaType accepts JSON, and a body without a Content-Type.
func checkMediaType(h http.Header) error {
	value := firstOf(h["Content-Type"])
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

// isUTF8 also accepts the name without a hyphen, which many clients send.
func isUTF8(charset string) bool {
	return strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}

// isZipped reads the Content-Encoding. It refuses more than one layer of gzip,
// because two layers can turn one byte into a million.
func isZipped(h http.Header) (bool, error) {
	zipped := false
	for _, value := range h["Content-Encoding"] {
		for coding := range elements([]string{value}) {
			switch coding = strings.ToLower(coding); {
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

// receive reads the body as the client sent it, within BodyTimeout or what LimitBodies
// leaves.
func (q *request) receive() ([]byte, error) {
	body, err := q.readBody()
	if err != nil {
		return nil, q.notReceived(err)
	}
	q.bodies.received(&q.arrival)
	return body, nil
}

func (q *request) readBody() ([]byte, error) {
	length, most := q.r.ContentLength, int64(q.opts.MessageBytes)
	if length > most {
		return nil, tooLarge("the body", most)
	}
	reserved := length
	if length < 0 {
		reserved = most
	}
	if reserved > initialBuffer && q.principal != nil {
		release, err := q.gateway.Reserve(q.principal, gateway.PeerAddress(q.r), int(reserved))
		if err != nil {
			return nil, err
		}
		defer release()
	}
	if length < 0 {
		return io.ReadAll(http.MaxBytesReader(q.w, q.r.Body, most))
	}
	return readExactly(q.r.Body, length)
}

// notReceived returns the refusal of a body that could not be read.
func (q *request) notReceived(err error) error {
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		return tooLarge("the body", int64(q.opts.MessageBytes))
	}
	if refusal, ok := errors.AsType[*protocol.Error](err); ok {
		return refusal
	}
	q.w.Header().Set("Connection", "close")
	late := errors.Is(err, os.ErrDeadlineExceeded)
	if late && q.bodies.areLimited() {
		return protocol.Errorf(protocol.CodeShuttingDown,
			"the server shuts down, and the body did not arrive before; nothing was done: send the request again in a moment")
	}
	if late {
		return protocol.Errorf(protocol.CodeInvalidRequest, "the body did not arrive within %v", q.opts.BodyTimeout)
	}
	return protocol.Errorf(protocol.CodeInvalidRequest, "the body could not be read to its end")
}

func tooLarge(what string, most int64) error {
	return protocol.Errorf(protocol.CodeMessageTooLarge, "%s has more than %d bytes, which is as many as it may have", what, most)
}

// initialBuffer is allocated at most before a byte of the body has come,
// whatever Content-Length claims.
const initialBuffer = 64 << 10

// readExactly reads a body of the given length. It allocates the full length
// only for a peer that has filled the initial buffer.
func readExactly(r io.Reader, length int64) ([]byte, error) {
	body := make([]byte, min(length, initialBuffer))
	_, err := io.ReadFull(r, body)
	if err == nil && length > initialBuffer {
		body = append(make([]byte, 0, length), body...)[:length]
		_, err = io.ReadFull(r, body[initialBuffer:])
	}
	return body, err
}

// An unzipper is the state of decompressing, 40 KiB. It is reused.
type unzipper struct {
	source bytes.Reader
	zipped gzip.Reader
	plain  bytes.Buffer
}

var unzippers = sync.Pool{New: func() any { return new(unzipper) }}

// maxPooled is the size of the largest buffer that is reused.
const maxPooled = 64 << 10

func (u *unzipper) release() {
	u.source.Reset(nil)
	if u.plain.Cap() > maxPooled {
		u.plain = bytes.Buffer{}
	}
	unzippers.Put(u)
}

// unzip decompresses all gzip members of a body (RFC 1952 §2.2). It stops, with
// an error, after most bytes.
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
		return nil, protocol.Errorf(protocol.CodeInvalidRequest, "the body is not whole gzip: its data ends too early, or something else follows it")
	case err != nil:
		return nil, protocol.Errorf(protocol.CodeInvalidRequest, "the body is not gzip, as its Content-Encoding says: %v", err)
	}
	return bytes.Clone(u.plain.Bytes()), nil
}
