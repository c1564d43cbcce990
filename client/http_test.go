package client_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/client"
	"seagate/protocol"
)

// serve returns a client of an HTTP server.
func serve(t testing.TB, handler http.HandlerFunc) *client.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c, err := client.New(server.URL+"/prefix/", client.Basic("abc", "def123"), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func collect[T any](seq iter.Seq2[T, error]) (all []T, err error) {
	for v, e := range seq {
		if e != nil {
			return all, e
		}
		all = append(all, v)
	}
	return all, nil
}

func TestHTTPCalls(t *testing.T) {
	ok := func(err error) string { return fmt.Sprint(err) }
	tests := []struct {
		name   string
		want   string // method, path and body of the request
		answer string
		call   func(context.Context, *client.Client) string
		result string
	}{
		{"publish", `POST /streams/boiler_data/publish {"payload":{"a":1}}`, `{"seq":17,"time":"2026-11-21T10:00:00.5Z","epoch":"e1"}`,
			func(ctx context.Context, c *client.Client) string {
				return fmt.Sprint(c.Publish(ctx, "boiler_data", map[string]int{"a": 1}))
			}, `{17 17 2026-11-21 10:00:00.5 +0000 UTC e1} <nil>`},
		{"publish raw", `POST /streams/gr%C3%B6%C3%9Fe:1/publish {"payload":{"a":1.50,"b":"\u00e9"}}`, `{}`,
			func(ctx context.Context, c *client.Client) string {
				return fmt.Sprint(c.Publish(ctx, "größe:1", jsontext.Value(`{"a": 1.50, "b":"\u00e9"}`)))
			}, `{0 0 0001-01-01 00:00:00 +0000 UTC } <nil>`},
		{"publish a batch", `POST /streams/s/publish [{"a":1},{"a":2}]`, `{"seq":17,"lastSeq":18,"time":"2026-11-21T10:00:00.5Z","epoch":"e1"}`,
			func(ctx context.Context, c *client.Client) string {
				return fmt.Sprint(c.PublishBatch(ctx, "s", []map[string]int{{"a": 1}, {"a": 2}}))
			}, `{17 18 2026-11-21 10:00:00.5 +0000 UTC e1} <nil>`},
		{"define", `POST /streams/s/define {"version":1,"fields":[]}`, `{"name":"s","version":1,"fields":[]}`,
			func(ctx context.Context, c *client.Client) string {
				raw, err := c.Define(ctx, "s", jsontext.Value(`{"version":1,"fields":[]}`))
				return fmt.Sprint(raw, err)
			}, `{"name":"s","version":1,"fields":[]} <nil>`},
		{"plan", `POST /streams/s/define?dryRun=true {"version":2}`, `{"change":"replaced","differences":["a: gone"],"breaking":["a: gone"],"definition":{}}`,
			func(ctx context.Context, c *client.Client) string {
				plan, err := c.PlanDefine(ctx, "s", jsontext.Value(`{"version":2}`))
				return fmt.Sprint(plan, err)
			}, `{replaced [a: gone] [a: gone] {}} <nil>`},
		{"schema", `GET /streams/s/schemas/current `, `{"name":"s"}`,
			func(ctx context.Context, c *client.Client) string {
				raw, err := c.Schema(ctx, "s")
				return fmt.Sprint(raw, err)
			}, `{"name":"s"} <nil>`},
		{"schemas", `GET /streams/s/schemas `, `{"schemas":[{"version":1},{"version":"2.0"}]}`,
			func(ctx context.Context, c *client.Client) string {
				all, err := c.SchemaVersions(ctx, "s")
				return fmt.Sprint(all, err)
			}, `[{"version":1} {"version":"2.0"}] <nil>`},
		{"one schema", `GET /streams/s/schemas/1.0.0 `, `{"version":1}`,
			func(ctx context.Context, c *client.Client) string {
				raw, err := c.SchemaVersion(ctx, "s", "1.0.0")
				return fmt.Sprint(raw, err)
			}, `{"version":1} <nil>`},
		{"changes", `GET /streams/s/schemas/2.0/changes?since=1 `, `{"since":1,"version":"2.0","compatible":false,"differences":["a: gone"],"breaking":["a: gone"]}`,
			func(ctx context.Context, c *client.Client) string {
				changes, err := c.SchemaChanges(ctx, "s", "1", "2.0")
				return fmt.Sprint(changes, err)
			}, `{1 "2.0" false [a: gone] [a: gone]} <nil>`},
		{"versions vector", `POST /schema-versions-vector {"schemaNames":["a","b","c"]}`, `{"versionsVector":[3,null,"1.0.0"]}`,
			func(ctx context.Context, c *client.Client) string {
				vector, err := c.VersionsVector(ctx, []string{"a", "b", "c"})
				return fmt.Sprint(vector, vector[1] == nil, err)
			}, `[3 null "1.0.0"] true <nil>`},
		{"stream", `GET /streams/s `, `{"name":"s","version":null,"paused":true,"held":true,"providers":1,"subscribers":2,"groups":3,"firstSeq":1,"lastSeq":7,"bytes":12,"hasHeader":true,"epoch":"8f14e45f","durability":"disk"}`,
			func(ctx context.Context, c *client.Client) string {
				info, err := c.Stream(ctx, "s")
				return fmt.Sprintf("%+v %v", info, err)
			}, `{Name:s Version:null Registered:false Paused:true Held:true Requested:false Providers:1 Subscribers:2 Groups:3 FirstSeq:1 LastSeq:7 Bytes:12 HasHeader:true Durability:disk Epoch:8f14e45f} <nil>`},
		{"delete stream", `DELETE /streams/s `, `{"name":"s"}`,
			func(ctx context.Context, c *client.Client) string { return ok(c.DeleteStream(ctx, "s")) }, `<nil>`},
		{"header", `GET /streams/s/header `, `{"payload":{"a":1}}`,
			func(ctx context.Context, c *client.Client) string {
				raw, err := c.Header(ctx, "s")
				return fmt.Sprint(raw, err)
			}, `{"a":1} <nil>`},
		{"set header", `PUT /streams/s/header {"payload":{"a":1}}`, `{"seq":17,"time":"2026-11-21T10:00:00.5Z","epoch":"e1"}`,
			func(ctx context.Context, c *client.Client) string {
				return ok(c.SetHeader(ctx, "s", map[string]int{"a": 1}))
			}, `<nil>`},
		{"clear header", `DELETE /streams/s/header `, `{}`,
			func(ctx context.Context, c *client.Client) string { return ok(c.ClearHeader(ctx, "s")) }, `<nil>`},
		{"messages", `GET /streams/s/messages?epoch=e1&from=5&limit=2 `,
			`{"messages":[{"seq":7,"time":"2026-11-21T10:00:00.5Z","payload":{"a":1.50}}],"epoch":"e1","firstSeq":7,"nextSeq":9,"dropped":2,"next":"8"}`,
			func(ctx context.Context, c *client.Client) string {
				page, err := c.Messages(ctx, "s", client.AtSeq(5), 2, "e1")
				return fmt.Sprintf("%v %v", page, err)
			}, `{[{s {"a":1.50} 7 2026-11-21 10:00:00.5 +0000 UTC e1 0 false {0 0} <nil> <nil> }] e1 7 9 2 8 false} <nil>`},
		{"messages, with a number for next", `GET /streams/s/messages?from=2026-11-21T10%3A00%3A00Z `, `{"messages":[],"epoch":"e1","firstSeq":1,"nextSeq":9,"next":8}`,
			func(ctx context.Context, c *client.Client) string {
				page, err := c.Messages(ctx, "s", client.Since(time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)), 0, "")
				return fmt.Sprintf("%v %v", page, err)
			}, `{[] e1 1 9 0 8 false} <nil>`},
		{"messages at the end", `GET /streams/s/messages?from=latest `, `{"messages":[],"epoch":"e1","firstSeq":1,"nextSeq":1,"next":null}`,
			func(ctx context.Context, c *client.Client) string {
				page, err := c.Messages(ctx, "s", client.Position{}, 0, "")
				return fmt.Sprintf("%v %v", page, err)
			}, `{[] e1 1 1 0 latest true} <nil>`},
		{"settings", `GET /streams/s/settings `,
			`{"set":{"durability":null,"retention":{"age":"1h30m0s","bytes":null}},"effective":{"durability":"disk","retention":{"age":"1h30m0s","bytes":1073741824,"messages":0}}}`,
			func(ctx context.Context, c *client.Client) string {
				settings, err := c.StreamSettings(ctx, "s")
				set, effective := settings.Set.Retention, settings.Effective.Retention
				return fmt.Sprint(settings.Set.Durability == nil, *set.Age, set.Bytes == nil, set.Messages == nil,
					*settings.Effective.Durability, *effective.Age, *effective.Bytes, *effective.Messages, err)
			}, `true 1h30m0s true truedisk1h30m0s 1073741824 0 <nil>`},
		{"set settings", `PUT /streams/s/settings {"durability":"memory","retention":{"age":"168h0m0s","messages":0}}`, `{"set":{},"effective":{}}`,
			func(ctx context.Context, c *client.Client) string {
				retention := client.Retention{Age: new(168 * time.Hour), Messages: new(uint64(0))}
				_, err := c.SetStreamSettings(ctx, "s", client.StreamSettings{Durability: new(client.DurabilityMemory), Retention: retention})
				return ok(err)
			}, `<nil>`},
		{"reset settings", `PUT /streams/s/settings {}`, `{"set":{},"effective":{}}`,
			func(ctx context.Context, c *client.Client) string {
				_, err := c.SetStreamSettings(ctx, "s", client.StreamSettings{})
				return ok(err)
			}, `<nil>`},
		{"groups", `GET /streams/s/groups?limit=100 `, `{"groups":[` + groupJSON + `],"next":null}`,
			func(ctx context.Context, c *client.Client) string {
				all, err := collect(c.Groups(ctx, "s"))
				return fmt.Sprintf("%+v %v", all, err)
			}, `[` + groupText + `] <nil>`},
		{"group", `GET /streams/s/groups/floor/0a0e1b5c-7e52-4b7a-9a57-0d8f2f6f1a10 `, groupJSON,
			func(ctx context.Context, c *client.Client) string {
				info, err := c.Group(ctx, "s", "floor", "0A0E1B5C-7E52-4B7A-9A57-0D8F2F6F1A10")
				return fmt.Sprintf("%+v %v", info, err)
			}, groupText + ` <nil>`},
		{"delete group", `DELETE /streams/s/groups/floor/ungrouped `, `{}`,
			func(ctx context.Context, c *client.Client) string { return ok(c.DeleteGroup(ctx, "s", "floor", "")) }, `<nil>`},
		{"move group", `POST /streams/s/groups/floor/ungrouped/move {"to":1,"epoch":"e1"}`, `{"position":1,"was":5,"lag":7,"again":4}`,
			func(ctx context.Context, c *client.Client) string {
				moved, err := c.MoveGroup(ctx, "s", "floor", "", client.AtSeq(1), "e1")
				return fmt.Sprintf("%+v %v", moved, err)
			}, `{Position:1 Was:5 Lag:7 Again:4 Skipped:0} <nil>`},
		{"plan to move group", `POST /streams/s/groups/floor/ungrouped/move {"to":"earliest","dryRun":true}`, `{"position":1,"was":5,"lag":7,"again":4}`,
			func(ctx context.Context, c *client.Client) string {
				moved, err := c.PlanMoveGroup(ctx, "s", "floor", "", client.Earliest(), "")
				return fmt.Sprintf("%+v %v", moved, err)
			}, `{Position:1 Was:5 Lag:7 Again:4 Skipped:0} <nil>`},
		{"backup", `GET /backup `, `a tar`,
			func(ctx context.Context, c *client.Client) string {
				var b strings.Builder
				err := c.Backup(ctx, &b)
				return fmt.Sprint(b.String(), err)
			}, `a tar<nil>`},
		{"pause", `POST /streams/s/pause `, `{"name":"s","paused":true}`,
			func(ctx context.Context, c *client.Client) string { return ok(c.Pause(ctx, "s")) }, `<nil>`},
		{"resume", `POST /streams/s/resume `, `{"name":"s","paused":false}`,
			func(ctx context.Context, c *client.Client) string { return ok(c.Resume(ctx, "s")) }, `<nil>`},
		{"create client", `POST /client {"clientId":"b","description":"d"}`, `{"givenId":"b","secret":"sea_x","description":"d"}`,
			func(ctx context.Context, c *client.Client) string {
				made, err := c.CreateClient(ctx, "b", "d")
				return fmt.Sprint(made.ClientID, " ", made.Secret.Reveal(), " ", made, err)
			}, `b sea_x { b (hidden)} <nil>`},
		{"rotate", `PUT /client/b `, `{"givenId":"b","secret":"sea_y"}`,
			func(ctx context.Context, c *client.Client) string {
				made, err := c.RotateSecret(ctx, "b")
				return fmt.Sprint(made.ClientID, " ", made.Secret.Reveal(), err)
			}, `b sea_y<nil>`},
		{"delete client", `DELETE /client/b `, `{"id":"b"}`,
			func(ctx context.Context, c *client.Client) string { return ok(c.DeleteClient(ctx, "b")) }, `<nil>`},
		{"set key", `PUT /client/b/jwt-public-key {"jwtPublicKey":"-----"}`, `{"givenId":"b","jwtPublicKey":"-----"}`,
			func(ctx context.Context, c *client.Client) string { return ok(c.SetPublicKey(ctx, "b", "-----")) }, `<nil>`},
		{"clear key", `PUT /client/b/jwt-public-key {"jwtPublicKey":null}`, `{"givenId":"b","jwtPublicKey":null}`,
			func(ctx context.Context, c *client.Client) string { return ok(c.SetPublicKey(ctx, "b", "")) }, `<nil>`},
		{"create jail", `POST /jails {"newJailId":"j","newJailName":"J","newClientId":"b"}`, `{"newJailId":"j","newClientId":"b","newClientSecret":"sea_z"}`,
			func(ctx context.Context, c *client.Client) string {
				made, err := c.CreateJail(ctx, "j", "J", "b")
				return fmt.Sprint(made.JailID, made.ClientID, made.Secret.Reveal(), err)
			}, `jbsea_z<nil>`},
		{"delete jail", `DELETE /jails/j `, `{"id":"j"}`,
			func(ctx context.Context, c *client.Client) string { return ok(c.DeleteJail(ctx, "j")) }, `<nil>`},
		{"clients", `GET /clients?limit=100 `, `{"clients":[{"id":"b","description":"d","jwtPublicKey":null,"createdAt":"2026-01-02T03:04:05Z"}],"next":null}`,
			func(ctx context.Context, c *client.Client) string {
				all, err := collect(c.Clients(ctx))
				return fmt.Sprint(all, err)
			}, `[{b d <nil> 2026-01-02 03:04:05 +0000 UTC <nil> <nil>}] <nil>`},
		{"jails", `GET /jails?limit=100 `, `{"jails":[{"id":"j","name":"J","createdAt":"2026-01-02T03:04:05Z"}],"next":null}`,
			func(ctx context.Context, c *client.Client) string {
				all, err := collect(c.Jails(ctx))
				return fmt.Sprint(all, err)
			}, `[{j J 2026-01-02 03:04:05 +0000 UTC <nil>}] <nil>`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if got := r.Method + " " + strings.TrimPrefix(r.RequestURI, "/prefix/api/v1") + " " + string(body); got != test.want {
					t.Errorf("the request is\n\t%s, want\n\t%s", got, test.want)
				}
				if id, secret, _ := r.BasicAuth(); id != "abc" || secret != "def123" {
					t.Errorf("credentials %s:%s", id, secret)
				}
				if kind := r.Header.Get("Content-Type"); len(body) > 0 && kind != "application/json" {
					t.Errorf("Content-Type %q", kind)
				}
				io.WriteString(w, test.answer)
			})
			if got := test.call(t.Context(), c); got != test.result {
				t.Errorf("the result is\n\t%s, want\n\t%s", got, test.result)
			}
		})
	}
}

