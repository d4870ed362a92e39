package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// What a record has beside it at most: bytes of one drawing, and drawings.
const (
	MaxDrawing  = 4 << 20
	MaxDrawings = 16
)

// Drawing is a picture beside the record, for a person to look at.
type Drawing struct {
	Title string `json:"title"` // what it is about
	File  string `json:"file"`  // relative to the record's folder, with slashes
	Type  string `json:"type"`  // "image/svg+xml" or "text/html"
}

// endings of the files in which a browser expects what it can show.
var endings = map[string]string{"image/svg+xml": ".svg", "text/html": ".html"}

// KeepDrawing draws, puts what was drawn beside r, which is yet to be written to dir, and names it in r.Drawings. A picture that is
// there already, under whichever title, is not kept twice. Errors say which drawing could not be had and why: it failed, it is
// larger than MaxDrawing, it is one too many, it is of another type, there is no room. Then r names nothing new.
func KeepDrawing(dir string, r *Record, title, kind string, draw func(io.Writer) error) error {
	if err := keepDrawing(filepath.Join(dir, fileName(r.Run)), r, title, kind, draw); err != nil {
		return fmt.Errorf("drawing of %q: %w", title, err)
	}
	return nil
}

func keepDrawing(folder string, r *Record, title, kind string, draw func(io.Writer) error) error {
	ending, ok := endings[kind]
	if !ok {
		return fmt.Errorf("%s is no type of what is kept beside a record", kind)
	}
	if len(r.Drawings) == MaxDrawings {
		return fmt.Errorf("the record has %d already", MaxDrawings)
	}
	var picture bounded
	if err := drawn(draw, &picture); err != nil {
		return err
	}
	for _, d := range r.Drawings {
		if kept, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(d.File))); err == nil && bytes.Equal(kept, picture.text.Bytes()) {
			return nil
		}
	}
	file := path.Join(
		fmt.Sprintf("%s.drawings-%d", fileName(r.Claim.ID), r.Started.UnixNano()),
		fmt.Sprintf("%d-%s%s", len(r.Drawings)+1, slug(title), ending),
	)
	to := filepath.Join(folder, filepath.FromSlash(file))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(to, picture.text.Bytes(), 0o644); err != nil {
		return errors.Join(err, os.Remove(to))
	}
	r.Drawings = append(r.Drawings, Drawing{title, file, kind})
	return nil
}

// drawn draws. Who draws and panics has not drawn.
func drawn(draw func(io.Writer) error, to io.Writer) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it panicked: %v", p)
		}
	}()
	return draw(to)
}

// bounded takes MaxDrawing bytes, and no write beyond.
type bounded struct{ text bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	if b.text.Len()+len(p) > MaxDrawing {
		return 0, fmt.Errorf("it is larger than %d MB", MaxDrawing>>20)
	}
	return b.text.Write(p)
}

// slug makes of a title what can be read in a file's name.
func slug(title string) string {
	const most = 60
	words := strings.FieldsFunc(strings.ToLower(title), func(c rune) bool { return (c < 'a' || c > 'z') && (c < '0' || c > '9') })
	name := strings.Join(words, "-")
	return strings.Trim(name[:min(len(name), most)], "-")
}
