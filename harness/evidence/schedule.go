package evidence

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// ScheduleSchema names the version of the layout of a schedule's file.
const ScheduleSchema = "assay/schedule/v1"

// Schedule is what a nemesis does and when, by the windows' begins. It is drawn before any of it is done, so the same seed gives the
// same schedule however fast the machine is.
type Schedule struct {
	Seed    uint64   `json:"seed"`
	Draws   int      `json:"draws"` // how many values were drawn from the seed's source to make it
	Windows []Window `json:"windows"`
}

// Window is one fault of a schedule. Begin counts from the nemesis's start.
type Window struct {
	Fault  string            `json:"fault"`          // the name of the nemesis's action
	Args   map[string]string `json:"args,omitempty"` // what was drawn for it, in words
	Begin  Span              `json:"begin"`
	Length Span              `json:"length"`
	// Lane tells apart what goes on at the same time: the windows of one lane come one after the other.
	Lane int `json:"lane,omitempty"`
}

// MostLanes is how many windows can be under way at once.
const MostLanes = 4

// String says what is done when: "delay by=120ms way=both ways, from 1.204s for 310ms".
func (w Window) String() string {
	said := w.Fault
	for _, name := range slices.Sorted(maps.Keys(w.Args)) {
		said += " " + name + "=" + w.Args[name]
	}
	return fmt.Sprintf("%s, from %v for %v", said, time.Duration(w.Begin), time.Duration(w.Length))
}

// Span is a duration that JSON has as Go writes it, such as "1.204s", for people who read and write schedules.
type Span time.Duration

// MarshalText writes the span.
func (s Span) MarshalText() ([]byte, error) { return []byte(time.Duration(s).String()), nil }

// UnmarshalText reads it.
func (s *Span) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	*s = Span(d)
	return err
}

// Followed is the schedule of a run, and what came of it.
type Followed struct {
	Schedule
	Unfelt []int  `json:"unfelt,omitempty"` // windows, counted from 1, that nobody felt or in which there was nothing to do
	File   string `json:"file,omitempty"`   // the schedule beside the record, when the test failed
	Replay string `json:"replay,omitempty"` // the command that follows that schedule
	Shrink string `json:"shrink,omitempty"` // the command that looks for a smaller one
}

// ScheduleFile is a schedule that can be followed again (ASSAY_SCHEDULE): whose it is, and what came of it.
type ScheduleFile struct {
	Path    string `json:"-"` // where it was read or written
	Schema  string `json:"schema"`
	Claim   string `json:"claim"`
	Test    string `json:"test"`
	Package string `json:"package"`
	Knobs   string `json:"knobs,omitempty"`  // as for ASSAY_KNOBS
	Failure string `json:"failure"`          // the kind of the first failure under it
	Says    string `json:"says,omitempty"`   // the first line of its message
	Shrunk  string `json:"shrunk,omitempty"` // how it came to be smaller than what was drawn
	Schedule
}

// Setting is the assignment that has the schedule followed.
func (f *ScheduleFile) Setting() string { return "ASSAY_SCHEDULE=" + quoted(f.Path) }

// Replay is the command that follows the schedule.
func (f *ScheduleFile) Replay() string {
	set := f.Setting()
	if f.Knobs != "" {
		set += " ASSAY_KNOBS=" + quoted(f.Knobs)
	}
	return set + " " + Command(f.Test, f.Package)
}

// Shrink is the command that looks for a smaller schedule that fails, too.
func (f *ScheduleFile) Shrink() string {
	return "go run ./harness/cmd/assay shrink " + quoted(f.Path)
}

// Command is the command that runs a test.
func Command(test, pkg string) string {
	return fmt.Sprintf("go test -count=1 -v -run '%s' %s", Pattern(test), pkg)
}

// Pattern is the pattern, as for -run, of the one test of that name.
func Pattern(test string) string {
	var parts []string
	for part := range strings.SplitSeq(test, "/") {
		parts = append(parts, "^"+regexp.QuoteMeta(part)+"$")
	}
	return strings.Join(parts, "/")
}

var plain = regexp.MustCompile(`^[A-Za-z0-9_./=:,+-]+$`)

// quoted writes a word for a POSIX shell.
func quoted(word string) string {
	if plain.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// WriteSchedule puts the schedule into dir/<run>/<claim>.schedule.json, or into .schedule.2.json and so on where that is taken,
// and sets Path.
func WriteSchedule(dir, run string, f *ScheduleFile) error {
	return place(filepath.Join(dir, fileName(run)), fileName(f.Claim)+".schedule", f)
}

// WriteShrunk puts a schedule beside the one at path that it was made from, under the same name and .shrunk, and sets Path.
func WriteShrunk(path string, f *ScheduleFile) error {
	return place(filepath.Dir(path), strings.TrimSuffix(filepath.Base(path), ".json")+".shrunk", f)
}

func place(folder, name string, f *ScheduleFile) error {
	whole := *f
	whole.Schema = ScheduleSchema
	text, err := json.MarshalIndent(whole, "", " ")
	if err != nil {
		return fmt.Errorf("schedule of claim %q: %w", f.Claim, err)
	}
	if f.Path, err = publishAs(folder, name, text); err != nil {
		return fmt.Errorf("the schedule of claim %q could not be written to %s: %w", f.Claim, folder, err)
	}
	return nil
}

// errSchedule tells a schedule from what is no evidence at all.
var errSchedule = errors.New("is a schedule, and no evidence of a run")

// ReadSchedule returns the schedule in the file at path. What is torn, something else than a schedule, or impossible to follow
// is refused with an error that names the file and what is wrong.
func ReadSchedule(path string) (*ScheduleFile, error) {
	var whole struct {
		Schema *string `json:"schema"`
		ScheduleFile
	}
	misfit, err := open(path, "schedule", &whole, &whole.Schema)
	switch {
	case err != nil:
		return nil, err
	case *whole.Schema != ScheduleSchema:
		return nil, fmt.Errorf("%s follows the schema %q; a schedule follows %q", path, *whole.Schema, ScheduleSchema)
	case misfit != nil:
		return nil, fmt.Errorf("%s does not fit its schema: %w", path, misfit)
	}
	f := &whole.ScheduleFile
	f.Schema, f.Path = ScheduleSchema, path
	if f.Claim == "" || f.Test == "" || f.Package == "" {
		return nil, fmt.Errorf("%s does not say whose schedule it is: it needs a claim, a test and a package", path)
	}
	var ended [MostLanes]Span
	var begun Span
	for i, w := range f.Windows {
		switch {
		case w.Lane < 0 || w.Lane >= MostLanes:
			err = fmt.Errorf("is in lane %d; there are the lanes 0 to %d", w.Lane, MostLanes-1)
		case w.Fault == "":
			err = errors.New("names no fault")
		case w.Begin < 0:
			err = errors.New("begins before the nemesis starts")
		case w.Length <= 0:
			err = errors.New("has no length")
		case w.Begin < begun:
			err = errors.New("begins before the one before it: windows are in the order of their begins")
		case w.Begin < ended[w.Lane]:
			err = fmt.Errorf("begins before the one before it in lane %d has ended, at %v: in a lane a nemesis does one thing at a time", w.Lane, time.Duration(ended[w.Lane]))
		}
		if err != nil {
			return nil, fmt.Errorf("%s: window %d (%v) %w", path, i+1, w, err)
		}
		begun, ended[w.Lane] = w.Begin, w.Begin+w.Length
	}
	return f, nil
}
