package protocol_test

import (
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"seagate/protocol"
)

func TestParsePosition(t *testing.T) {
	seq := func(n uint64) protocol.Position { return protocol.Position{Kind: protocol.PositionSeq, Seq: n} }
	at := func(nano int) protocol.Position {
		return protocol.Position{Kind: protocol.PositionTime, Time: time.Date(2026, 11, 21, 10, 0, 0, nano, time.UTC)}
	}
	tests := []struct {
		text string
		want protocol.Position
		// How the position is written, in text and in JSON.
		spelled, json string
	}{
		{"latest", protocol.Position{}, "latest", `"latest"`},
		{"earliest", protocol.Position{Kind: protocol.PositionEarliest}, "earliest", `"earliest"`},
		{"1", seq(1), "1", `1`},
		{"0017", seq(17), "17", `17`},
		{"9007199254740992", seq(1 << 53), "9007199254740992", `9007199254740992`},
		{"2026-11-21T10:00:00Z", at(0), "2026-11-21T10:00:00Z", `"2026-11-21T10:00:00Z"`},
		{"2026-11-21T12:30:00.120+02:30", at(120_000_000), "2026-11-21T10:00:00.12Z", `"2026-11-21T10:00:00.12Z"`},
		{"2026-11-21T10:00:00.1234567891Z", at(123456789), "2026-11-21T10:00:00.123456789Z", `"2026-11-21T10:00:00.123456789Z"`},
	}
	for _, test := range tests {
		got, err := protocol.ParsePosition(test.text)
		if err != nil || got != test.want || got.String() != test.spelled {
			t.Errorf("%s: got %v, %v, want %v", test.text, got, err, test.spelled)
		}
		raw, err := json.Marshal(test.want)
		if err != nil || string(raw) != test.json {
			t.Errorf("%s: marshaled %s, %v, want %s", test.text, raw, err, test.json)
		}
		var again protocol.Position
		if err := json.Unmarshal(raw, &again); err != nil || again != test.want {
			t.Errorf("%s: unmarshaled %v, %v", raw, again, err)
		}
	}
}

func TestParsePositionRefuses(t *testing.T) {
	for _, text := range []string{
		"", "0", "-1", "+1", "1.0", "1e3", "0x1", "1_000", " 1", "9007199254740993", "99999999999999999999",
		"Latest", "earliest ", "now", "-5m", "2026-11-21", "2026-11-21T10:00:00", "2026-11-21 10:00:00Z",
		"2026-11-21T1:00:00Z", "2026-11-21T10:00:00,5Z", "2026-02-30T10:00:00Z", "2026-11-21T10:00:60Z", "2026-11-21T10:00:00+24:00",
		"9999-12-31T23:59:59-00:01", "0000-01-01T00:00:00+00:01",
	} {
		if got, err := protocol.ParsePosition(text); err == nil {
			t.Errorf("ParsePosition(%q) = %v, want an error", text, got)
		} else if e := refusal(t, err); e.Code != protocol.CodeInvalidRequest || e.Message != "A position "+protocol.MustBePosition+"." {
			t.Errorf("ParsePosition(%q): %v", text, e)
		}
	}
	for _, raw := range []string{`null`, `0`, `"1"`, `1.5`, `true`, `{}`, `[]`, `""`} {
		var got protocol.Position
		if err := json.Unmarshal([]byte(raw), &got); err == nil || got != (protocol.Position{}) {
			t.Errorf("Unmarshal(%s): %v, %v, want an error", raw, got, err)
		}
	}
}
