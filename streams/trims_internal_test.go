package streams

import (
	"testing"

	"seagate/storage"
)

// The reason is known as soon as the message is gone, which is before the trim has ended.
func TestTheReasonOfATrimThatIsUnderWay(t *testing.T) {
	topic := &Topic{}
	topic.trims.begin(storage.Bounds{First: 1, Next: 10}, storage.Retention{Messages: 4})
	if trim, known := topic.Trimmed(3); !known || !trim.Messages || trim.Bytes || trim.At.IsZero() {
		t.Errorf("%v %+v", known, trim)
	}
	topic.trims.end(6)
	if trim, known := topic.Trimmed(5); !known || trim.First != 1 || trim.Last != 5 {
		t.Errorf("%v %+v", known, trim)
	}
	if trim, known := topic.Trimmed(6); known {
		t.Errorf("%+v", trim)
	}
	topic.trims.begin(storage.Bounds{First: 6, Next: 10}, storage.Retention{Messages: 4})
	topic.trims.end(6) // it failed
	if trim, known := topic.Trimmed(6); known || len(topic.trims) != 1 {
		t.Errorf("%+v", trim)
	}
}
