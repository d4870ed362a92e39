package check

import (
	"fmt"
	"slices"
	"sort"
	"time"

	"assay/harness/history"
)

// StaleRead is a read that returned what had been overwritten, surely, before the read began.
type StaleRead struct {
	Read          history.Operation
	OverwrittenBy history.Operation // the write that was acknowledged first, of those that overwrote what was read
	// Age is how stale the read was: from the End of OverwrittenBy, when the value was out of date at the latest, to the read's Start.
	Age time.Duration
}

// Lag tells how long it took until an acknowledged write could be seen.
type Lag struct {
	Write history.Operation
	// Lag is the time from the write's End to the Start of the first read that returned its value, or that of a write which began after
	// it had ended; at least 0. If the write was not Seen it is the time to the Start of the last read of the key, after which nobody
	// looked: a lower bound.
	Lag  time.Duration
	Seen bool
}

// StalenessReport tells which reads were stale, and by how much.
type StalenessReport struct {
	Reads      int                 // reads that succeeded
	Stale      []StaleRead         // by the time of the read
	Unexpected []history.Operation // reads of a value that nobody wrote, or whose writing surely failed, by time

	subject subject
	trouble string // why the checker itself failed, if it did

	judged    int // reads that began after an acknowledged write of their key, and so could have been stale
	registers registers
	firstRead []time.Duration // by version, the start of the first read that returned it; Open if none did
	lastRead  []time.Duration // by key, the start of the last read
}

// Staleness compares Read operations with the Write operations of the same key, a register. A read is stale if the value it returned had
// surely been overwritten before the read began: another write began after that of the returned value had ended, and was itself
// acknowledged before the read began. No regular register returns such a value (Lamport, "On Interprocess Communication", 1986; here with
// several writers, in real time).
//
// Values are unique for a key; one that is written again counts as written by the last of its writes. They need not grow: times tell what
// overwrote what, and of two writes that overlap neither surely overwrote the other. A write of unknown outcome makes no read stale, since
// it may not have happened, and no read of its value is stale, since it may take effect at any time. A read of 0, which stands for
// absence, returns what was there before any write. Reads that failed, or whose outcome is unknown, returned nothing and are left out.
func Staleness(writes, reads history.Source) (r StalenessReport) {
	r.subject = subject{name: nameOf(reads), registers: true}
	defer rescue(&r.trouble)
	// Effects before causes, as in Delivery: what is read has been written by the time that the writes are taken.
	in := reads.History().Sorted()
	out := writes.History().Sorted()
	r.subject.met(in, out)
	regs := newRegisters(out)
	index := newCursor(regs.index)
	r.registers = regs
	r.firstRead = slices.Repeat([]time.Duration{history.Open}, len(regs.versions))
	r.lastRead = make([]time.Duration, len(regs.keys))
	for i := range in {
		if op := &in[i]; op.Kind == history.Read && op.Outcome == history.OK {
			version, key := index.find(op.Key, op.Value)
			r.addRead(op, version, key)
		}
	}
	return r
}

// addRead takes in a read; they come by their starts. Version and key are what it is about, none if nobody tried to write it.
func (r *StalenessReport) addRead(op *history.Operation, version, key int32) {
	r.Reads++
	regs := &r.registers
	if key != none {
		r.lastRead[key] = op.Start
	}
	var overwritten int32
	switch {
	case version != none && regs.versions[version].written:
		r.firstRead[version] = min(r.firstRead[version], op.Start)
		overwritten = regs.versions[version].overwrittenBy
	case op.Value != 0:
		r.Unexpected = append(r.Unexpected, *op)
		return
	case key != none:
		overwritten = regs.earliestFrom(key, regs.keys[key].from)
	default:
		return
	}
	if first := regs.earliestFrom(key, regs.keys[key].from); !regs.acknowledgedBefore(first, op.Start) {
		return
	}
	r.judged++
	if regs.acknowledgedBefore(overwritten, op.Start) {
		by := regs.writes[overwritten]
		r.Stale = append(r.Stale, StaleRead{Read: *op, OverwrittenBy: by, Age: op.Start - by.End})
	}
}

// Oldest gives the age of the stalest read, 0 if none was stale.
func (r StalenessReport) Oldest() time.Duration {
	var oldest time.Duration
	for _, s := range r.Stale {
		oldest = max(oldest, s.Age)
	}
	return oldest
}