const (
	groupJSON = `{"streamName":"s","clientId":"floor","groupId":null,"members":1,"position":5,"lag":3,"lagSeconds":1.5,"inFlight":2,"redelivered":4,"deadLettered":6,"lost":7,"createdAt":"2026-01-02T03:04:05Z","lastActive":"2026-01-02T03:04:06Z"}`
	groupText = `{StreamName:s ClientID:floor GroupID: Members:1 Abandoned:false Position:5 Lag:3 LagSeconds:1.5 Trend:[] InFlight:2 Redelivered:4 DeadLettered:6 Lost:7 CreatedAt:2026-01-02 03:04:05 +0000 UTC LastActive:2026-01-02 03:04:06 +0000 UTC}`
)

func TestPages(t *testing.T) {
	var asked []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RawQuery)
		switch r.URL.Query().Get("after") {
		case "":
			io.WriteString(w, `{"streams":[{"name":"a"},{"name":"ä+b"}],"next":"ä+b"}`)
		default:
			io.WriteString(w, `{"streams":[{"name":"c"}]}`)
		}
	})
	var names []string
	for info, err := range c.Streams(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, info.Name)
	}
	if want := []string{"a", "ä+b", "c"}; !slices.Equal(names, want) {
		t.Errorf("streams %q, want %q", names, want)
	}
	if want := []string{"limit=100", "after=%C3%A4%2Bb&limit=100"}; !slices.Equal(asked, want) {
		t.Errorf("asked for %q, want %q", asked, want)
	}
	for range c.Streams(t.Context()) {
		break
	}
	if len(asked) != 3 {
		t.Errorf("%d pages were read, want 3: who breaks off needs no more", len(asked))
	}
}

