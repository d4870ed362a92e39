package check

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"time"

	"assay/harness/history"
)

// CounterRead is a read of a counter, and between what it must lie.
type CounterRead struct {
	Read      history.Operation
	Low, High int64
}

// CounterReport tells which reads of counters cannot be right.
type CounterReport struct {
	Added int // increments that were acknowledged
	Reads int // reads that succeeded
	Off   []CounterRead
	// Vaguest is the largest difference between the bounds of a read. The larger, the less was asked of it.
	Vaguest int64

	subject subject
	trouble string
}

// Counter compares Read operations with the Add operations of the same key, a counter that begins at 0 (Jepsen's counter checker,
// jepsen.checker/counter). What was acknowledged before the read began counts, what was not yet begun when it ended or surely failed does
// not, and what overlapped it, or whose outcome is unknown, may count or not: that gives a lower and an upper bound. Amounts may be
// negative. Here a Value of 0 is a count, and amounts need not be unique.
//
// Reads within their bounds are necessary for a linearizable counter, and not enough: two reads may contradict each other.
func Counter(adds, reads history.Source) (r CounterReport) {
	defer rescue(&r.trouble)
	r.subject = about(reads, adds)
	in := reads.History().Sorted() // effects before causes, as in Delivery
	counters := map[string]*tally{}
	for _, op := range adds.History() {
		if op.Kind != history.Add || op.Outcome == history.Failed {
			continue
		}
		c := counters[op.Key]
		if c == nil {
			c = &tally{}
			counters[op.Key] = c
		}
		c.begun.add(op.Start, op.Value)
		if op.Outcome == history.OK {
			r.Added++
			c.acknowledged.add(op.End, op.Value)
		}
	}
	for _, c := range counters {
		c.begun.sum()
		c.acknowledged.sum()
	}
	for _, op := range in {
		if op.Kind != history.Read || op.Outcome != history.OK {
			continue
		}
		r.Reads++
		read := CounterRead{Read: op}
		if c := counters[op.Key]; c != nil {
			read.Low, read.High = c.bounds(op)
		}
		r.Vaguest = max(r.Vaguest, read.High-read.Low)
		if op.Value < read.Low || op.Value > read.High {
			r.Off = append(r.Off, read)
		}
	}
	return r
}

// Bounded: every read of a counter is what its increments allow.
func (r CounterReport) Bounded() Result {
	f := finding{
		subject:    r.subject,
		property:   "a counter counts what was added to it",
		violations: len(r.Off),
		checked:    r.Reads,
		trouble:    r.trouble,
		holds:      fmt.Sprintf("%d reads agree with %d increments, to within %d or less", r.Reads, r.Added, r.Vaguest),
	}
	switch {
	case r.Reads == 0:
		f.doubt = "nothing was read"
	case r.Added == 0:
		f.doubt = "no increment was acknowledged"
	}
	if len(r.Off) > 0 {
		var off examples
		for _, o := range r.Off {
			off.add(o.Read)
		}
		first := r.Off[0]
		f.violated = fmt.Sprintf("%d of %d reads are off (first: %s at %s, which must be from %d to %d)", len(r.Off), r.Reads,
			name(first.Read.Key, first.Read.Value), when(first.Read.Start), first.Low, first.High)
		f.offending = off
	}
	return f.result()
}

// tally is what was added to one counter.
type tally struct{ begun, acknowledged amounts }

func (c *tally) bounds(read history.Operation) (low, high int64) {
	// What was acknowledged before had begun before, too: it is in both sums.
	surelyUp, surelyDown := c.acknowledged.until(read.Start - 1)
	perhapsUp, perhapsDown := c.begun.until(read.End)
	return surelyUp + perhapsDown, perhapsUp + surelyDown
}

// amounts are summed up over time, positive and negative ones apart.
type amounts []amount

type amount struct {
	at       time.Duration
	up, down int64
}

func (a *amounts) add(at time.Duration, by int64) {
	*a = append(*a, amount{at, max(by, 0), min(by, 0)})
}

func (a amounts) sum() {
	slices.SortFunc(a, func(x, y amount) int { return cmp.Compare(x.at, y.at) })
	for i := 1; i < len(a); i++ {
		a[i].up += a[i-1].up
		a[i].down += a[i-1].down
	}
}

// until gives the sums up to t, which is included.
func (a amounts) until(t time.Duration) (up, down int64) {
	n := sort.Search(len(a), func(i int) bool { return a[i].at > t })
	if n == 0 {
		return 0, 0
	}
	return a[n-1].up, a[n-1].down
}
