package main_test

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"

	"seagate/gateway/httpapi/describedtest"
)

// What the API says of itself. Each exchange is held against it.
var (
	openAPI  = sync.OnceValue(func() *describedtest.OpenAPI { return mustRead(describedtest.ParseOpenAPI, "openapi.json") })
	asyncAPI = sync.OnceValue(func() *describedtest.AsyncAPI { return mustRead(describedtest.ParseAsyncAPI, "asyncapi.json") })
)

func mustRead[T any](parse func([]byte) (T, error), name string) T {
	text, err := os.ReadFile("../../gateway/httpapi/description/" + name)
	if err != nil {
		panic(err)
	}
	description, err := parse(text)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", name, err))
	}
	return description
}

// checkHTTP holds a request and its answer against the description.
func checkHTTP(request string, response *http.Response, body string) error {
	head, sent, _ := strings.Cut(request, "\r\n\r\n")
	words := strings.Fields(head)
	contentType, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";")
	op := openAPI().Find(words[0], words[1])
	switch {
	case words[0] == http.MethodHead || words[0] == http.MethodOptions || response.StatusCode == http.StatusSwitchingProtocols:
		return nil
	case response.StatusCode >= 400 && contentType != "application/problem+json": // net/http refused it
		return nil
	case op == nil && response.StatusCode == 200 && words[1] != "/":
		return fmt.Errorf("%s %s is not described", words[0], words[1])
	case op == nil:
		return nil
	}
	if response.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if body, err = unzip(body); err != nil {
			return err
		}
	}
	if err := openAPI().CheckAnswer(op, response.StatusCode, contentType, []byte(body)); err != nil {
		return fmt.Errorf("the answer %.2000s is not as openapi.json describes it: %#v", body, err)
	}
	if response.StatusCode == 200 && !strings.Contains(head, "-Encoding:") {
		if err := openAPI().CheckRequest(op, []byte(sent)); err != nil {
			return fmt.Errorf("the request %.2000s is not as openapi.json describes it: %#v", sent, err)
		}
	}
	return nil
}

// A conversation is the requests of a connection that are not answered yet.
type conversation struct {
	channel string
	sent    map[float64]string // by id
}

type envelope struct {
	ID      any   `json:"id"`
	Success *bool `json:"success"`
}

// sending notes a request. It may be malformed.
func (c *conversation) sending(text string) {
	var e envelope
	if json.Unmarshal([]byte(text), &e) == nil {
		if id, ok := e.ID.(float64); ok {
			c.sent[id] = text
		}
	}
}

// received holds a message, and the request that it answers with success, against the description.
func (c *conversation) received(text string) error {
	if err := asyncAPI().Check(c.channel, "send", []byte(text)); err != nil {
		return fmt.Errorf("%.2000s is not as asyncapi.json describes it: %#v", text, err)
	}
	var e envelope
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return err
	}
	id, _ := e.ID.(float64)
	request, waits := c.sent[id]
	if !waits || c.channel == "streams" && (e.Success == nil || !*e.Success) || strings.Contains(text, `"action":"error"`) {
		return nil
	}
	delete(c.sent, id)
	if err := asyncAPI().Check(c.channel, "receive", []byte(request)); err != nil {
		return fmt.Errorf("%.2000s is not as asyncapi.json describes it: %#v", request, err)
	}
	return nil
}

// checkDescribedMessages reports messages that are described and that no exchange shows.
func checkDescribedMessages(t *testing.T) {
	if strings.Contains(flag.Lookup("test.run").Value.String(), "/") { // of some exchanges alone
		return
	}
	unseen := slices.DeleteFunc(asyncAPI().Unseen("streams", "lines"), func(name string) bool {
		return name == "gap" // a stream would have to drop messages while somebody reads it
	})
	if len(unseen) > 0 && !t.Failed() {
		t.Errorf("asyncapi.json describes messages that no exchange shows: %q", unseen)
	}
}
