package storage_test

import (
	"errors"
	"strings"
	"testing"

	"seagate/storage"
)

func TestCheckRecord(t *testing.T) {
	tests := []struct {
		name, table, key string
		value            int
		says             string // "" for valid
	}{
		{"ordinary", "table", "key", 5, ""},
		{"no value", "table", "key", 0, ""},
		{"longest", strings.Repeat("t", storage.MaxTable), strings.Repeat("k", storage.MaxKey), storage.MaxValue, ""},
		{"control characters", "\x01\n", "\x7f/", 0, ""},
		{"outside the BMP", "\U0010ffff", "\U0001f600", 0, ""},
		{"no table", "", "key", 0, "empty table"},
		{"no key", "table", "", 0, "empty key"},
		{"table too long", strings.Repeat("t", storage.MaxTable+1), "key", 0, "at most 255"},
		{"key too long", "table", strings.Repeat("k", storage.MaxKey+1), 0, "at most 4096"},
		{"value too long", "table", "key", storage.MaxValue + 1, "at most 8388608"},
		{"table not UTF-8", "t\xff", "key", 0, "not UTF-8"},
		{"key with a truncated character", "table", "\xe2\x82", 0, "not UTF-8"},
		{"key with a surrogate", "table", "\xed\xa0\x80", 0, "not UTF-8"},
		{"table with NUL", "t\x00", "key", 0, "NUL"},
		{"key with NUL", "table", "\x00key", 0, "NUL"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := storage.CheckRecord(test.table, test.key, make([]byte, test.value))
			switch {
			case test.says == "" && err != nil:
				t.Errorf("refused: %v", err)
			case test.says != "" && (!errors.Is(err, storage.ErrInvalid) || !strings.Contains(err.Error(), test.says)):
				t.Errorf("got %v, want ErrInvalid with %q", err, test.says)
			}
		})
	}
}