func TestPagesThatAreNotAGateways(t *testing.T) {
	for _, answer := range []string{``, `[]`, `{}`, `{"streams":{}}`, `{"streams":[],"next":7}`, `{"streams":[{"name":"a"}],"next":"a"}`} {
		calls := 0
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if calls++; calls > 2 {
				t.Fatal("it is read for ever")
			}
			io.WriteString(w, answer)
		})
		if _, err := collect(c.Streams(t.Context())); !errors.Is(err, client.ErrConnection) {
			t.Errorf("%s: got %v, want ErrConnection", answer, err)
		}
	}
}

func TestHTTPRefusals(t *testing.T) {
	problem := protocol.AppendProblem(nil, protocol.NewProblem(&protocol.Error{
		Code: protocol.CodeInvalidPayload, Message: "does not match", Errors: []string{"a: x", "b: y"}}))
	tests := []struct {
		name   string
		status int
		body   string
		want   client.Error
	}{
		{"problem", 400, string(problem), client.Error{Code: protocol.CodeInvalidPayload, Status: 400,
			Message: "does not match", Errors: []string{"a: x", "b: y"}}},
		{"an older server's", 404, `{"message":"Not found"}`, client.Error{Status: 404, Message: "Not found"}},
		{"a proxy's", 502, `<html>`, client.Error{Status: 502, Message: "the answer is HTTP 502 Bad Gateway and does not come from a gateway"}},
		{"JSON of something else", 500, `{}`, client.Error{Status: 500, Message: "the answer is HTTP 500 Internal Server Error and does not come from a gateway"}},
		{"a success that is none", 201, `{}`, client.Error{Status: 201, Message: "the answer is HTTP 201 Created and does not come from a gateway"}},
		{"a redirect", 307, ``, client.Error{Status: 307, Message: "the answer is HTTP 307 Temporary Redirect and does not come from a gateway"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.Path, "elsewhere") {
					t.Error("the redirect was followed")
				}
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(test.status)
				io.WriteString(w, test.body)
			})
			_, err := c.Publish(t.Context(), "s", 1)
			got, ok := errors.AsType[*client.Error](err)
			if !ok || fmt.Sprintf("%#v", *got) != fmt.Sprintf("%#v", test.want) {
				t.Errorf("got %#v, want %#v", got, test.want)
			}
			if want := `client: publish to "s": ` + test.want.Error(); err.Error() != want {
				t.Errorf("got %q, want %q", err, want)
			}
		})
	}
}

