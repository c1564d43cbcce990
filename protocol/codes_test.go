package protocol_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"seagate/protocol"
)

// declaredCodes returns the values of the Code constants in codes.go.
func declaredCodes(t *testing.T) []protocol.Code {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var codes []protocol.Code
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Code" {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			codes = append(codes, protocol.Code(value))
		}
		return true
	})
	return codes
}

func TestEveryCodeIsInTheTable(t *testing.T) {
	declared := declaredCodes(t)
	if len(declared) < 40 {
		t.Fatalf("found only %d codes in codes.go", len(declared))
	}
	for _, code := range declared {
		if _, ok := code.Info(); !ok {
			t.Errorf("%s is not in Codes", code)
		}
	}
	seen := map[protocol.Code]bool{}
	titles := map[string]bool{}
	for _, info := range protocol.Codes() {
		if seen[info.Code] || titles[info.Title] {
			t.Errorf("%s or its title is there twice", info.Code)
		}
		seen[info.Code], titles[info.Title] = true, true
		if !slices.Contains(declared, info.Code) {
			t.Errorf("%s has no constant", info.Code)
		}
		if !regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`).MatchString(string(info.Code)) {
			t.Errorf("%s is not in snake case", info.Code)
		}
		if info.Status != 0 && (info.Status < 400 || http.StatusText(info.Status) == "") {
			t.Errorf("%s has status %d", info.Code, info.Status)
		}
		if !slices.Contains([]int{0, 1001, 1007, 1008, 1009, 1011, 4008, 4009, 4010, 4011}, info.Close) {
			t.Errorf("%s has close code %d", info.Code, info.Close)
		}
		if info.Title == "" || !strings.HasSuffix(info.Advice, ".") || strings.Contains(info.Advice, ". ") {
			t.Errorf("%s: title %q, advice %q, want a title and one sentence", info.Code, info.Title, info.Advice)
		}
	}
}

// Clients and operators rely on these numbers.
func TestCodeNumbers(t *testing.T) {
	numbers := map[protocol.Code][2]int{ // HTTP status, WebSocket close code
		"malformed_json": {400, 0}, "invalid_utf8": {400, 1007}, "nesting_too_deep": {400, 0},
		"invalid_request": {400, 0}, "invalid_name": {400, 0}, "invalid_definition": {400, 0},
		"version_too_old": {400, 0}, "invalid_payload": {400, 0}, "invalid_key": {400, 0},
		"invalid_credentials": {401, 1008}, "credentials_required": {401, 0}, "forbidden": {403, 0},
		"stream_not_found": {404, 0}, "version_not_found": {404, 0}, "client_not_found": {404, 0},
		"jail_not_found": {404, 0}, "header_not_found": {404, 0}, "subscription_not_found": {404, 0},
		"path_not_found": {404, 0}, "method_not_allowed": {405, 0}, "version_conflict": {409, 0},
		"stream_paused": {409, 0}, "client_exists": {409, 0}, "jail_exists": {409, 0},
		"last_client": {409, 0}, "root_jail": {409, 0}, "message_too_large": {413, 1009},
		"too_costly": {413, 0}, "header_too_large": {413, 0}, "unsupported_media_type": {415, 0}, "unsupported_encoding": {415, 0},
		"too_many_attempts": {429, 1008}, "rate_limited": {429, 0}, "too_many_subscriptions": {429, 0}, "too_many_provided": {429, 0}, "provide_not_found": {404, 0},
		"too_many_connections": {429, 1008}, "too_many_keys": {409, 0}, "too_many_streams": {429, 0},
		"too_many_versions": {409, 0}, "too_many_clients": {429, 0}, "too_many_jails": {429, 0},
		"origin_not_allowed": {403, 0}, "key_not_found": {404, 0}, "key_taken": {409, 0}, "too_many_revoked_tokens": {429, 0},
		"group_not_found": {404, 4010}, "durability_fixed": {409, 0}, "not_explicit": {409, 0},
		"position_lost": {410, 0}, "idempotency_key_reused": {422, 0}, "too_many_message_ids": {429, 0},
		"too_many_groups": {429, 0}, "insufficient_storage": {507, 0}, "quota_exceeded": {507, 0}, "messages_lost": {0, 4008},
		"internal": {500, 1011}, "shutting_down": {503, 0}, "storage_unavailable": {503, 0},
		"protocol_violation": {0, 1008}, "authentication_timeout": {0, 1008}, "token_expired": {0, 1008},
		"credentials_revoked": {0, 1008}, "too_many_frames": {0, 1008},
		"no_such_service": {404, 0}, "no_such_procedure": {404, 0}, "call_not_found": {404, 0},
		"service_taken": {409, 0}, "too_many_services": {429, 0}, "too_many_calls": {429, 0},
		"server_gone": {502, 0}, "server_error": {502, 0}, "call_cancelled": {502, 0},
		"server_busy": {503, 0}, "call_timeout": {504, 0},
		"peer_gone": {0, 0}, "server_shutdown": {0, 1001}, "stream_deleted": {0, 4009},
		"connection_not_found": {404, 0}, "connection_ended": {0, 4011},
	}
	for _, info := range protocol.Codes() {
		if want, ok := numbers[info.Code]; !ok || want != [2]int{info.Status, info.Close} {
			t.Errorf("%s: got %d, %d, want %v", info.Code, info.Status, info.Close, want)
		}
	}
	if len(numbers) != len(protocol.Codes()) {
		t.Errorf("%d codes, want %d", len(protocol.Codes()), len(numbers))
	}
}

func TestCodesReturnsACopy(t *testing.T) {
	protocol.Codes()[0].Code = "overwritten"
	if protocol.Codes()[0].Code == "overwritten" {
		t.Error("a caller can change the table")
	}
	if _, ok := protocol.Code("no_such_code").Info(); ok {
		t.Error("Info knows a code that does not exist")
	}
}

func TestErrorText(t *testing.T) {
	if got := plainError.Error(); got != "invalid_credentials: The credentials are present and well formed but invalid." {
		t.Errorf("got %s", got)
	}
	if got := listedError.Error(); got != "invalid_payload: Bad payload. [a: must be a string; moves[2].load: must be an integer]" {
		t.Errorf("got %s", got)
	}
}

// errors.As finds the *Error in both kinds of errors, and the *Violation in one.
func TestViolationWrapsItsRefusal(t *testing.T) {
	var err error = &protocol.Violation{ID: 3, Action: "publish", Refusal: plainError}
	if e, ok := errors.AsType[*protocol.Error](err); !ok || e != plainError {
		t.Errorf("unwrapped to %v", e)
	}
	if err.Error() != plainError.Error() {
		t.Errorf("got %s", err)
	}
}

func TestProblem(t *testing.T) {
	tests := []struct {
		name string
		err  *protocol.Error
		want string
	}{
		{"without errors", protocol.Errorf(protocol.CodeStreamNotFound, "There is no stream %q.", "s"),
			`{"type":"/api/v1/errors/stream_not_found","title":"Stream not found","status":404,"detail":"There is no stream \"s\".","message":"There is no stream \"s\".","code":"stream_not_found"}`},
		{"with errors", listedError,
			`{"type":"/api/v1/errors/invalid_payload","title":"Payload does not match the schema","status":400,"detail":"Bad payload.","message":"Bad payload.","errors":["a: must be a string","moves[2].load: must be an integer"],"code":"invalid_payload"}`},
		{"without a message", &protocol.Error{Code: protocol.CodeInternal},
			`{"type":"/api/v1/errors/internal","title":"Internal error","status":500,"message":"","code":"internal"}`},
		{"a code of the WebSocket", &protocol.Error{Code: protocol.CodeMessagesLost, Message: "Slow."},
			`{"type":"/api/v1/errors/messages_lost","title":"Messages lost","status":500,"detail":"Slow.","message":"Slow.","code":"messages_lost"}`},
		{"an unknown code", &protocol.Error{Code: "new_code", Message: "New."},
			`{"type":"/api/v1/errors/new_code","title":"","status":500,"detail":"New.","message":"New.","code":"new_code"}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			problem := protocol.NewProblem(test.err)
			encoded := protocol.AppendProblem(nil, problem)
			if string(encoded) != test.want {
				t.Errorf("got  %s\nwant %s", encoded, test.want)
			}
			if decoded, err := protocol.DecodeProblem(encoded); err != nil || !reflect.DeepEqual(decoded, problem) {
				t.Errorf("decoded: %+v, %v", decoded, err)
			}
			// The struct's tags and AppendProblem must describe the same format.
			if marshaled, err := json.Marshal(problem); err != nil || string(marshaled) != test.want {
				t.Errorf("marshaled: %s, %v", marshaled, err)
			}
		})
	}
}

func TestDecodeProblem(t *testing.T) {
	problem, err := protocol.DecodeProblem([]byte(`{"message":"From a proxy.","trace":{"id":1}}`))
	if err != nil || problem.Message != "From a proxy." || problem.Code != "" {
		t.Errorf("got %+v, %v", problem, err)
	}
	for _, body := range []string{``, `<html>`, `[]`, `"text"`, `{"status":"404"}`, `{"errors":"one"}`, `{"code":"a","code":"b"}`, `{"message":"` + "\xff" + `"}`, `{} {}`} {
		if problem, err := protocol.DecodeProblem([]byte(body)); err == nil {
			t.Errorf("DecodeProblem(%q) = %+v, want an error", body, problem)
		}
	}
}
