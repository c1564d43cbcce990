package app

import (
	"reflect"
	"testing"
	"time"

	"seagate/cmd/seagate/config"
)

// TestPartsGetEveryOption: no part falls back on a default of its own.
func TestPartsGetEveryOption(t *testing.T) {
	c := config.Default()
	for _, options := range []any{networkOptions(c), groupOptions(c)} {
		v := reflect.ValueOf(options)
		for _, field := range reflect.VisibleFields(v.Type()) {
			if field.Type.Kind() != reflect.Func && v.FieldByIndex(field.Index).IsZero() {
				t.Errorf("%T.%s is not set", options, field.Name)
			}
		}
	}
	if got := groupOptions(c).Checkpoint; got != 250*time.Millisecond {
		t.Errorf("the progress of groups is written every %v", got)
	}
}
