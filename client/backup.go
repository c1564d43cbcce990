package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

// Backup writes everything that the gateway keeps to w, as a tar file, while the
// gateway runs. Only clients of the root jail can do this. After an error, the file
// cannot be used. Without an error the answer is complete, but the gateway may have
// failed: only the last entry of the file says that all data is there. Only the
// context bounds the time that it takes.
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

// A writer remembers its error, to distinguish it from an error of reading.
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
