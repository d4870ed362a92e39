package check

import (
	"fmt"
	"slices"
	"time"

	"assay/harness/history"
)

// Counts tells how operations ended.
type Counts struct {
	OK, Failed, Unknown int
}

// Attempted gives the number of operations.
func (c Counts) Attempted() int { return c.OK + c.Failed + c.Unknown }

// SuccessRatio gives the share of operations that surely succeeded, 0 if there were none.
func (c Counts) SuccessRatio() float64 {
	if c.Attempted() == 0 {
		return 0
	}
	return float64(c.OK) / float64(c.Attempted())
}

// OutageReport tells how operations fared around a fault.
type OutageReport struct {
	Window history.Window
	Within Counts // of the operations that began in the window
	Total  Counts // of all
	// RTO, the recovery time, is the time from Window.From to the first acknowledgement of an operation that began no earlier. If there
	// is none the service has not Recovered, and RTO is the time to the end of the history, a lower bound.
	RTO       time.Duration
	Recovered bool
	// LongestGap is the longest time without an acknowledgement, of those that touch the window: from the acknowledgement before it (or
	// the start of the history) to the one after it (or the end of the history).
	LongestGap time.Duration

	subject   subject
	trouble   string   // why the checker itself failed, if it did
	resumed   int      // operations that began in the window and succeeded before its end
	succeeded examples // of those
	offending examples // of the others that began in it
}

// Outage looks at the operations around a fault window. What merely happens to a client (Deliver, Disconnect, Lead) or what it
// does on its own (Hold) is not an operation that could succeed, and is left out.
//
// The window's From must be a time at which the fault was in effect: an operation that began after From and slipped through before the
// fault would be taken for the recovery.
func Outage(ops history.Source, w history.Window) (r OutageReport) {
	r = OutageReport{Window: w, subject: subject{name: nameOf(ops)}}
	defer rescue(&r.trouble)
	h := ops.History().Sorted()
	r.subject.met(h)
	var acknowledged []time.Duration
	var begin, end time.Duration // of the history, as far as it is known
	for i := range h {
		op := &h[i]
		if op.Happened() {
			continue
		}
		if r.Total.Attempted() == 0 {
			begin = op.Start
		}
		end = max(end, op.Start)
		if op.End != history.Open {
			end = max(end, op.End)
		}
		r.Total.add(op.Outcome)
		if op.Outcome == history.OK {
			acknowledged = append(acknowledged, op.End)
		}
		if w.Contains(op.Start) {
			r.addWithin(op)
		}
		if op.Outcome == history.OK && op.Start >= w.From {
			if rto := op.End - w.From; !r.Recovered || rto < r.RTO {
				r.RTO, r.Recovered = rto, true
			}
		}
	}
	if !r.Recovered {
		r.RTO = max(0, end-w.From)
	}
	slices.Sort(acknowledged)
	last := begin
	for _, t := range append(acknowledged, end) {
		if last <= w.To && t >= w.From {
			r.LongestGap = max(r.LongestGap, t-last)
		}
		last = t
	}
	return r
}

func (r *OutageReport) addWithin(op *history.Operation) {
	r.Within.add(op.Outcome)
	if op.Outcome == history.OK && op.End <= r.Window.To {
		r.resumed++
		r.succeeded.add(*op)
		return
	}
	r.offending.add(*op)
}

func (c *Counts) add(o history.Outcome) {
	switch o {
	case history.OK:
		c.OK++
	case history.Failed:
		c.Failed++
	default:
		c.Unknown++
	}
}

// Resumes: while the fault lasts, operations begin and succeed. One is enough; how long it took is the RTO.
func (r OutageReport) Resumes() Result {
	n := r.Within.Attempted()
	f := finding{
		subject:   r.subject,
		trouble:   r.trouble,
		property:  "operations succeed again while the fault lasts",
		checked:   n,
		offending: r.offending,
		violated: fmt.Sprintf("none of %d operations succeeded from %s to %s (%d failed, %d unknown)", n, when(r.Window.From), r.until(),
			r.Within.Failed, r.Within.Unknown),
		holds: fmt.Sprintf("%d of %d operations succeeded while the fault lasted, the first %s after it began", r.resumed, n, howLong(r.RTO)),
	}
	switch {
	case n == 0:
		f.doubt = fmt.Sprintf("nothing was attempted from %s to %s", when(r.Window.From), r.until())
	case r.resumed == 0:
		f.violations = n
	}
	return f.result()
}

// NothingSucceeds: while the fault lasts, operations begin and none of them succeeds. It is what is asked of who must not go on alone.
// What succeeds only after the fault, or is of unknown outcome, is none of its business.
func (r OutageReport) NothingSucceeds() Result {
	n := r.Within.Attempted()
	f := finding{
		subject:    r.subject,
		trouble:    r.trouble,
		property:   "no operation succeeds while the fault lasts",
		violations: r.resumed,
		checked:    n,
		offending:  r.succeeded,
		violated:   fmt.Sprintf("%d of %d operations succeeded from %s to %s", r.resumed, n, when(r.Window.From), r.until()),
		holds:      fmt.Sprintf("none of %d operations succeeded while the fault lasted", n),
	}
	if n == 0 {
		f.doubt = fmt.Sprintf("nothing was attempted from %s to %s", when(r.Window.From), r.until())
	}
	return f.result()
}

func (r OutageReport) until() string {
	if r.Window.To == history.Open {
		return "the end"
	}
	return when(r.Window.To)
}
