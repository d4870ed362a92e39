package evidence

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	jsonv1 "github.com/go-json-experiment/json/v1"
)

// Write puts r into dir/<run>/<claim>.json and returns that path. It never overwrites: a claim that runs again in the same
// run becomes <claim>.2.json, and so on, also when several processes write at once. A reader sees a record whole or not at
// all. Errors say what could not be done and where: no room, a folder that may not be written, a value that JSON does not
// have (NaN, infinity).
func Write(dir string, r *Record) (path string, err error) {
	whole := *r
	whole.Schema = Schema
	text, err := json.MarshalIndent(whole, "", " ")
	if err != nil {
		return "", fmt.Errorf("evidence of claim %q: %w", r.Claim.ID, err)
	}
	folder := filepath.Join(dir, fileName(r.Run))
	path, err = publishAs(folder, fileName(r.Claim.ID), text)
	if err != nil {
		return "", fmt.Errorf("evidence of claim %q could not be written to %s (ASSAY_EVIDENCE moves it): %w", r.Claim.ID, folder, err)
	}
	return path, nil
}

// publishAs makes folder/<name>.json appear, or <name>.2.json and so on where that is taken, and returns which.
func publishAs(folder, name string, text []byte) (string, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	for n := 1; ; n++ {
		path := filepath.Join(folder, name+".json")
		if n > 1 {
			path = filepath.Join(folder, fmt.Sprintf("%s.%d.json", name, n))
		}
		if err := publish(path, append(text, '\n')); !errors.Is(err, fs.ErrExist) {
			return path, err
		}
	}
}

// publish makes path appear with all of text in it, or returns fs.ErrExist where path is taken. Whoever wants to make a path
// appear must first own its hidden name, so between looking and renaming nobody else can take it; hard links would do the
// same, where the file system has them.
func publish(path string, text []byte) (err error) {
	hidden := filepath.Join(filepath.Dir(path), "."+filepath.Base(path))
	f, err := os.OpenFile(hidden, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(hidden))
		}
	}()
	switch _, err := os.Lstat(path); {
	case err == nil:
		return errors.Join(fs.ErrExist, f.Close())
	case !errors.Is(err, fs.ErrNotExist):
		return errors.Join(err, f.Close())
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(hidden, path)
}

// fileName makes one visible, portable path element of s.
func fileName(s string) string {
	name := strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '-', c == '_':
			return c
		}
		return '_'
	}, s)
	if strings.Trim(name, ".") == "" {
		return "unnamed"
	}
	if name[0] == '.' {
		return "_" + name[1:]
	}
	return name
}

// Read returns the record in the file at path. A file that is torn, is something else than a record, follows another schema or
// contradicts itself (ErrContradiction) is refused with an error that names it.
func Read(path string) (*Record, error) {
	var whole struct {
		Schema *string `json:"schema"`
		Record
	}
	misfit, err := open(path, "evidence", &whole, &whole.Schema)
	switch {
	case err != nil:
		return nil, err
	case *whole.Schema == ScheduleSchema:
		return nil, fmt.Errorf("%s %w", path, errSchedule)
	case *whole.Schema != Schema:
		return nil, fmt.Errorf("%s follows the schema %q; this version of assay reads %q", path, *whole.Schema, Schema)
	case misfit != nil:
		return nil, fmt.Errorf("%s does not fit its schema: %w", path, misfit)
	}
	r := &whole.Record
	if r.Claim.ID == "" || r.Verdict == "" {
		return nil, fmt.Errorf("%s is no evidence: it names no claim, or no verdict", path)
	}
	r.Schema = Schema
	if err := r.Contradiction(); err != nil {
		return nil, fmt.Errorf("%s %w: %w", path, ErrContradiction, err)
	}
	return r, nil
}

// open decodes the file at path into v, which takes the schema that it names to where schema points; what it should be is for
// messages. What does not fit is no error yet: what follows another schema need not.
func open(path, what string, v any, schema **string) (misfit, err error) {
	// What is no regular file, such as a pipe, might never end.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no %s: it is no regular file", path, what)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	// Records are large. This decoder is what becomes of encoding/json: it takes and refuses the same, in half the time. It goes
	// on after what does not fit, so that the schema is known.
	if misfit = jsonv1.Unmarshal(text, v); misfit != nil {
		var kind struct {
			Schema *string `json:"schema"`
		}
		if err := jsonv1.Unmarshal(text, &kind); err != nil {
			return nil, fmt.Errorf("%s is torn, or no %s at all: %w", path, what, err)
		}
	}
	if *schema == nil {
		return nil, fmt.Errorf("%s is no %s: it names no schema", path, what)
	}
	return misfit, nil
}

// reading has room for as many files as there are processors, of all folders together: to read one is mostly to decode it.
var reading = make(chan struct{}, runtime.GOMAXPROCS(0))

// Load returns the records of one run's folder in the order in which they started, and one error for each file that Read
// refuses and that is not a schedule, since those lie beside.
func Load(dir string) ([]*Record, []error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, []error{fmt.Errorf("read the evidence of a run: %w", err)}
	}
	// A hidden file is a record being written.
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool {
		return e.IsDir() || strings.HasPrefix(e.Name(), ".") || filepath.Ext(e.Name()) != ".json"
	})
	read, errs := make([]*Record, len(entries)), make([]error, len(entries))
	var all sync.WaitGroup
	for i, e := range entries {
		all.Go(func() {
			reading <- struct{}{}
			defer func() { <-reading }()
			read[i], errs[i] = Read(filepath.Join(dir, e.Name()))
		})
	}
	all.Wait()

	var records []*Record
	var bad []error
	for i, err := range errs {
		switch {
		case err == nil:
			records = append(records, read[i])
		case !errors.Is(err, errSchedule):
			bad = append(bad, err)
		}
	}
	slices.SortStableFunc(records, func(a, b *Record) int { return a.Started.Compare(b.Started) })
	return records, bad
}