// Median gives the median age of the stale reads, 0 if there are none.
func (r StalenessReport) Median() time.Duration {
	ages := make([]time.Duration, len(r.Stale))
	for i, s := range r.Stale {
		ages[i] = s.Age
	}
	return median(ages)
}

// Lags tells for each acknowledged write how long it took to be seen, by key and by the start of the write.
func (r StalenessReport) Lags() []Lag {
	regs := &r.registers
	var lags []Lag
	// By place in order: the start of the first read that returned a write of the key from there on.
	seenFrom := make([]time.Duration, len(regs.order)+1)
	for k, g := range regs.keys {
		seenFrom[g.to] = history.Open
		for at := g.to - 1; at >= g.from; at-- {
			seenFrom[at] = min(seenFrom[at+1], r.firstRead[regs.version(at)])
		}
		for at := g.from; at < g.to; at++ {
			w := regs.writes[regs.order[at]]
			if w.Outcome != history.OK {
				continue
			}
			seen := min(r.firstRead[regs.version(at)], seenFrom[regs.firstAfter(int32(k), at, w.End)])
			if seen == history.Open {
				lags = append(lags, Lag{Write: w, Lag: max(0, r.lastRead[k]-w.End)})
				continue
			}
			lags = append(lags, Lag{Write: w, Lag: max(0, seen-w.End), Seen: true})
		}
	}
	return lags
}

// NeverStale: a read that begins after a write was acknowledged returns that write or a later one.
func (r StalenessReport) NeverStale() Result {
	return finding{
		subject:    r.subject,
		trouble:    r.trouble,
		property:   "a read after an acknowledged write returns it",
		violations: len(r.Stale),
		checked:    r.judged,
		offending:  staleReads(r.Stale),
		violated:   r.staleSummary(r.Stale, "stale"),
		doubt:      r.doubt(),
		holds:      fmt.Sprintf("none of %d reads stale", r.judged),
	}.result()
}

// NoneOlderThan: no read was stale by more than bound.
func (r StalenessReport) NoneOlderThan(bound time.Duration) Result {
	var older []StaleRead
	for _, s := range r.Stale {
		if s.Age > bound {
			older = append(older, s)
		}
	}
	return finding{
		subject:    r.subject,
		trouble:    r.trouble,
		property:   "no read is staler than its bound",
		violations: len(older),
		checked:    r.judged,
		offending:  staleReads(older),
		violated:   r.staleSummary(older, "staler than "+howLong(bound)),
		doubt:      r.doubt(),
		holds: fmt.Sprintf("none of %d reads staler than %s: %d stale, the oldest by %s", r.judged, howLong(bound), len(r.Stale),
			howLong(r.Oldest())),
	}.result()
}

// SomeStale: at least one read was stale. It is what is claimed of a system that serves stale data, and it tells that a bound on staleness
// was put to the test.
func (r StalenessReport) SomeStale() Result {
	f := finding{
		subject:  r.subject,
		trouble:  r.trouble,
		property: "some reads are stale",
		checked:  r.judged,
		violated: fmt.Sprintf("none of %d reads stale", r.judged),
		holds:    r.staleSummary(r.Stale, "stale"),
	}
	if len(r.Stale) == 0 {
		if f.doubt = r.doubt(); f.doubt == "" {
			f.violations = 1
		}
	}
	return f.result()
}

// NothingUnexpected: every value that was read had been written, or at least its writing may have happened.
func (r StalenessReport) NothingUnexpected() Result {
	f := finding{
		subject:    r.subject,
		trouble:    r.trouble,
		property:   "nothing is read that was not written",
		violations: len(r.Unexpected),
		checked:    r.Reads,
		offending:  r.Unexpected[:min(len(r.Unexpected), mostOffending)],
		holds:      fmt.Sprintf("what %d reads returned had been written", r.Reads),
	}
	if len(r.Unexpected) > 0 {
		f.violated = fmt.Sprintf("%d of %d reads returned what was not written (first: %s)", len(r.Unexpected), r.Reads, r.unwritten())
	}
	if r.Reads == 0 {
		f.doubt = "nothing was read"
	}
	return f.result()
}

// doubt says why a history without stale reads does not tell that there are none, "" if it does.
func (r StalenessReport) doubt() string {
	switch {
	case r.Reads == 0:
		return "nothing was read"
	case len(r.Unexpected) > 0:
		return r.unwritten()
	case r.judged == 0:
		return fmt.Sprintf("none of %d reads began after an acknowledged write of its key", r.Reads)
	}
	return ""
}

