package check

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"assay/harness/history"
)

// Overlap is a critical section that began while another client was in one of the same lock.
type Overlap struct {
	Section, Other history.Operation
	For            time.Duration // how long both were seen inside; 0 if the history ends as the section begins
}

// ExclusionReport tells which critical sections overlapped.
type ExclusionReport struct {
	Sections int
	Overlaps []Overlap // by the start of the section that began later

	subject subject
	trouble string
	holders int
}

// Exclusion looks at Hold operations, critical sections under the lock that is their key: Begin just after the lock was acquired, End just
// before it is given back, or when the holder learns that it has lost it. A section that is still open lasts to the end of the history.
// However it ended, its client was inside until then; one that Failed was never entered. The value may be the lock's token.
//
// An overlap of two sections of one client is its own affair. What overlaps is what the holders believe, which is not yet harm: a lease can
// always be outlived by a holder that is paused, and a resource that checks tokens is safe all the same. See Fencing.
func Exclusion(holds history.Source) (r ExclusionReport) {
	defer rescue(&r.trouble)
	r.subject = about(holds)
	h := holds.History().Filter(func(op history.Operation) bool { return op.Kind == history.Hold && op.Outcome != history.Failed }).Sorted()
	var end time.Duration
	for _, op := range h {
		end = max(end, op.Start)
		if op.End != history.Open {
			end = max(end, op.End)
		}
	}
	// By lock, the two sections that last longest so far, of different clients.
	longest := map[string][2]history.Operation{}
	clients := map[string]bool{}
	for _, op := range h {
		clients[op.Client] = true
		r.Sections++
		last := longest[op.Key]
		other := last[0]
		if other.Client == op.Client {
			other = last[1]
		}
		if both := min(op.End, other.End); other.Kind != "" && both > op.Start {
			r.Overlaps = append(r.Overlaps, Overlap{op, other, min(both, end) - op.Start})
		}
		longest[op.Key] = longestTwo(last, op)
	}
	r.holders = len(clients)
	return r
}

// longestTwo puts op among the two sections that end last, the later first, at most one of each client.
func longestTwo(two [2]history.Operation, op history.Operation) [2]history.Operation {
	switch {
	case two[0].Kind == "":
		return [2]history.Operation{op}
	case op.End > two[0].End && op.Client == two[0].Client:
		two[0] = op
	case op.End > two[0].End:
		return [2]history.Operation{op, two[0]}
	case op.Client != two[0].Client && (two[1].Kind == "" || op.End > two[1].End):
		two[1] = op
	}
	return two
}

// Longest gives the longest overlap, 0 if there is none.
func (r ExclusionReport) Longest() time.Duration {
	var longest time.Duration
	for _, o := range r.Overlaps {
		longest = max(longest, o.For)
	}
	return longest
}

// OneAtATime: no two clients were in critical sections of one lock at the same time.
func (r ExclusionReport) OneAtATime() Result {
	f := finding{
		subject:    r.subject,
		property:   "a lock has at most one holder at a time",
		violations: len(r.Overlaps),
		checked:    r.Sections,
		trouble:    r.trouble,
		holds:      fmt.Sprintf("none of %d critical sections of %d clients overlap", r.Sections, r.holders),
	}
	switch {
	case r.Sections == 0:
		f.doubt = "nobody held a lock"
	case r.holders == 1:
		f.doubt = fmt.Sprintf("only one client held a lock, %d times", r.Sections)
	}
	if len(r.Overlaps) > 0 {
		var all examples
		for _, o := range r.Overlaps {
			all.add(o.Other)
			all.add(o.Section)
		}
		first := r.Overlaps[0]
		f.violated = fmt.Sprintf("%d of %d critical sections began inside another's, for up to %s (first: %s got %s at %s, while %s had it)",
			len(r.Overlaps), r.Sections, howLong(r.Longest()), first.Section.Client, lock(first.Section), when(first.Section.Start), first.Other.Client)
		f.offending = all
	}
	return f.result()
}

func lock(op history.Operation) string { return cmp.Or(op.Key, "the lock") }

// StaleWrite is a write that was accepted with a token although one with a higher token had been accepted before it began.
type StaleWrite struct{ Write, After history.Operation }

// FencingReport tells how a resource dealt with tokens.
type FencingReport struct {
	Accepted int
	Refused  int          // of the writes, those that surely had no effect
	Tried    int          // writes, accepted or not, that began after one with a higher token had been accepted
	Stale    []StaleWrite // of those, the ones that were accepted

	subject subject
	trouble string
}

// Fencing looks at Write operations on a resource, the key, whose value is the fencing token that the writer got with its lock: each holder's
// is higher than that of the holder before. A resource that is fenced accepts no token after a higher one (Kleppmann, "How to do
// distributed locking", 2016). So a writer that has lost its lock, and does not know, does no harm once the next one has written. What it
// writes before that is accepted, and is none of Fencing's business.
//
// A write of unknown outcome may have been accepted at any time, or not at all: it neither is stale, nor makes another one stale.
func Fencing(writes history.Source) (r FencingReport) {
	defer rescue(&r.trouble)
	r.subject = about(writes)
	h := writes.History().Of(history.Write).Sorted()
	ended := h.Filter(func(op history.Operation) bool { return op.Outcome == history.OK })
	slices.SortStableFunc(ended, func(a, b history.Operation) int { return cmp.Compare(a.End, b.End) })
	highest := map[string]history.Operation{}
	for _, op := range h {
		for ; len(ended) > 0 && ended[0].End < op.Start; ended = ended[1:] {
			if high, known := highest[ended[0].Key]; !known || ended[0].Value > high.Value {
				highest[ended[0].Key] = ended[0]
			}
		}
		high, known := highest[op.Key]
		late := known && high.Value > op.Value
		if late {
			r.Tried++
		}
		switch op.Outcome {
		case history.Failed:
			r.Refused++
		case history.OK:
			r.Accepted++
			if late {
				r.Stale = append(r.Stale, StaleWrite{op, high})
			}
		}
	}
	return r
}

// NothingStale: no write was accepted after one with a higher token.
func (r FencingReport) NothingStale() Result {
	f := finding{
		subject:    r.subject,
		property:   "no write is accepted after one with a higher token",
		violations: len(r.Stale),
		checked:    r.Tried,
		trouble:    r.trouble,
		holds:      fmt.Sprintf("none of %d writes that came after one with a higher token was accepted, %d others were", r.Tried, r.Accepted),
	}
	if r.Tried == 0 {
		f.doubt = fmt.Sprintf("nobody tried to write after one with a higher token, %d writes were accepted", r.Accepted)
	}
	if len(r.Stale) > 0 {
		var all examples
		for _, s := range r.Stale {
			all.add(s.After)
			all.add(s.Write)
		}
		first := r.Stale[0]
		f.violated = fmt.Sprintf("%d of %d writes that came after one with a higher token were accepted (first: %s by %s at %s, after %d by %s at %s)",
			len(r.Stale), r.Tried, name(first.Write.Key, first.Write.Value), first.Write.Client, when(first.Write.Start),
			first.After.Value, first.After.Client, when(first.After.End))
		f.offending = all
	}
	return f.result()
}
