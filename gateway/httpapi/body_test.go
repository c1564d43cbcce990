package httpapi_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seagate/protocol"
	"seagate/storage"
	"seagate/storage/memory"
)

func TestMediaTypes(t *testing.T) {
	s := newServer(t)
	s.define("a")
	for value, ok := range map[string]bool{
		"":                                       true,
		"application/json":                       true,
		"Application/JSON":                       true,
		"application/json;charset=utf-8":         true,
		`application/json; charset="UTF-8"; x=y`: true,
		"application/json; charset=latin1":       false,
		"text/plain":                             false,
		"text/json":                              false,
		"application/x-www-form-urlencoded":      false,
		"multipart/form-data; boundary=x":        false,
		"application/problem+json":               false,
		"application/json, text/plain":           false,
		"nonsense;;;":                            false,
	} {
		c := call{method: "POST", path: "/api/v1/streams/a/publish", body: `{"payload":{"n":1}}`, header: map[string]string{"Content-Type": value}}
		if ok {
			if a := s.do(c); a.status != 200 {
				t.Errorf("%q: %d %s", value, a.status, a.body)
			}
		} else {
			s.refused(protocol.CodeUnsupportedMediaType, c)
		}
	}
	// Without a body these headers do not matter.
	for _, method := range []string{"GET", "DELETE"} {
		c := call{method: method, path: "/api/v1/streams/a", header: map[string]string{"Content-Type": "text/plain", "Content-Encoding": "br"}}
		if a := s.do(c); a.status != 200 {
			t.Errorf("%s: %d %s", method, a.status, a.body)
		}
	}
}

func TestContentEncodings(t *testing.T) {
	s := newServer(t)
	s.define("a")
	plain := `{"payload":{"n":1}}`
	half := zipped(plain)[:20]
	corrupt := []byte(zipped(plain))
	corrupt[len(corrupt)-5] ^= 1 // in the checksum
	for _, c := range []struct {
		encoding, body string
		code           protocol.Code // "": accepted
	}{
		{"gzip", zipped(plain), ""},
		{"x-gzip", zipped(plain), ""},
		{"GZip", zipped(plain), ""},
		{"identity", plain, ""},
		{"identity, gzip", zipped(plain), ""},
		{"gzip", zipped(plain[:5]) + zipped(plain[5:]), ""}, // RFC 1952 §2.2
		{"gzip", zipped("") + zipped(plain), ""},
		{"gzip", plain, protocol.CodeInvalidRequest},
		{"gzip", half, protocol.CodeInvalidRequest},
		{"gzip", "\x1f", protocol.CodeInvalidRequest},
		{"gzip", string(corrupt), protocol.CodeInvalidRequest},
		{"gzip", zipped(plain) + "garbage", protocol.CodeInvalidRequest},
		{"gzip", zipped(plain) + "\x00\x00", protocol.CodeInvalidRequest},
		{"gzip", zipped(""), protocol.CodeMalformedJSON},
		{"gzip", "", protocol.CodeMalformedJSON},
		{"identity", zipped(plain), protocol.CodeMalformedJSON},
		{"deflate", plain, protocol.CodeUnsupportedEncoding},
		{"br", plain, protocol.CodeUnsupportedEncoding},
		{"gzip, gzip", zipped(zipped(plain)), protocol.CodeUnsupportedEncoding},
		{"gzip, br", plain, protocol.CodeUnsupportedEncoding},
		{"nonsense", plain, protocol.CodeUnsupportedEncoding},
	} {
		a := s.do(call{method: "POST", path: "/api/v1/streams/a/publish", body: c.body, header: map[string]string{"Content-Encoding": c.encoding}})
		if c.code == "" {
			if a.status != 200 {
				t.Errorf("%s %q: %d %s", c.encoding, c.body, a.status, a.body)
			}
			continue
		}
		problemOf(t, c.code, a)
		if c.code == protocol.CodeUnsupportedEncoding && a.header.Get("Accept-Encoding") != "gzip" {
			t.Errorf("%s: Accept-Encoding %q", c.encoding, a.header.Get("Accept-Encoding"))
		}
	}
}