// unwritten words the first unexpected read.
func (r StalenessReport) unwritten() string {
	op := r.Unexpected[0]
	why := "never written"
	if _, ok := r.registers.index.find(op.Key, op.Value); ok {
		why = "whose writing failed"
	}
	return fmt.Sprintf("read %s at %s, %s", name(op.Key, op.Value), when(op.Start), why)
}

func (r StalenessReport) staleSummary(stale []StaleRead, how string) string {
	if len(stale) == 0 {
		return ""
	}
	s := stale[0]
	return fmt.Sprintf("%d of %d reads %s, the oldest by %s (first: read %s at %s, overwritten by %d at %s: %s stale)", len(stale), r.judged, how,
		howLong(r.Oldest()), name(s.Read.Key, s.Read.Value), when(s.Read.Start), s.OverwrittenBy.Value, when(s.OverwrittenBy.End), howLong(s.Age))
}

func staleReads(stale []StaleRead) []history.Operation {
	var ops examples
	for _, s := range stale[:min(len(stale), mostOffending)] {
		ops.add(s.Read)
	}
	return ops
}

// registers knows for each value that was written which write overwrote it.
type registers struct {
	writes   history.History // sorted
	index    *index
	versions []version // by their number in index
	order    []int32   // the writes that did not surely fail, as places in writes, by key and then by start
	keys     []group   // by the number of the key in index, where its writes lie in order
	earliest []int32   // for each of order: of the acknowledged writes of its key from there on, the one with the earliest end, or none
}

type version struct {
	written       bool          // false if all its writes surely failed
	ended         time.Duration // by when it took effect, if it ever did
	overwrittenBy int32         // of the writes that surely overwrote it, the one acknowledged first, as a place in registers.writes
}

func newRegisters(writes history.History) registers {
	r := registers{writes: writes, index: newIndex(writes, history.Write)}
	r.versions = slices.Repeat([]version{{overwrittenBy: none}}, len(r.index.values))
	sizes := make([]int32, len(r.index.groups))
	for i, n := range r.index.numberOf {
		if op := &writes[i]; n != none && op.Outcome != history.Failed {
			v := &r.versions[n]
			v.written, v.ended = true, max(v.ended, op.EffectBy())
			sizes[r.index.keyOf[i]]++
		}
	}
	var total int32
	r.keys, total = groupsOf(sizes)
	r.order, r.earliest = make([]int32, total), make([]int32, total)
	for i, k := range r.index.keyOf {
		if k != none && writes[i].Outcome != history.Failed {
			g := &r.keys[k]
			r.order[g.to] = int32(i)
			g.to++
		}
	}
	for k, g := range r.keys {
		earliest := none
		for at := g.to - 1; at >= g.from; at-- {
			i := r.order[at]
			if writes[i].Outcome == history.OK && (earliest == none || writes[i].End <= writes[earliest].End) {
				earliest = i
			}
			r.earliest[at] = earliest
		}
		for at := g.from; at < g.to; at++ {
			v := &r.versions[r.version(at)]
			v.overwrittenBy = r.earliestFrom(int32(k), r.firstAfter(int32(k), at, v.ended))
		}
	}
	return r
}

// version gives the number of what the write at this place in order wrote.
func (r *registers) version(at int32) int32 { return r.index.numberOf[r.order[at]] }

// earliestFrom gives the acknowledged write of key with the earliest end, of those from at on in its order.
func (r *registers) earliestFrom(key, at int32) int32 {
	if at >= r.keys[key].to {
		return none
	}
	return r.earliest[at]
}

// firstAfter gives the place in order of the first write of key that began after t, given that the one at begun began no later.
func (r *registers) firstAfter(key, begun int32, t time.Duration) int32 {
	to := r.keys[key].to
	starts := func(at int32) time.Duration { return r.writes[r.order[at]].Start }
	// Mostly a writer waits for one write before it begins the next.
	if next := begun + 1; next == to || starts(next) > t {
		return next
	}
	return begun + int32(sort.Search(int(to-begun), func(i int) bool { return starts(begun+int32(i)) > t }))
}

func (r *registers) acknowledgedBefore(write int32, t time.Duration) bool {
	return write != none && r.writes[write].End < t
}
