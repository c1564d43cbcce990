package main_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"seagate/gateway/ws/wstest"
)

// A replay is an exchange on its way.
type replay struct {
	t       *testing.T
	gateway *gateway
	step    *step
	texts   map[string]string // what ${...} stands for, as far as it is remembered
	clients map[string]credentials
	jails   map[string]string // by id: the name of a client
	peers   map[string]*peer
	talks   map[*peer]*conversation
	late    chan answered // of the request that is under way; nil if there is none
}

// answered is what came for a request.
type answered struct {
	response *http.Response
	body     string
	err      error
}

func (x *exchange) replay(t *testing.T) {
	r := &replay{
		t:       t,
		texts:   map[string]string{},
		clients: map[string]credentials{root.id: root},
		jails:   map[string]string{"root": root.id},
		peers:   map[string]*peer{},
		talks:   map[*peer]*conversation{},
	}
	if x.settings == nil {
		r.gateway = sharedGateway(t)
		t.Cleanup(r.removeJails)
	} else {
		r.gateway = start(t, x.settings...)
	}
	for i := range x.steps {
		r.step = &x.steps[i]
		for range r.step.rounds() {
			if err := r.take(); err != nil {
				t.Fatalf("line %d: %v", r.step.line, err)
			}
		}
	}
}

// removeJails leaves the shared gateway as it was.
func (r *replay) removeJails() {
	for jail := range r.jails {
		if jail != "root" {
			r.gateway.call(root, "DELETE", "/jails/"+jail, "") // the exchange may have deleted it
		}
	}
}

func (r *replay) take() error {
	s := r.step
	switch s.verb {
	case "client":
		return r.makeClient(strings.Fields(s.args))
	case "token":
		return r.makeToken(s.args)
	case "http":
		return r.request()
	case "answered":
		a := <-r.late
		if a.err != nil {
			return a.err
		}
		return r.compare(a.response, a.body)
	case "raw":
		return r.raw(s.sent)
	case "ws":
		return r.connect()
	case "lines":
		return r.connectLines()
	case "log":
		r.gateway.awaitLog(s.args)
		return nil
	case "stop":
		r.gateway.stopped()
		return nil
	}
	if names, what, sends := strings.Cut(s.verb, ">"); sends {
		return r.send(r.peers[names], what)
	}
	names, what, _ := strings.Cut(s.verb, "<")
	return r.receive(strings.Split(names, ","), what)
}

// makeClient makes a client: its name in the file, its jail, and its id if
// that is another.
func (r *replay) makeClient(words []string) error {
	name, jail, id := words[0], words[1], words[len(words)-1]
	if len(words) == 2 {
		id = name
	}
	if of, there := r.jails[jail]; there {
		r.clients[name] = r.gateway.newClient(r.clients[of], id)
		return nil
	}
	r.jails[jail] = name
	r.clients[name] = r.gateway.newJail(jail, id)
	return nil
}

func (r *replay) makeToken(args string) error {
	words := strings.SplitN(args, " ", 4)
	claims, err := r.expand(words[3])
	if err != nil {
		return err
	}
	r.texts[words[0]] = signToken(r.t, words[1], words[2], claims)
	return nil
}

// request is raw for a request without anything special.
func (r *replay) request() error {
	args, err := r.expand(r.step.args)
	if err != nil {
		return err
	}
	words := append(strings.SplitN(args, " ", 4), "")
	name, method, path, body := words[0], words[1], words[2], words[3]
	lines := []string{method + " " + path + " HTTP/1.1", "Host: ${HOST}"}
	if name != "-" {
		lines = append(lines, "Authorization: Basic ${BASIC "+name+"}")
	}
	if body != "" {
		lines = append(lines, "Content-Type: application/json", "", body)
	}
	return r.raw(lines)
}

// raw sends a request on a connection of its own. What it needs not say itself
// is how long the body is.
func (r *replay) raw(lines []string) error {
	head, bodyText := lines, ""
	for i, line := range lines {
		if line == "" {
			head, bodyText = lines[:i], strings.Join(lines[i+1:], "\n")
			break
		}
	}
	sent, err := r.body(bodyText)
	if err != nil {
		return err
	}
	text, err := r.expand(strings.Join(head, "\r\n"))
	if err != nil {
		return err
	}
	if bodyText != "" && !strings.Contains(text, "\r\nContent-Length: ") && !strings.Contains(text, "\r\nTransfer-Encoding: ") {
		text += fmt.Sprintf("\r\nContent-Length: %d", len(sent))
	}
	method, _, _ := strings.Cut(text, " ")
	if r.step.verb == "http" && len(r.step.answer) == 0 {
		late := make(chan answered, 1)
		r.late = late
		go func() {
			response, body, err := r.roundTrip(method, text+"\r\n\r\n"+sent)
			late <- answered{response, body, err}
		}()
		return nil
	}
	response, body, err := r.roundTrip(method, text+"\r\n\r\n"+sent)
	if err != nil {
		return err
	}
	return r.compare(response, body)
}

// body is what is sent for the text of a body.
func (r *replay) body(text string) (string, error) {
	if digits, isHex := strings.CutPrefix(text, "hex:"); isHex {
		raw, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		return string(raw), err
	}
	text, zipped := strings.CutPrefix(text, "gzip:")
	text, err := r.expand(text)
	if zipped {
		return zip(text), err
	}
	return text, err
}

func zip(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, text)
	w.Close()
	return b.String()
}

