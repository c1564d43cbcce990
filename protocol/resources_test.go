package protocol_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/protocol"
)

// TestResourcesInJSON: what the gateway writes is what the documentation shows,
// and the client reads the same from it.
func TestResourcesInJSON(t *testing.T) {
	for want, value := range map[string]any{
		`{"name":"s","version":null,"registered":true,"paused":true,"held":false,"requested":true,"providers":2,"subscribers":1,"groups":3,"firstSeq":1,"lastSeq":0,"bytes":0,"hasHeader":false,"durability":"disk","epoch":null}`: protocol.StreamInfo{
			Name: "s", Version: jsontext.Value("null"), Registered: true, Paused: true, Requested: true, Providers: 2, Subscribers: 1, Groups: 3, FirstSeq: 1, Durability: protocol.DurabilityDisk},
		`{"durability":null,"retention":{"age":null,"bytes":null,"messages":null}}`: protocol.StreamSettings{},
		`{"durability":"memory","retention":{"age":"168h0m0s","bytes":0,"messages":7}}`: protocol.StreamSettings{
			Durability: new(protocol.DurabilityMemory),
			Retention:  protocol.Retention{Age: new(168 * time.Hour), Bytes: new(int64(0)), Messages: new(uint64(7))}},
		`{"id":"a","description":"","jwtPublicKey":null,"createdAt":"2026-01-02T03:04:05.5Z","rights":null}`: protocol.ClientInfo{
			ID: "a", CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 5e8, time.UTC)},
	} {
		text, err := json.Marshal(value)
		if err != nil || string(text) != want {
			t.Errorf("%s, %v; want %s", text, err, want)
		}
		read := reflect.New(reflect.TypeOf(value))
		if err := json.Unmarshal([]byte(want), read.Interface()); err != nil || !reflect.DeepEqual(read.Elem().Interface(), value) {
			t.Errorf("%s is read as %+v, %v", want, read.Elem(), err)
		}
	}
}

// TestSettingsThatAreNotSetCanBeLeftOut, as a client does in what it sends.
func TestSettingsThatAreNotSetCanBeLeftOut(t *testing.T) {
	set := protocol.StreamSettings{Retention: protocol.Retention{Bytes: new(int64(0))}}
	text, err := json.Marshal(set, json.OmitZeroStructFields(true))
	if want := `{"retention":{"bytes":0}}`; err != nil || string(text) != want {
		t.Errorf("%s, %v; want %s", text, err, want)
	}
}

func TestNullable(t *testing.T) {
	for want, n := range map[string]protocol.Nullable{`null`: "", `"a\"b"`: `a"b`} {
		if text, err := json.Marshal(n); err != nil || string(text) != want {
			t.Errorf("%q is %s, %v", n, text, err)
		}
		var read protocol.Nullable
		if err := json.Unmarshal([]byte(want), &read); err != nil || read != n {
			t.Errorf("%s is read as %q, %v", want, read, err)
		}
	}
}
