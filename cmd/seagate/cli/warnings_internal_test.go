package cli

import (
	"bytes"
	"testing"
)

func TestWarnings(t *testing.T) {
	for asJSON, want := range map[bool]string{
		false: "warning: disk is almost full (path /data, free_bytes 4096)\n",
		true:  `{"warning":"disk is almost full (path /data, free_bytes 4096)"}` + "\n",
	} {
		var notes bytes.Buffer
		c := &Console{notes: &notes, JSON: asJSON}
		log := c.Warnings().With("path", "/data")
		log.Info("nothing that the user needs")
		log.Warn("disk is almost full", "free_bytes", 4096)
		if notes.String() != want {
			t.Errorf("got %q, want %q", notes.String(), want)
		}
	}
}
