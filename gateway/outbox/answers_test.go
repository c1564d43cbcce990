package outbox_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"seagate/gateway/outbox"
)

// Answers come in the order of the requests, those that are due together together;
// those without a frame are skipped, and whoever asks for one place too many, or for all to be sent, waits.
func TestAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []string
		a := outbox.NewAnswers(func(frames []byte, more bool) {
			sent = append(sent, fmt.Sprintf("%s, more %t", frames, more))
		})
		first, silent, third := a.Reserve(3), a.Reserve(3), a.Reserve(3)
		a.Fill(third, []byte("third"))
		a.Fill(silent, nil)
		var fourth *outbox.Answer
		go func() { fourth = a.Reserve(3) }()
		synctest.Wait()
		if fourth != nil || len(sent) > 0 {
			t.Fatalf("a fourth place: %t; sent %q", fourth != nil, sent)
		}
		a.Fill(first, []byte("first "))
		settled := false
		synctest.Wait()
		go func() { a.Settle(); settled = true }()
		synctest.Wait()
		if settled || fourth == nil || !slices.Equal(sent, []string{"first third, more false"}) {
			t.Fatalf("settled %t, a fourth place %t, sent %q", settled, fourth != nil, sent)
		}
		a.Fill(fourth, nil)
		synctest.Wait()
		if !settled {
			t.Error("it does not settle")
		}
	})
}
