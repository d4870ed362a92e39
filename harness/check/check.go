// Package check judges histories: pure functions from what was recorded to a report, whose methods are verdicts about one property each.
//
// What enters: checkers whose every conclusion follows from operations and windows. What may not: the recording itself (package
// history), anything that waits, talks to a system or knows of tests. It imports history and the standard library, and where a checker
// needs them porcupine and gonum.
//
// A checker asserts what a contract says and no more, and it counts an operation of unknown outcome neither as done nor as not done. When
// the history does not allow a conclusion, the verdict is Unknown, which is never a pass.
package check

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"assay/harness/history"
)

// Verdict is what a checker concludes about a property.
type Verdict uint8

const (
	// Unknown means that the history does not tell. It is never a pass, and it is the zero value.
	Unknown Verdict = iota
	// Holds means that enough was seen to tell, and nothing that violates the property.
	Holds
	// Violated means that the property was seen broken.
	Violated
)

var verdicts = [...]string{Unknown: "unknown", Holds: "holds", Violated: "violated"}

// String gives "holds", "violated" or "unknown".
func (v Verdict) String() string {
	if int(v) < len(verdicts) {
		return verdicts[v]
	}
	return fmt.Sprintf("Verdict(%d)", uint8(v))
}

// MarshalText gives "holds", "violated" or "unknown".
func (v Verdict) MarshalText() ([]byte, error) {
	if int(v) >= len(verdicts) {
		return nil, fmt.Errorf("check: no such verdict: %d", uint8(v))
	}
	return []byte(verdicts[v]), nil
}

// UnmarshalText accepts what MarshalText gives.
func (v *Verdict) UnmarshalText(text []byte) error {
	i := slices.Index(verdicts[:], string(text))
	if i < 0 {
		return fmt.Errorf("check: no such verdict: %q, want holds, violated or unknown", text)
	}
	*v = Verdict(i)
	return nil
}

// Result is the verdict about one property.
type Result struct {
	// Property says what was judged. A checker always gives the same words, without numbers: by them a claim and its control are seen to
	// be about the same property.
	Property string
	Subject  string   // whose history was judged, where the historian has a name
	Clients  []string // all whose operations were looked at, sorted; none for a result of a claim's own
	// Registers says that a key was taken for a register, whose reads return what was written last, and not for a set of values.
	Registers bool
	Verdict   Verdict
	// Summary is one sentence with the numbers, such as "lost 50 of 150 acknowledged (first: orders/51 published at 1.203s)".
	Summary string
	// Late is by how much a bound in time was missed, of a property that is violated for no other reason; 0 for any other. It is what a
	// machine that is slow by so much explains.
	Late time.Duration
	// Without says what the one who is judged lacks, where it is a control and that is not told otherwise. Checkers leave it empty.
	Without    string
	Violations int                 // how often the property was violated
	Checked    int                 // how often it could have been
	Offending  []history.Operation // the first of the operations that violate it, at most 10
	Drawing    Drawing             // nil where the checker has none
}

// Drawing is a picture of what a result is about, for a person to look at. It is drawn only if somebody asks.
type Drawing interface {
	// Type gives the media type, such as "image/svg+xml" or "text/html". What it stands for loads nothing from elsewhere.
	Type() string
	// Draw writes the picture. Where that has an axis of time it shows the windows, such as those of the faults.
	Draw(to io.Writer, windows ...history.Window) error
}

// String gives the result on one line, and each offending operation on one of its own.
func (r Result) String() string {
	var b strings.Builder
	if r.Subject != "" {
		b.WriteString(r.Subject + ": ")
	}
	fmt.Fprintf(&b, "%s: %s: %s", r.Property, r.Verdict, r.Summary)
	for _, op := range r.Offending {
		fmt.Fprintf(&b, "\n\t%s", op)
	}
	return b.String()
}

// That is a result of a claim's own: property holds if ok, else it is violated. The format and its arguments are the summary.
func That(property string, ok bool, format string, args ...any) Result {
	r := Result{Property: property, Verdict: Holds, Checked: 1, Summary: fmt.Sprintf(format, args...)}
	if !ok {
		r.Verdict, r.Violations = Violated, 1
	}
	return r
}

// finding is how a checker words its result, whichever it will be.
type finding struct {
	subject    subject
	property   string
	violations int
	checked    int
	offending  []history.Operation
	violated   string        // the summary if there are violations
	doubt      string        // why the history does not tell, "" if it does
	trouble    string        // why the checker itself failed, "" if it did not
	late       time.Duration // by how much a bound in time was missed, if that is all that was violated
	holds      string        // the summary otherwise
}

// result: what was seen broken is broken, whatever else is in doubt; and what is in doubt does not hold. A checker that failed has seen
// nothing, so that it is no proof either that a control breaks.
func (f finding) result() Result {
	r := Result{Property: f.property, Subject: f.subject.name, Clients: f.subject.clients, Registers: f.subject.registers, Violations: f.violations, Checked: f.checked}
	switch {
	case f.trouble != "":
		r.Verdict, r.Summary, r.Violations = Unknown, f.trouble, 0
	case f.violations > 0:
		r.Verdict, r.Summary, r.Offending, r.Late = Violated, f.violated, f.offending, f.late
	case f.doubt != "":
		r.Verdict, r.Summary = Unknown, f.doubt
	default:
		r.Verdict, r.Summary = Holds, f.holds
	}
	return r
}

// mostOffending is how many operations a result shows: enough to see a pattern, few enough to read.
const mostOffending = 10

// examples keeps the first operations that it is given.
type examples []history.Operation

func (e *examples) add(op history.Operation) {
	if len(*e) < mostOffending {
		*e = append(*e, op)
	}
}

// first words the first example as " (first: …)".
func (e examples) first(word func(history.Operation) string) string {
	if len(e) == 0 {
		return ""
	}
	return " (first: " + word(e[0]) + ")"
}

// name is how a summary calls a message or a version: orders/51, or 51 where there is only one key.
func name(key string, value int64) string {
	if key == "" {
		return fmt.Sprint(value)
	}
	return fmt.Sprintf("%s/%d", key, value)
}

// when words a time since the recorder's epoch, to the millisecond.
func when(t time.Duration) string { return fmt.Sprintf("%.3fs", t.Seconds()) }

// howLong words a duration, to the millisecond unless it is a matter of milliseconds.
func howLong(d time.Duration) string {
	if d >= 10*time.Millisecond {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(time.Microsecond).String()
}

// rescue keeps the panic of a checker as the reason why its verdict is Unknown: a checker that fails has seen nothing.
func rescue(trouble *string) {
	if p := recover(); p != nil {
		*trouble = fmt.Sprintf("the checker failed: %v", p)
	}
}
