package protocol_test

import (
	"testing"

	"seagate/protocol"
)

func TestNamesThatCannotBeSeen(t *testing.T) {
	for name, visible := range map[string]bool{
		"boiler": true, "größe": true, "데이터": true, "क्षेत्र": true,
		"a\u3164": false, "\u115F": false, "a\uFE0F": false, "a\u034Fb": false, "a\U000E0100": false,
	} {
		if err := protocol.CheckVisible(name); (err == nil) != visible {
			t.Errorf("%q: %v", name, err)
		}
	}
}
