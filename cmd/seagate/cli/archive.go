package cli

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// The last file of a backup lists the others. The gateway writes it: see
// GET /backup of the API.
const (
	archiveContents  = "seagate-backup.json"
	archiveFormat    = 1
	maxContents      = 64 << 20 // bytes of that file, enough for half a million others
	maxArchivedFiles = 1_000_000
)

// An Archive is the contents of a backup.
type Archive struct {
	CreatedAt time.Time `json:"createdAt"`
	Files     int       `json:"files"`
	Bytes     int64     `json:"bytes"` // of the files
}

// An archived is the entry of a file in the list.
type archived struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

type contents struct {
	Format    int        `json:"format"`
	CreatedAt time.Time  `json:"createdAt"`
	Files     []archived `json:"files"`
}

var errCutOff = errors.New("the backup was cut off: its end is missing")

// ReadArchive reads a backup to its end. It calls take for each file, and checks
// the files against the list at the end of the backup. Names have slashes and stay
// below the folder. After an error the backup cannot be used, and neither can what
// take has received. An error of take is returned as it is.
func ReadArchive(r io.Reader, take func(name string, content io.Reader) error) (Archive, error) {
	a := archiveReader{tar: tar.NewReader(r), files: map[string]archived{}}
	for {
		h, err := a.next()
		if err != nil {
			return Archive{}, err
		}
		if h.Name == archiveContents {
			return a.finish()
		}
		if err := a.file(h, take); err != nil {
			return Archive{}, err
		}
	}
}

type archiveReader struct {
	tar   *tar.Reader
	files map[string]archived
}

func (a *archiveReader) next() (*tar.Header, error) {
	h, err := a.tar.Next()
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) && len(a.files) == 0:
		return nil, fmt.Errorf("%w, or the file is no backup", errCutOff)
	case err != nil:
		return nil, archiveError(err)
	}
	if h.Typeflag != tar.TypeReg || !isDownward(h.Name) {
		return nil, fmt.Errorf("the backup contains %q, which does not belong in a backup", h.Name)
	}
	if _, twice := a.files[h.Name]; twice {
		return nil, fmt.Errorf("the backup has the file %s twice", h.Name)
	}
	return h, nil
}

// isDownward reports whether a name stays below a folder on every operating system.
func isDownward(name string) bool {
	return fs.ValidPath(name) && name != "." && !strings.ContainsAny(name, "\\:\x00") && filepath.IsLocal(filepath.FromSlash(name))
}

// archiveError explains an error of the tar. It keeps an error of the connection.
func archiveError(err error) error {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errCutOff
	case errors.Is(err, tar.ErrHeader):
		return errors.New("the file is not a backup, or it is damaged: it is not a tar")
	}
	return fmt.Errorf("read the backup: %w", err)
}

func (a *archiveReader) file(h *tar.Header, take func(string, io.Reader) error) error {
	if len(a.files) == maxArchivedFiles {
		return fmt.Errorf("the backup has more than %d files", maxArchivedFiles)
	}
	sum := sha256.New()
	content := &source{r: io.TeeReader(a.tar, sum)}
	if err := take(h.Name, content); err != nil {
		if content.err != nil {
			return archiveError(content.err)
		}
		return err
	}
	if _, err := io.Copy(io.Discard, content); err != nil {
		return archiveError(err)
	}
	a.files[h.Name] = archived{h.Name, h.Size, hex.EncodeToString(sum.Sum(nil))}
	return nil
}

// A source remembers the error of the reader that it reads from.
type source struct {
	r   io.Reader
	err error
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// finish reads the list and compares it with the files.
func (a *archiveReader) finish() (Archive, error) {
	text, err := io.ReadAll(io.LimitReader(a.tar, maxContents+1))
	if err != nil {
		return Archive{}, archiveError(err)
	}
	var listed contents
	if len(text) > maxContents || json.Unmarshal(text, &listed) != nil || listed.Format < 1 {
		return Archive{}, fmt.Errorf("the backup is damaged: its list of files, %s, cannot be read", archiveContents)
	}
	if listed.Format > archiveFormat {
		return Archive{}, fmt.Errorf("the backup is of format %d, and this release knows format %d: use a newer one", listed.Format, archiveFormat)
	}
	archive := Archive{CreatedAt: listed.CreatedAt, Files: len(a.files)}
	for _, f := range listed.Files {
		got, there := a.files[f.Name]
		switch {
		case !there:
			return Archive{}, fmt.Errorf("the backup is damaged: it lacks the file %s", f.Name)
		case got != f:
			return Archive{}, fmt.Errorf("the backup is damaged: the file %s differs from its entry in the list", f.Name)
		}
		archive.Bytes += f.Size
		delete(a.files, f.Name)
	}
	for name := range a.files {
		return Archive{}, fmt.Errorf("the backup is damaged: the file %s is not on its list", name)
	}
	return archive, a.end()
}

// end reads to the end. Nothing may follow the list.
func (a *archiveReader) end() error {
	switch h, err := a.tar.Next(); {
	case err == nil:
		return fmt.Errorf("the backup is damaged: %q follows its list of files", h.Name)
	case errors.Is(err, io.EOF):
		return nil
	default:
		return archiveError(err)
	}
}
