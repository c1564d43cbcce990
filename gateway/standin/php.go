package standin

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"

	"github.com/go-json-experiment/json"
)

// PHP is the PHP client, which speaks HTTP alone. It compresses its bodies. Any
// status but 200 is a failure.
type PHP struct {
	URL              string // of the API, without a slash at the end
	ClientID, Secret string
}

// Publish publishes one message. shown is what the client shows of a failure: the
// message, and then each of the errors, one line each. It is nil if it has published.
func (p PHP) Publish(stream, message string) (shown []string, err error) {
	return p.post("/streams/"+stream+"/publish", `{"payload":`+message+`}`)
}

// Define gives a stream a definition. shown is as with Publish.
func (p PHP) Define(stream, definition string) (shown []string, err error) {
	return p.post("/streams/"+stream+"/define", definition)
}

func (p PHP) post(path, body string) (shown []string, err error) {
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	io.WriteString(w, body)
	w.Close()
	r, err := http.NewRequest(http.MethodPost, p.URL+path, &zipped)
	if err != nil {
		return nil, err
	}
	r.SetBasicAuth(p.ClientID, p.Secret)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Content-Encoding", "gzip")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var failure struct {
		Message string   `json:"message"`
		Errors  []string `json:"errors"`
	}
	text, err := io.ReadAll(answer.Body)
	if err == nil {
		err = json.Unmarshal(text, &failure)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", answer.Status, err)
	case answer.StatusCode == http.StatusOK:
		return nil, nil
	}
	return append([]string{failure.Message}, failure.Errors...), nil
}
