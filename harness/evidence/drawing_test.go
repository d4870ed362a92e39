package evidence_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"assay/harness/evidence"
)

func draws(text string) func(io.Writer) error {
	return func(to io.Writer) error {
		_, err := io.WriteString(to, text)
		return err
	}
}

func TestKeepDrawing(t *testing.T) {
	dir := t.TempDir()
	r := record("8.3")
	r.Started = time.Unix(0, 17)
	require.NoError(t, evidence.KeepDrawing(dir, r, "No update is lost (the control: READ COMMITTED)", "image/svg+xml", draws("<svg/>")))
	require.NoError(t, evidence.KeepDrawing(dir, r, "../../"+strings.Repeat("long ", 50), "text/html", draws("<p>")))
	require.NoError(t, evidence.KeepDrawing(dir, r, "the same once more", "image/svg+xml", draws("<svg/>")))
	path, err := evidence.Write(dir, r)
	require.NoError(t, err)
	got, err := evidence.Read(path)
	require.NoError(t, err)
	require.Len(t, got.Drawings, 2)
	assert.Equal(t, evidence.Drawing{
		Title: "No update is lost (the control: READ COMMITTED)", Type: "image/svg+xml",
		File: "8.3.drawings-17/1-no-update-is-lost-the-control-read-committed.svg",
	}, got.Drawings[0])
	assert.Equal(t, "8.3.drawings-17/2-"+strings.Repeat("long-", 11)+"long.html", got.Drawings[1].File)
	for i, want := range []string{"<svg/>", "<p>"} {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(path), filepath.FromSlash(got.Drawings[i].File)))
		require.NoError(t, err)
		assert.Equal(t, want, string(text))
	}
	records, refused := evidence.Load(filepath.Dir(path))
	assert.Len(t, records, 1)
	assert.Empty(t, refused)
}

func TestDrawingThatCannotBeHad(t *testing.T) {
	taken := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(taken, nil, 0o600))
	for name, c := range map[string]struct {
		dir, kind string
		draw      func(io.Writer) error
		want      string
	}{
		"it fails":  {"", "text/html", func(io.Writer) error { return errors.New("out of ink") }, "out of ink"},
		"it panics": {"", "text/html", func(io.Writer) error { panic("out of ink") }, "it panicked: out of ink"},
		"it is large": {"", "text/html", func(to io.Writer) error {
			for {
				if _, err := io.WriteString(to, strings.Repeat(" ", 1000)); err != nil {
					return err
				}
			}
		}, "it is larger than 4 MB"},
		"it is of another type":   {"", "application/x-sh", draws("x"), "application/x-sh is no type of what is kept beside a record"},
		"there is nowhere to put": {taken, "text/html", draws("x"), "file"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := c.dir
			if dir == "" {
				dir = t.TempDir()
			}
			r := record("8.3")
			err := evidence.KeepDrawing(dir, r, "it works", c.kind, c.draw)
			require.ErrorContains(t, err, `drawing of "it works": `)
			require.ErrorContains(t, err, c.want)
			assert.Empty(t, r.Drawings)
			if c.dir == "" {
				left, err := os.ReadDir(dir)
				require.NoError(t, err)
				assert.Empty(t, left)
			}
		})
	}

	r := record("8.3")
	dir := t.TempDir()
	for i := range evidence.MaxDrawings {
		require.NoError(t, evidence.KeepDrawing(dir, r, "x", "text/html", draws(strings.Repeat("x", i+1))))
	}
	require.ErrorContains(t, evidence.KeepDrawing(dir, r, "x", "text/html", draws("y")), "the record has 16 already")
	assert.Len(t, r.Drawings, evidence.MaxDrawings)
}