func TestAnswersThatAreNotAGateways(t *testing.T) {
	tests := []struct {
		name   string
		answer func(http.ResponseWriter)
	}{
		{"no JSON", func(w http.ResponseWriter) { io.WriteString(w, "ok") }},
		{"a next that is no position", func(w http.ResponseWriter) { io.WriteString(w, `{"messages":[],"next":"soon"}`) }},
		{"a next that is no value", func(w http.ResponseWriter) { io.WriteString(w, `{"messages":[],"next":{}}`) }},
		{"a duplicate key", func(w http.ResponseWriter) { io.WriteString(w, `{"a":1,"a":2}`) }},
		{"cut off", func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, `{"name":`)
		}},
		{"without end", func(w http.ResponseWriter) {
			io.WriteString(w, `{}`)
			spaces := bytes.Repeat([]byte(" "), 1<<20)
			for range 34 {
				w.Write(spaces)
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) { test.answer(w) })
			_, err := c.Messages(t.Context(), "s", client.Earliest(), 0, "")
			if !errors.Is(err, client.ErrConnection) {
				t.Errorf("got %v, want ErrConnection", err)
			}
		})
	}
}

func TestBadNamesAreNotSent(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { t.Errorf("%s %s was asked for", r.Method, r.URL) })
	ctx := t.Context()
	for _, name := range []string{"", ".", "..", "a/b", "../clients", "a%2fb", "a b", strings.Repeat("x", 256)} {
		wantRefusal(t, c.DeleteStream(ctx, name), protocol.CodeInvalidName)
		wantRefusal(t, c.DeleteClient(ctx, name), protocol.CodeInvalidName)
		wantRefusal(t, c.DeleteJail(ctx, name), protocol.CodeInvalidName)
		wantRefusal(t, c.DeleteGroup(ctx, name, "a", ""), protocol.CodeInvalidName)
		wantRefusal(t, c.DeleteGroup(ctx, "s", name, ""), protocol.CodeInvalidName)
		if name != "" {
			wantRefusal(t, c.DeleteGroup(ctx, "s", "a", name), protocol.CodeInvalidRequest)
		}
		if _, err := collect(c.Groups(ctx, name)); client.CodeOf(err) != protocol.CodeInvalidName {
			t.Errorf("Groups of %q: %v", name, err)
		}
		if _, err := c.PlanDefine(ctx, name, 1); client.CodeOf(err) != protocol.CodeInvalidName {
			t.Errorf("PlanDefine of %q: %v", name, err)
		}
	}
	for _, version := range []string{"", ".", "..", "1/../..", "x"} {
		_, err := c.SchemaVersion(ctx, "s", version)
		wantRefusal(t, err, protocol.CodeVersionNotFound)
		_, err = c.SchemaChanges(ctx, "s", version, "")
		wantRefusal(t, err, protocol.CodeVersionNotFound)
		_, err = c.SchemaChanges(ctx, "s", "1", cmp.Or(version, "current"))
		wantRefusal(t, err, protocol.CodeVersionNotFound)
	}
}

