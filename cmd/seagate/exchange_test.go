package main_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// An exchange is a file of testdata with what is sent to the gateway and what the
// gateway answers, line by line. It is replayed against the binary, and answers are
// compared byte by byte.
//
//	# text                        a comment
//	set limits.connections 5      a setting; the exchange then has a gateway of its own
//	client abc some_jail          makes the client abc in some_jail, and the jail if it is the first
//	client abc2 other_jail abc    one that the file calls abc2 and whose id is abc
//	token t office RS512 {...}    a token with those claims, signed with the key called office
//
//	http abc POST /api/v1/client {"clientId":"x"}
//	< 200 {"givenId":"x","secret":"${SECRET x=}","description":""}
//	                              a request as a client, or as - for nobody, and its answer
//	                              other lines may come between, which happen during the request
//	> POST /api/v1/client HTTP/1.1
//	> Host: ${HOST}
//	>
//	> gzip:{"clientId":"x"}
//	< 401 ${*}
//	< WWW-Authenticate: Basic ${*}
//	                              the same to the byte; a body may be sent as hex: or gzip: and be
//	                              answered as gzip:, and a header without a value must not be there
//
//	ws a                          opens a connection; > lines add to the handshake, and a < line
//	                              is its answer. After ws a mute it answers no ping and no close
//	a> {"id":1,...}               sends a text message
//	a>binary 00 ff                sends a binary message
//	a>frame 81 80 00 00 00 00     sends bytes
//	a>drop                        cuts the connection
//	a>end                         closes its side of the connection
//	lines a                       opens a connection to the lines listener; > and < lines are lines then
//	a< {"id":1,...}               what comes next
//	a,b< {"id":1,...}             what comes next on one of them
//	a<close 1008 token_expired    the next is a close frame, and its reason begins so
//	a<at last close 4008 slow     the same, after any number of messages
//	a<end                         the next is the end of the connection, without a close frame
//
//	log "code":"peer_gone"        waits for a line of the gateway's log
//	stop                          stops the gateway with SIGTERM
//	repeat 10 ...                 does a line so often
//
// In all of them ${...} stands for something else:
//
//	${HOST}                       the gateway's HOST:PORT
//	${SECRET abc} ${BASIC abc}    a client's secret, and its credentials for HTTP Basic
//	${BASE64 abc:def}             any others
//	${PEM office}                 a public key, as the inside of a JSON string
//	${NOW+60}                     a time, in seconds
//	${UUID g}                     a UUID, the same for the same name
//	${REPEAT 1000 x}              a text repeated
//	${t}                          a token, or a text that was captured
//
// and in what is expected also ${*} for any text and ${name=} or
// ${SECRET abc=} for a text without quotes that is then known by that name.
type exchange struct {
	settings []string // KEY=VALUE of the environment
	steps    []step
}

// A step is a line with the lines that belong to it.
type step struct {
	line   int
	times  int
	verb   string   // "http", "a>", "a,b<close", ...
	args   string   // the rest of the line
	sent   []string // the > lines
	answer []string // the < lines
}

// rounds returns how often the step is executed. Frames are repeated within one round.
func (s *step) rounds() int {
	if strings.HasSuffix(s.verb, ">frame") || strings.HasSuffix(s.verb, ">binary") {
		return 1
	}
	return s.times
}

var peerLine = regexp.MustCompile(`^([a-z0-9,]+(?:<|<close|<at last close|<end|>|>binary|>frame|>drop|>end))(?: (.*))?$`)

func readExchange(name string) (*exchange, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	x := &exchange{}
	for i, line := range strings.Split(string(text), "\n") {
		if err := x.read(i+1, line); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, i+1, err)
		}
	}
	return x, nil
}

func (x *exchange) read(number int, line string) error {
	verb, args, _ := strings.Cut(line, " ")
	switch {
	case line == "" || verb == "#":
		return nil
	case verb == ">" && (len(x.steps) == 0 || !x.last().takesLines()):
		x.steps = append(x.steps, step{line: number, times: 1, verb: "raw", sent: []string{args}})
		return nil
	case verb == ">":
		x.last().sent = append(x.last().sent, args)
		return nil
	case verb == "<" && len(x.steps) > 0 && strings.Contains(x.last().verb, "<"):
		return x.readLateAnswer(number, args)
	case verb == "<" && len(x.steps) > 0:
		x.last().answer = append(x.last().answer, args)
		return nil
	case verb == "set":
		key, value, _ := strings.Cut(args, " ")
		x.settings = append(x.settings, "SEAGATE_"+strings.ToUpper(strings.ReplaceAll(key, ".", "_"))+"="+value)
		return nil
	}
	return x.readStep(number, line)
}

// readLateAnswer reads the answer to the latest request, after what happened
// during it.
func (x *exchange) readLateAnswer(number int, answer string) error {
	for i := len(x.steps) - 1; i >= 0; i-- {
		if s := x.steps[i]; s.verb == "answered" {
			break
		} else if s.verb == "http" && len(s.answer) == 0 {
			x.steps = append(x.steps, step{line: number, times: 1, verb: "answered", args: s.args, answer: []string{answer}})
			return nil
		}
	}
	return fmt.Errorf("no request waits for the answer %s", answer)
}

func (x *exchange) last() *step { return &x.steps[len(x.steps)-1] }

// takesLines reports whether > lines that follow belong to the step.
func (s *step) takesLines() bool {
	return (s.verb == "raw" || s.verb == "ws") && len(s.answer) == 0
}

func (x *exchange) readStep(number int, line string) error {
	s := step{line: number, times: 1}
	if rest, repeated := strings.CutPrefix(line, "repeat "); repeated {
		count, after, _ := strings.Cut(rest, " ")
		times, err := strconv.Atoi(count)
		if err != nil {
			return err
		}
		s.times, line = times, after
	}
	if m := peerLine.FindStringSubmatch(line); m != nil {
		s.verb, s.args = m[1], m[2]
	} else {
		s.verb, s.args, _ = strings.Cut(line, " ")
		switch s.verb {
		case "client", "token", "http", "ws", "lines", "log", "stop":
		default:
			return fmt.Errorf("%q is nothing that can be done", s.verb)
		}
	}
	x.steps = append(x.steps, s)
	return nil
}