// Bodies at the limits and one byte over them: plain, compressed and chunked.
func TestBodySizes(t *testing.T) {
	const most, unpacked = 1000, 3000
	s := newServer(t, func(s *setup) {
		s.options.MessageBytes = most
		s.options.DecompressedBytes = unpacked
	})
	s.define("a")
	padded := func(size int) string { return `{"payload":{"n":1}` + strings.Repeat(" ", size-19) + `}` }
	publish := call{method: "POST", path: "/api/v1/streams/a/publish"}

	publish.body = padded(most)
	if a := s.do(publish); a.status != 200 {
		t.Errorf("at the limit: %d %s", a.status, a.body)
	}
	publish.body = padded(most + 1)
	s.refused(protocol.CodeMessageTooLarge, publish)

	publish.header = map[string]string{"Content-Encoding": "gzip"}
	publish.body = zipped(padded(unpacked))
	if a := s.do(publish); a.status != 200 {
		t.Errorf("at the limit, unpacked: %d %s", a.status, a.body)
	}
	publish.body = zipped(padded(unpacked + 1))
	s.refused(protocol.CodeMessageTooLarge, publish)
	publish.body = zipped(strings.Repeat(" ", 500<<10))
	s.refused(protocol.CodeMessageTooLarge, publish)

	for size, code := range map[int]protocol.Code{most: "", most + 1: protocol.CodeMessageTooLarge} {
		a := s.raw("POST", "POST /api/v1/streams/a/publish HTTP/1.1\r\nHost: a\r\n"+s.root.authorization()+
			"Transfer-Encoding: chunked\r\n\r\n"+chunked(padded(size)))
		if code == "" && a.status != 200 {
			t.Errorf("%d in chunks: %d %s", size, a.status, a.body)
		} else if code != "" {
			problemOf(t, code, a)
		}
	}
}

func chunked(body string) string {
	var b strings.Builder
	for len(body) > 0 {
		n := min(len(body), 100)
		b.WriteString(strings.ToUpper(itoa(n/16)+itoa(n%16)) + "\r\n" + body[:n] + "\r\n")
		body = body[n:]
	}
	return b.String() + "0\r\n\r\n"
}

// A megabyte that decompresses to a gigabyte is not decompressed.
func TestDecompressionBombCostsLittleMemory(t *testing.T) {
	s := newServer(t)
	s.define("a")
	member := zipped(strings.Repeat(" ", 1<<20))
	bomb := strings.Repeat(member, 1<<20/len(member))
	before := heap()
	s.refused(protocol.CodeMessageTooLarge, call{method: "POST", path: "/api/v1/streams/a/publish",
		body: bomb, header: map[string]string{"Content-Encoding": "gzip"}})
	if grown := int64(heap()) - int64(before); grown > 8<<20 {
		t.Errorf("grown by %d bytes", grown)
	}
}

// The client closes its side before it has sent all that it announced.
func TestTruncatedBody(t *testing.T) {
	s := newServer(t)
	s.define("a")
	for _, framing := range []string{"Content-Length: 100\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n64\r\n", "Transfer-Encoding: chunked\r\n\r\nxyz\r\n"} {
		c, err := net.Dial("tcp", s.addr)
		check(t, err)
		defer c.Close()
		check(t, c.SetDeadline(time.Now().Add(20*time.Second)))
		_, err = io.WriteString(c, "POST /api/v1/streams/a/publish HTTP/1.1\r\nHost: a\r\n"+s.root.authorization()+framing+`{"payload":`)
		check(t, err)
		check(t, c.(*net.TCPConn).CloseWrite())
		response, err := http.ReadResponse(bufio.NewReader(c), nil)
		check(t, err)
		problemOf(t, protocol.CodeInvalidRequest, read(t, response))
	}
}

