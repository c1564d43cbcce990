package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

// Backup writes everything that the gateway keeps to w, as a tar file, while
// the gateway goes on. It is for clients of the root jail. After an error, what
// was written is of no use. A nil error says that the answer came to its end:
// whether the gateway got to the end of its data is told by the last entry of
// the file. There is no bound to how long it takes but the context.
func (c *Client) Backup(ctx context.Context, w io.Writer) error {
	if err := c.backup(ctx, w); err != nil {
		return fmt.Errorf("client: back up: %w", err)
	}
	return nil
}

func (c *Client) backup(ctx context.Context, w io.Writer) error {
	resp, err := c.send(ctx, request{method: http.MethodGet, path: []string{"backup"}})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	to := &writer{w: w}
	_, err = io.Copy(to, resp.Body)
	switch {
	case to.err != nil:
		return to.err
	case err != nil:
		return connectionError(ctx, err)
	}
	return nil
}

// A writer remembers its error, to tell it from that of whoever is read.
type writer struct {
	w   io.Writer
	err error
}

// Write implements io.Writer.
func (w *writer) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	w.err = err
	return n, err
}
