//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"golang.org/x/sys/unix"
)

// A bareServer does the least that a gateway must do: it takes a message and writes a ready frame
// of it to each subscriber, one write(2) each. It checks, numbers and queues nothing. It
// speaks as much of the protocol as `seagate bench` needs, so both are measured with the same
// client.
type bareServer struct {
	db   *pebble.DB // in which a message is stored and synced before its answer, or nil
	next atomic.Uint64

	mu   sync.RWMutex // guards what follows
	subs map[string][]int
}

// serveBare serves at an address, and stores messages in a folder unless that is "".
func serveBare(address, folder string) error {
	s := &bareServer{subs: map[string][]int{}}
	if folder != "" {
		db, err := openBare(folder)
		if err != nil {
			return err
		}
		s.db = db
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	return http.Serve(listener, s)
}

// ServeHTTP implements http.Handler. Apart from a handshake, it reads the body and answers.
func (s *bareServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") == "" {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"name":"x","seq":1,"time":"2026-11-21T10:00:00.123456789Z","epoch":"Q54L2SNJVXCUXYREIEOW6EI5GI"}`)
		return
	}
	conn, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	conn.SetDeadline(time.Time{})
	io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
	c := bareConn{server: s, conn: conn.(*net.TCPConn), in: buffered.Reader}
	raw, err := c.conn.SyscallConn()
	if err == nil {
		raw.Control(func(fd uintptr) { c.fd = int(fd) })
		for err == nil {
			err = c.handle()
		}
	}
	s.forget(c.fd)
	conn.Close()
}

func (s *bareServer) forget(fd int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, all := range s.subs {
		kept := all[:0:0]
		for _, other := range all {
			if other != fd {
				kept = append(kept, other)
			}
		}
		s.subs[name] = kept
	}
}

type bareConn struct {
	server *bareServer
	conn   *net.TCPConn
	fd     int
	in     *bufio.Reader
	body   []byte
	frame  []byte
}

// handle reads one request and answers it.
func (c *bareConn) handle() error {
	message, err := c.read()
	if err != nil {
		return err
	}
	id := field(message, `"id":`, ",}")
	switch string(field(message, `"action":"`, `"`)) {
	case "subscribe":
		stream := string(field(message, `"payload":"`, `"`))
		c.answer(id, `,"action":"subscription","success":true}`)
		c.server.mu.Lock()
		c.server.subs[stream] = append(c.server.subs[stream], c.fd)
		c.server.mu.Unlock()
	case "publish":
		payload := message[bytes.Index(message, []byte(`"payload":`)):]
		if c.server.db != nil {
			if err := commit(c.server.db, &c.server.next, payload); err != nil {
				return err
			}
		}
		stream := field(message, `"streamName":"`, `"`)
		c.frame = appendBare(c.frame[:0], `{"id":2,"action":"subscription","streamName":"`, string(stream), `",`, string(payload))
		c.server.mu.RLock()
		for _, fd := range c.server.subs[string(stream)] {
			writeAll(fd, c.frame)
		}
		c.server.mu.RUnlock()
		c.answer(id, `,"action":"publish","success":true,"seq":1,"time":"2026-11-21T10:00:00.123456789Z"}`)
	default:
		c.answer(id, `,"success":true}`)
	}
	return nil
}

func (c *bareConn) answer(id []byte, rest string) {
	writeAll(c.fd, appendBare(nil, `{"id":`, string(id), rest))
}

// appendBare appends a text frame with the parts of a message.
func appendBare(dst []byte, parts ...string) []byte {
	n := 0
	for _, part := range parts {
		n += len(part)
	}
	switch {
	case n < 126:
		dst = append(dst, 0x81, byte(n))
	case n < 1<<16:
		dst = append(dst, 0x81, 126, byte(n>>8), byte(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 0x81, 127), uint64(n))
	}
	for _, part := range parts {
		dst = append(dst, part...)
	}
	return dst
}

func writeAll(fd int, b []byte) {
	for len(b) > 0 {
		n, err := syscall.Write(fd, b)
		switch {
		case err == syscall.EAGAIN:
			unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, 1000)
		case err != nil:
			return
		default:
			b = b[n:]
		}
	}
}

// read reads the payload of a masked frame whose mask is zero.
func (c *bareConn) read() ([]byte, error) {
	var head [14]byte
	if _, err := io.ReadFull(c.in, head[:2]); err != nil {
		return nil, err
	}
	n, more := int(head[1]&0x7f), 4
	switch n {
	case 126:
		more += 2
	case 127:
		more += 8
	}
	if _, err := io.ReadFull(c.in, head[2:2+more]); err != nil {
		return nil, err
	}
	switch n {
	case 126:
		n = int(binary.BigEndian.Uint16(head[2:]))
	case 127:
		n = int(binary.BigEndian.Uint64(head[2:]))
	}
	if head[0]&0xf == 8 || n > 64<<20 {
		return nil, errors.New("closed")
	}
	if cap(c.body) < n {
		c.body = make([]byte, n)
	}
	_, err := io.ReadFull(c.in, c.body[:n])
	return c.body[:n], err
}

// field returns what stands between a mark and one of the bytes that end it.
func field(message []byte, mark, ends string) []byte {
	at := bytes.Index(message, []byte(mark))
	if at < 0 {
		return nil
	}
	rest := message[at+len(mark):]
	if end := bytes.IndexAny(rest, ends); end >= 0 {
		return rest[:end]
	}
	return rest
}

// commitBare lets goroutines commit values to a bare Pebble, each with its sync, and returns how
// many a second become durable.
func commitBare(dir string, goroutines, size int, d time.Duration) (float64, error) {
	db, err := openBare(dir)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	var next atomic.Uint64
	var failed atomic.Pointer[error]
	var working sync.WaitGroup
	begin := time.Now()
	for range goroutines {
		working.Go(func() {
			value := make([]byte, size)
			for time.Since(begin) < d {
				if err := commit(db, &next, value); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	working.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return float64(next.Load()) / time.Since(begin).Seconds(), nil
}

func openBare(dir string) (*pebble.DB, error) {
	return pebble.Open(dir, &pebble.Options{
		Logger: silent{}, MemTableSize: 32 << 20, MemTableStopWritesThreshold: 4, FormatMajorVersion: pebble.FormatNewest,
	})
}

// commit stores a value behind the last one, and returns when it is synced.
func commit(db *pebble.DB, next *atomic.Uint64, value []byte) error {
	b := db.NewBatch()
	defer b.Close()
	b.Set(binary.BigEndian.AppendUint64(nil, next.Add(1)), value, nil)
	return db.Apply(b, pebble.Sync)
}

type silent struct{}

func (silent) Infof(string, ...any)           {}
func (silent) Errorf(string, ...any)          {}
func (silent) Fatalf(format string, v ...any) { panic(fmt.Sprintf(format, v...)) }