// A client that waits for 100 Continue gets it only if the body is needed.
func TestExpectContinue(t *testing.T) {
	s := newServer(t)
	s.define("a")
	body := `{"payload":{"n":1}}`
	head := "POST /api/v1/streams/a/publish HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: " + itoa(len(body)) + "\r\n"

	c, err := net.Dial("tcp", s.addr)
	check(t, err)
	defer c.Close()
	check(t, c.SetDeadline(time.Now().Add(20*time.Second)))
	reader := bufio.NewReader(c)
	_, err = io.WriteString(c, head+s.root.authorization()+"\r\n")
	check(t, err)
	line, err := reader.ReadString('\n')
	check(t, err)
	if line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatal(line)
	}
	_, err = reader.ReadString('\n')
	check(t, err)
	_, err = io.WriteString(c, body)
	check(t, err)
	response, err := http.ReadResponse(reader, nil)
	check(t, err)
	if a := read(t, response); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}

	problemOf(t, protocol.CodeCredentialsRequired, s.raw("POST", head+"\r\n"))
}

// A body that the operation does not need is skipped, and the connection stays.
func TestUnneededBodyIsSkipped(t *testing.T) {
	s := newServer(t)
	s.define("a")
	for _, method := range []string{"GET", "DELETE"} {
		request := method + " /api/v1/streams/a HTTP/1.1\r\nHost: a\r\n" + s.root.authorization() + "Content-Length: 7\r\n\r\nnon{sen"
		a := s.raw(method, request+"GET /api/v1 HTTP/1.1\r\nHost: a\r\n\r\n")
		if a.status != 200 || a.header.Get("Connection") == "close" {
			t.Errorf("%s: %d %v %s", method, a.status, a.header, a.body)
		}
	}
}

// A pipeServer serves a world over pipes, since a bubble of testing/synctest
// cannot wait for a socket.
type pipeServer struct {
	*world
	connections chan net.Conn
	closed      chan struct{}
	http        http.Server
}

func newPipeServer(t *testing.T, change ...func(*setup)) *pipeServer {
	t.Helper()
	s := &pipeServer{world: newWorld(t, change...), connections: make(chan net.Conn), closed: make(chan struct{})}
	s.http.Handler = s.handler
	go func() { _ = s.http.Serve(s) }()
	t.Cleanup(func() { _ = s.http.Close() })
	return s
}

func (s *pipeServer) Accept() (net.Conn, error) {
	select {
	case c := <-s.connections:
		return c, nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

func (s *pipeServer) Close() error   { close(s.closed); return nil }
func (s *pipeServer) Addr() net.Addr { return &net.IPAddr{} }

// send makes a connection and sends bytes on it.
func (s *pipeServer) send(t *testing.T, text string) net.Conn {
	t.Helper()
	here, there := net.Pipe()
	t.Cleanup(func() { here.Close() })
	s.connections <- there
	_, err := io.WriteString(here, text)
	check(t, err)
	return here
}

// The server waits BodyTimeout for a body, whether the operation reads it or not.
func TestSlowBody(t *testing.T) {
	for _, request := range []string{
		"POST /api/v1/streams/a/publish",
		"POST /api/v1/streams/a/pause", // reads no body
		"GET /nowhere",
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newPipeServer(t)
			start := time.Now()
			c := s.send(t, request+" HTTP/1.1\r\nHost: a\r\n"+s.root.authorization()+"Content-Length: 100\r\n\r\n{")
			response, err := http.ReadResponse(bufio.NewReader(c), nil)
			check(t, err)
			a := read(t, response)
			if a.status < 400 || !isJSON(a.body) || !response.Close {
				t.Errorf("%s: %d %v %s", request, a.status, a.header, a.body)
			}
			if took := time.Since(start); took != 30*time.Second {
				t.Errorf("%s: answered after %v", request, took)
			}
		})
	}
}

