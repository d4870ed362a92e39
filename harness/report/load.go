package report

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"assay/harness/evidence"
)

// Entry is a record and the folder that it lies in, with what was kept beside it.
type Entry struct {
	*evidence.Record
	Folder string
}

// Records are the records of the entries.
func Records(entries []Entry) []*evidence.Record {
	records := make([]*evidence.Record, len(entries))
	for i, e := range entries {
		records[i] = e.Record
	}
	return records
}

// Load returns the records in the folders and below them, however deep, in the order in which they started, each once: a
// record that several folders have, or that lies in one folder twice under two names, is the same run of the same test. What
// cannot be read, or is no record, is told and left out.
func Load(folders ...string) ([]Entry, []error) {
	var inside []string
	var bad []error
	for _, folder := range folders {
		// The folder itself may be a link, which the dot follows. Those in it are left alone, and so lead nowhere twice.
		err := filepath.WalkDir(folder+string(filepath.Separator)+".", func(path string, d fs.DirEntry, err error) error {
			path = filepath.Clean(path)
			switch {
			case err != nil:
				bad = append(bad, fmt.Errorf("read the evidence: %w", err))
				inside = slices.DeleteFunc(inside, func(seen string) bool { return seen == path })
				return fs.SkipDir
			case d.IsDir() && !slices.Contains(inside, path):
				inside = append(inside, path)
			}
			return nil
		})
		if err != nil {
			bad = append(bad, fmt.Errorf("read the evidence: %w", err))
		}
	}

	records, refused := make([][]*evidence.Record, len(inside)), make([][]error, len(inside))
	var all sync.WaitGroup
	for i, folder := range inside {
		all.Go(func() { records[i], refused[i] = evidence.Load(folder) })
	}
	all.Wait()

	var entries []Entry
	type once struct {
		run, claim, test string
		started          int64
	}
	met := map[once]bool{}
	for i, folder := range inside {
		bad = append(bad, refused[i]...)
		for _, r := range records[i] {
			key := once{r.Run, r.Claim.ID, r.Test, r.Started.UnixNano()}
			if met[key] && !r.Started.IsZero() {
				continue
			}
			met[key] = true
			entries = append(entries, Entry{r, folder})
		}
	}
	slices.SortStableFunc(entries, func(a, b Entry) int { return a.Started.Compare(b.Started) })
	return entries, bad
}

// beside returns at most limit bytes of the end of the file that a record names as kept beside it, and whether that is all of
// it. A record can come from anywhere: a name that leads out of its folder, also by a symbolic link, is an error.
func (e Entry) beside(name string, limit int64) (text []byte, whole bool, err error) {
	if e.Folder == "" {
		return nil, false, fs.ErrNotExist
	}
	root, err := os.OpenRoot(e.Folder)
	if err != nil {
		return nil, false, err
	}
	defer root.Close()
	f, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, false, err
	case !info.Mode().IsRegular():
		return nil, false, errors.New("no regular file")
	}
	from := max(0, info.Size()-limit)
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return nil, false, err
	}
	text, err = io.ReadAll(io.LimitReader(f, limit))
	return text, from == 0, err
}

// address is that of a file beside the record, as seen from a page in the folder base; "" where there is none to be given.
func (e Entry) address(name, base string) string {
	if e.Folder == "" || base == "" || !filepath.IsLocal(filepath.FromSlash(name)) {
		return ""
	}
	rel, err := filepath.Rel(base, filepath.Join(e.Folder, filepath.FromSlash(name)))
	if err != nil {
		return ""
	}
	return relativeURL(strings.Split(filepath.ToSlash(rel), "/"))
}
