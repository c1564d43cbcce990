package streams_test

import (
	"strings"
	"testing"
	"time"

	"seagate/storage"
	"seagate/storage/memory"
	"seagate/streams"
	"seagate/streams/streamstest"
)

func TestOpenNamesEveryOptionThatIsWrong(t *testing.T) {
	complete := streamstest.Options(streams.Options{OnPanic: func(_, _ any) {}})
	tests := []struct {
		name  string
		set   func(o *streams.Options)
		named []string
	}{
		{"complete", func(*streams.Options) {}, nil},
		{"nothing set", func(o *streams.Options) { *o = streams.Options{} }, []string{
			"Workers", "TailMessages", "TailBytes", "TopicsPerSpace", "Policy.Durability", "RepeatWindow", "RetentionInterval", "Clock", "OnPanic",
		}},
		{"negative", func(o *streams.Options) { o.Workers, o.RetentionInterval = -1, -time.Second }, []string{"Workers", "RetentionInterval"}},
		{"no such durability", func(o *streams.Options) { o.Policy.Durability = "paper" }, []string{"Policy.Durability"}},
		{"the longest window", func(o *streams.Options) { o.RepeatWindow = storage.MaxAppendWindow }, nil},
		{"a longer window", func(o *streams.Options) { o.RepeatWindow = storage.MaxAppendWindow + 1 }, []string{"RepeatWindow"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := complete
			test.set(&o)
			engine := memory.New()
			n, err := streams.Open(t.Context(), streams.Stores{Records: engine, Disk: engine, Memory: memory.New()}, o)
			if err == nil {
				n.Close()
				if test.named != nil {
					t.Fatalf("opened, though %v are wrong", test.named)
				}
				return
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(test.named) {
				t.Fatalf("%v\nnames %d fields, want %v", err, len(lines), test.named)
			}
			for i, field := range test.named {
				if !strings.Contains(lines[i], field+" ") {
					t.Errorf("%q does not name %s", lines[i], field)
				}
			}
		})
	}
}