// Each body has BodyTimeout from its own begin, also one that comes while another one is late.
func TestSlowBodiesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		start := time.Now()
		var answered sync.WaitGroup
		for i, after := range []time.Duration{0, 10 * time.Second, 25 * time.Second, 70 * time.Second} {
			answered.Go(func() {
				<-time.After(after)
				sent := "{" // of 100 bytes
				if i == 0 {
					sent = strings.Repeat(" ", 100)
				}
				c := s.send(t, "POST /api/v1/streams/a/publish HTTP/1.1\r\nHost: a\r\n"+s.root.authorization()+"Content-Length: 100\r\n\r\n"+sent)
				response, err := http.ReadResponse(bufio.NewReader(c), nil)
				check(t, err)
				want := after + 30*time.Second
				if i == 0 {
					want = 0
				}
				if took := time.Since(start); response.StatusCode != 400 || took != want {
					t.Errorf("body %d: %d after %v, want 400 after %v", i, response.StatusCode, took, want)
				}
			})
		}
		answered.Wait()
	})
}

// A handshake with a body that does not come is not waited for.
func TestSlowBodyOfAHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t, func(s *setup) {
			s.options.WebSocket = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusTeapot) })
		})
		start := time.Now()
		c := s.send(t, "GET /api/v1/streams HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 100\r\n\r\n{")
		response, err := http.ReadResponse(bufio.NewReader(c), nil)
		check(t, err)
		if took := time.Since(start); response.StatusCode != http.StatusTeapot || !response.Close || took != 30*time.Second {
			t.Errorf("%d after %v", response.StatusCode, took)
		}
	})
}

// A server that stops gives bodies less time, and says that nothing was done.
func TestSlowBodyOfAServerThatStops(t *testing.T) {
	for name, late := range map[string]bool{"arriving": false, "to come": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newPipeServer(t)
				if late { // the server may wait for others for long
					s.handler.LimitBodies(time.Second)
					<-time.After(time.Minute)
				}
				start := time.Now()
				c := s.send(t, "POST /api/v1/streams/a/publish HTTP/1.1\r\nHost: a\r\n"+s.root.authorization()+"Content-Length: 100\r\n\r\n{")
				synctest.Wait()
				if !late {
					s.handler.LimitBodies(time.Second)
				}
				response, err := http.ReadResponse(bufio.NewReader(c), nil)
				check(t, err)
				if a := read(t, response); a.status != 503 || !strings.Contains(a.body, `"code":"shutting_down"`) || response.Header.Get("Retry-After") != "5" || !response.Close {
					t.Errorf("%d %v %s", a.status, a.header, a.body)
				}
				if took := time.Since(start); took != time.Second {
					t.Errorf("answered after %v", took)
				}
			})
		})
	}
}

// The deadline for the body does not apply to the operation after it.
func TestSlowOperation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		records := &slowRecords{Records: memory.New()}
		s := newPipeServer(t, func(s *setup) { s.records = records })
		records.delay = time.Minute
		body := `{"version":1,"fields":[]}`
		c := s.send(t, "POST /api/v1/streams/a/define HTTP/1.1\r\nHost: a\r\n"+s.root.authorization()+"Content-Length: "+itoa(len(body))+"\r\n\r\n"+body)
		response, err := http.ReadResponse(bufio.NewReader(c), nil)
		check(t, err)
		if a := read(t, response); a.status != 200 {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
}

// slowRecords delays each write, and fails it if the request ends meanwhile.
type slowRecords struct {
	storage.Records
	delay time.Duration
}

func (r *slowRecords) Put(ctx context.Context, table, key string, value []byte, cond storage.Condition) (uint64, error) {
	if r.delay > 0 {
		select {
		case <-time.After(r.delay):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return r.Records.Put(ctx, table, key, value, cond)
}
