package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A poster publishes over HTTP, one request after the other on one connection.
type poster struct {
	of       *Run
	conn     net.Conn
	answers  *bufio.Reader
	composer *composer
	head     string // of a request, up to the name of the stream
	headers  string
	out      []byte
	body     []byte
}

func (r *Run) newPoster(ctx context.Context) (source, error) {
	conn, err := connect(ctx, r.url, r.target.TLS)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Time{})
	c := r.target.Credentials
	basic := base64.StdEncoding.EncodeToString([]byte(c.ClientID + ":" + c.Secret.Reveal()))
	return &poster{
		of:       r,
		conn:     conn,
		answers:  bufio.NewReaderSize(conn, smallBuffer),
		composer: newComposer(r.options),
		head:     "POST " + strings.TrimSuffix(r.url.EscapedPath(), "/") + "/api/v1/streams/" + r.name + "-",
		headers: "/publish HTTP/1.1\r\nHost: " + r.url.Host + "\r\nAuthorization: Basic " + basic +
			"\r\nContent-Type: application/json\r\nContent-Length: ",
	}, nil
}

func (p *poster) close() { p.conn.Close() }

// run implements source.
func (p *poster) run(number int, begin time.Duration) error {
	schedule := newSchedule(p.of, number, begin)
	for {
		due, wait, ok := schedule.next()
		switch {
		case !ok:
			return nil
		case wait > 0:
			time.Sleep(wait)
			continue
		}
		stream, key := schedule.place()
		if err := p.post(stream, key, due); err != nil {
			return fmt.Errorf("a publisher has lost its connection: %w", connectionError(err))
		}
	}
}

func (p *poster) post(stream, key int, due time.Duration) error {
	body := append(p.body[:0], `{"payload":`...)
	body = append(p.composer.appendMessage(body, due, key), '}')
	out := append(p.out[:0], p.head...)
	out = strconv.AppendInt(out, int64(stream), 10)
	out = append(out, p.headers...)
	out = strconv.AppendInt(out, int64(len(body)), 10)
	out = append(append(out, "\r\n\r\n"...), body...)
	p.body, p.out = body, out
	if _, err := p.conn.Write(out); err != nil {
		return err
	}
	status, answer, err := p.answer()
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		p.of.refuse(fmt.Errorf("publish refused: %d %s", status, answer))
		return nil
	}
	p.of.publishedOne(p.of.since()-due, p.of.meant(stream, key))
	return nil
}

// answer reads a response without what net/http makes of its headers.
func (p *poster) answer() (status int, body []byte, err error) {
	length := 0
	for line := 0; ; line++ {
		text, err := p.answers.ReadSlice('\n')
		if err != nil {
			return 0, nil, err
		}
		text = bytes.TrimRight(text, "\r\n")
		name, value, isHeader := bytes.Cut(text, []byte(": "))
		switch {
		case line == 0 && len(text) >= 12:
			status, err = strconv.Atoi(string(text[9:12]))
		case len(text) == 0:
			body = make([]byte, length)
			_, err = io.ReadFull(p.answers, body)
			return status, body, err
		case isHeader && bytes.EqualFold(name, []byte("Content-Length")):
			length, err = strconv.Atoi(string(value))
		case isHeader && bytes.EqualFold(name, []byte("Transfer-Encoding")):
			err = fmt.Errorf("an answer without a length")
		}
		if err != nil || length > maxFrame {
			return 0, nil, fmt.Errorf("an answer that is not understood: %q: %w", text, err)
		}
	}
}
