package httpapi

import "testing"

func FuzzCursor(f *testing.F) {
	f.Add("boiler")
	f.Add(string(encodeCursor("boiler")))
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		if position, ok := decodeCursor(string(encodeCursor(text))); !ok || position != text {
			t.Errorf("%q became %q, %t", text, position, ok)
		}
		if position, ok := decodeCursor(text); ok && string(encodeCursor(position)) != text {
			t.Errorf("%q and %q are the same cursor", text, encodeCursor(position))
		}
	})
}