func TestTokensAreRefusedForHTTP(t *testing.T) {
	c, err := client.New("http://gateway.test", client.JWT("abc", "a.b.c"), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Publish(t.Context(), "s", 1); !errors.Is(err, client.ErrTokenReads) {
		t.Errorf("got %v, want ErrTokenReads", err)
	}
}

func TestABatchMustBeAnArray(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { t.Error("it was sent") })
	if _, err := c.PublishBatch(t.Context(), "s", map[string]int{}); err == nil {
		t.Error("an object was taken for a batch")
	}
}

func TestHTTPCallsEndWithTheirContext(t *testing.T) {
	release := make(chan struct{})
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { <-release })
	defer close(release)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errEnough)
	if err := c.Pause(ctx, "s"); !errors.Is(err, errEnough) || errors.Is(err, client.ErrConnection) {
		t.Errorf("got %v, want the context's cause", err)
	}
}

func (body transport) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(body))}, nil
}

func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{`{"streams":[{"name":"a","version":"1.0"}],"next":"a"}`, `{"streams":null}`, `{"versionsVector":[1,null]}`, `{"messages":[{"seq":1,"time":"2026-11-21T10:00:00Z","payload":1}],"next":"2"}`,
		`{"set":{"retention":{"age":"1h"}},"effective":{}}`, `{"groups":[{"groupId":null}]}`, `[]`, ``} {
		f.Add([]byte(seed))
	}
	// Whatever the answer is, the call returns a result or an error.
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := client.New("http://gateway.test", client.Basic("abc", "s"), client.Options{HTTPClient: &http.Client{Transport: transport(body)}})
		if err != nil {
			t.Fatal(err)
		}
		collect(c.Streams(t.Context()))
		collect(c.Groups(t.Context(), "s"))
		c.StreamSettings(t.Context(), "s")
		if page, err := c.Messages(t.Context(), "s", client.Earliest(), 0, ""); err == nil && page.AtEnd && page.Next != (client.Position{}) {
			t.Errorf("a page at the end has a next one, %v", page.Next)
		}
		vector, err := c.VersionsVector(t.Context(), []string{"a", "b"})
		if err == nil && len(vector) != 2 {
			t.Errorf("%d versions for 2 streams", len(vector))
		}
	})
}