func (r *replay) roundTrip(method, request string) (*http.Response, string, error) {
	c, err := net.Dial("tcp", r.gateway.listen)
	if err != nil {
		return nil, "", err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, request); err != nil {
		return nil, "", err
	}
	response, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		return nil, "", err
	}
	body, err := io.ReadAll(response.Body)
	if err == nil {
		err = checkHTTP(request, response, string(body))
	}
	return response, string(body), err
}

// compare holds an answer against the < lines.
func (r *replay) compare(response *http.Response, body string) error {
	if len(r.step.answer) == 0 {
		return fmt.Errorf("got %d %s and nothing is said of the answer", response.StatusCode, body)
	}
	status, want, _ := strings.Cut(r.step.answer[0], " ")
	if strings.HasPrefix(want, "gzip:") {
		unzipped, err := unzip(body)
		if err != nil || response.Header.Get("Content-Encoding") != "gzip" {
			return fmt.Errorf("the answer is not compressed: %.200q", body)
		}
		body = "gzip:" + unzipped
	}
	if err := r.match(status+" "+want, strconv.Itoa(response.StatusCode)+" "+body); err != nil {
		return err
	}
	if kind := response.Header.Get("Content-Type"); want != "" && kind != contentType(response.StatusCode) {
		return fmt.Errorf("the answer is %s", kind)
	}
	for _, line := range r.step.answer[1:] {
		name, value, _ := strings.Cut(line, ":")
		if err := r.match(strings.TrimSpace(value), strings.Join(response.Header.Values(name), ", ")); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func contentType(status int) string {
	if status < 400 {
		return "application/json"
	}
	return "application/problem+json"
}

func unzip(text string) (string, error) {
	r, err := gzip.NewReader(strings.NewReader(text))
	if err != nil {
		return "", err
	}
	plain, err := io.ReadAll(r)
	return string(plain), err
}

func (r *replay) connect() error {
	header := make([]string, len(r.step.sent))
	for i, line := range r.step.sent {
		var err error
		if header[i], err = r.expand(line); err != nil {
			return err
		}
	}
	name, mute, _ := strings.Cut(r.step.args, " ")
	conn, response := wstest.Handshake(r.t, r.gateway.listen, "/api/v1/streams", header...)
	if response.StatusCode == http.StatusSwitchingProtocols {
		r.peers[name] = newPeer(r.t, conn, mute != "")
	}
	if len(r.step.answer) == 0 && response.StatusCode == http.StatusSwitchingProtocols {
		return nil
	}
	body := ""
	if response.StatusCode != http.StatusSwitchingProtocols {
		text, err := io.ReadAll(response.Body)
		if err != nil {
			return err
		}
		body = string(text)
	}
	return r.compare(response, body)
}

// connectLines opens a connection to the lines listener.
func (r *replay) connectLines() error {
	nc, err := net.Dial("tcp", r.gateway.lines)
	if err == nil {
		r.peers[r.step.args] = newLinesPeer(r.t, nc)
	}
	return err
}

func (r *replay) send(p *peer, what string) error {
	if p == nil {
		return fmt.Errorf("there is no such connection")
	}
	text, err := r.expand(r.step.args)
	if err != nil {
		return err
	}
	switch {
	case what == "" && p.lines != nil:
		r.talk(p).sending(text)
		return p.Write([]byte(text + "\n"))
	case what == "":
		r.talk(p).sending(text)
		p.Send(text)
		return nil
	case what == "end":
		return p.Net.(*net.TCPConn).CloseWrite()
	case what == "drop":
		return p.Net.Close()
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err == nil && what == "binary" {
		raw = wstest.Frame(true, wstest.Binary, raw)
	}
	// A repeated frame goes out in one write: how many of them the gateway gets
	// in a second must not depend on how busy the machine is.
	p.Write(bytes.Repeat(raw, r.step.times)) // may fail: the gateway may have had enough
	return err
}

func (r *replay) receive(names []string, what string) error {
	atLast := strings.HasPrefix(what, "at last ")
	for {
		e, err := r.nextOf(names)
		if err != nil || atLast && e.end == nil {
			if err != nil {
				return err
			}
			continue
		}
		switch {
		case what == "end" && e.end != nil && e.end.Code == 0:
			return nil
		case what == "" && e.end == nil:
			return r.match(r.step.args, e.message)
		case strings.HasSuffix(what, "close") && e.end != nil:
			return r.match("close "+r.step.args+"${*}", e.String())
		}
		return fmt.Errorf("got\n %.2000v", e)
	}
}

// talk returns what a connection has said.
func (r *replay) talk(p *peer) *conversation {
	c := r.talks[p]
	if c == nil {
		c = &conversation{channel: "streams", sent: map[float64]string{}}
		if p.lines != nil {
			c.channel = "lines"
		}
		r.talks[p] = c
	}
	return c
}

// nextOf returns the next event on any of the connections.
func (r *replay) nextOf(names []string) (event, error) {
	cases := []reflect.SelectCase{{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(time.After(patience))}}
	for _, name := range names {
		p := r.peers[name]
		if p == nil {
			return event{}, fmt.Errorf("there is no connection %s", name)
		}
		cases = append(cases, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(p.inbox)})
	}
	chosen, value, _ := reflect.Select(cases)
	if chosen == 0 {
		return event{}, fmt.Errorf("nothing comes")
	}
	e := value.Interface().(event)
	if e.end == nil {
		if err := r.talk(r.peers[names[chosen-1]]).received(e.message); err != nil {
			return event{}, err
		}
	}
	return e, nil
}
