package httpapi

import (
	"net/http"
	"net/url"
	"testing"
)

// FuzzPublishesTo holds the short way of a publish to its endpoint to the ServeMux.
func FuzzPublishesTo(f *testing.F) {
	for _, stream := range []string{"a", "", ".", "..", "a%2Fb", "a%2fb", "%2e", "%61", "a%25b", "a%20b", "größe", "gr%C3%B6%C3%9Fe", "a+b", "a/b", "/", "a;b", "a\"%2F", "publish", "a/publish"} {
		f.Add(base + "/streams/" + stream + "/publish")
	}
	f.Add(base + "/streams/a/publish/")
	f.Add(base + "//streams/a/publish")
	f.Add("http://b" + base + "/streams/a/publish?x=%2F")
	mux, matched := http.NewServeMux(), ""
	mux.HandleFunc(base+publishPath, func(_ http.ResponseWriter, r *http.Request) { matched = r.PathValue("stream") })
	f.Fuzz(func(t *testing.T, path string) {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			return
		}
		r := &http.Request{Method: http.MethodPost, URL: u, Host: "a"}
		if matched = ""; isCanonicalPath(u) {
			mux.ServeHTTP(&unwritten{}, r)
		}
		if got := publishesTo(r); got != "" && got != matched {
			t.Errorf("%q publishes to %q, and the ServeMux says %q", path, got, matched)
		}
		if r.Method = http.MethodGet; publishesTo(r) != "" {
			t.Errorf("GET %q publishes", path)
		}
	})
}

// unwritten is the answer to a request whose answer does not matter.
type unwritten struct{ header http.Header }

func (u *unwritten) Header() http.Header {
	if u.header == nil {
		u.header = http.Header{}
	}
	return u.header
}
func (u *unwritten) Write(p []byte) (int, error) { return len(p), nil }
func (u *unwritten) WriteHeader(int)             {}

// An ordinary publish takes the short way.
func TestPublishesTo(t *testing.T) {
	r := &http.Request{Method: http.MethodPost, URL: &url.URL{Path: "/api/v1/streams/boiler_data/publish"}}
	if got := publishesTo(r); got != "boiler_data" {
		t.Errorf("got %q", got)
	}
}
