package check

import (
	"fmt"
	"slices"
	"time"

	"assay/harness/history"
)

// SomeOlderThan: at least one read was stale by more than bound. It is what a fault that ages data leads to, and what
// NoneOlderThan is the opposite of.
func (r StalenessReport) SomeOlderThan(bound time.Duration) Result {
	var older []StaleRead
	for _, s := range r.Stale {
		if s.Age > bound {
			older = append(older, s)
		}
	}
	f := finding{
		subject:  r.subject,
		trouble:  r.trouble,
		property: "some reads are staler than a bound",
		checked:  r.judged,
		violated: fmt.Sprintf("none of %d reads staler than %s: %d stale, the oldest by %s", r.judged, howLong(bound), len(r.Stale),
			howLong(r.Oldest())),
		holds: r.staleSummary(older, "staler than "+howLong(bound)),
	}
	if len(older) == 0 {
		if f.doubt = r.doubt(); f.doubt == "" {
			f.violations = 1
		}
	}
	return f.result()
}

// LagWithin gives the median time until an acknowledged write could be seen, of the writes that began in w and were seen in w: a fault
// that begins or ends in between would give them a bit of both. It is 0 if there are none.
func (r StalenessReport) LagWithin(w history.Window) time.Duration { return median(r.lagsWithin(w)) }

// SeenWithin: of the writes that began and were seen in w, half or more could be seen within bound. It is about what is usual: a
// machine that stops for a moment makes any single one late.
func (r StalenessReport) SeenWithin(bound time.Duration, w history.Window) Result {
	f := finding{subject: r.subject, trouble: r.trouble, property: "acknowledged writes are usually seen within a bound"}
	lags := r.lagsWithin(w)
	if f.checked = len(lags); f.checked == 0 {
		f.doubt = fmt.Sprintf("none of the writes from %s on was seen by %s", when(w.From), when(w.To))
		return f.result()
	}
	for _, l := range lags {
		if l > bound {
			f.violations++
		}
	}
	f.violated = fmt.Sprintf("%d of %d writes were seen later than after %s, half of them after %s or more", f.violations, f.checked, howLong(bound), howLong(median(lags)))
	f.holds = fmt.Sprintf("%d of %d writes were seen within %s, half of them within %s", f.checked-f.violations, f.checked, howLong(bound), howLong(median(lags)))
	if f.late = median(lags) - bound; f.late <= 0 {
		f.violations = 0
	}
	return f.result()
}

func (r StalenessReport) lagsWithin(w history.Window) []time.Duration {
	var lags []time.Duration
	for _, l := range r.Lags() {
		if l.Seen && w.Contains(l.Write.Start) && w.Contains(l.Write.End+l.Lag) {
			lags = append(lags, l.Lag)
		}
	}
	return lags
}

// Convergence gives the time from t until all that was acknowledged before t had been seen, Open if the history ends before that.
func (r StalenessReport) Convergence(t time.Duration) time.Duration {
	var after time.Duration
	for _, l := range r.Lags() {
		if l.Write.End > t {
			continue
		}
		if !l.Seen {
			return history.Open
		}
		after = max(after, l.Write.End+l.Lag-t)
	}
	return after
}

// AnsweredWithin: of the operations that were acknowledged, half or more were so within bound, as SeenWithin is about what is usual.
func AnsweredWithin(bound time.Duration, ops history.Source) Result {
	took := latencies(ops)
	middle := median(took)
	f := finding{
		subject: about(ops), property: "operations are usually answered within a bound", checked: len(took),
		violated: fmt.Sprintf("half of %d operations took %s or more, which is longer than %s", len(took), howLong(middle), howLong(bound)),
		holds:    fmt.Sprintf("half of %d operations took %s or less, of %s that are allowed", len(took), howLong(middle), howLong(bound)),
	}
	switch f.late = middle - bound; {
	case len(took) == 0:
		f.doubt = "nothing was answered"
	case f.late > 0:
		f.violations = 1
	}
	return f.result()
}

// Latency gives the median time that operations took until they were acknowledged, 0 if none was.
func Latency(ops history.Source) time.Duration { return median(latencies(ops)) }

// Fastest gives the shortest time that an operation took until it was acknowledged, 0 if none was.
func Fastest(ops history.Source) time.Duration {
	took := latencies(ops)
	if len(took) == 0 {
		return 0
	}
	return slices.Min(took)
}

// Latencies gives the times that operations took until they were acknowledged, in seconds: a sample for package stat.
func Latencies(ops history.Source) []float64 {
	var seconds []float64
	for _, took := range latencies(ops) {
		seconds = append(seconds, took.Seconds())
	}
	return seconds
}

func latencies(ops history.Source) []time.Duration {
	var took []time.Duration
	for _, op := range ops.History() {
		if op.Outcome == history.OK {
			took = append(took, op.End-op.Start)
		}
	}
	return took
}

// median gives the middle of them, 0 if there are none.
func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	n := len(times)
	if n == 0 {
		return 0
	}
	return (times[(n-1)/2] + times[n/2]) / 2
}
