// Package history is what a test saw: the operations that clients began, how they ended, and when.
//
// It is plain data and the recorder that collects it while clients run. Judgement does not belong here (package check draws
// conclusions), nor does anything that knows of tests, containers or networks: the package imports the standard library only.
//
// The model is that of Jepsen's histories and of Herlihy and Wing, "Linearizability: A Correctness Condition for Concurrent Objects"
// (1990): an operation is an interval between its invocation and its response, and it takes effect at some moment in that interval.
package history

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Outcome is what a client knows about the effect of its operation.
type Outcome uint8

const (
	// Unknown is the outcome of an operation that may or may not have happened: it timed out, its connection broke before the response,
	// or it is still pending. It may take effect at any later time. It is the zero value, so that nothing is ever claimed by omission.
	Unknown Outcome = iota
	// OK is the outcome of an operation that was acknowledged: it took effect between its Start and its End.
	OK
	// Failed is the outcome of an operation that surely had no effect: it was refused, or never sent.
	Failed
)

var outcomes = [...]string{Unknown: "unknown", OK: "ok", Failed: "failed"}

// String gives "ok", "failed" or "unknown".
func (o Outcome) String() string {
	if int(o) < len(outcomes) {
		return outcomes[o]
	}
	return fmt.Sprintf("Outcome(%d)", uint8(o))
}

// MarshalText gives "ok", "failed" or "unknown".
func (o Outcome) MarshalText() ([]byte, error) {
	if int(o) >= len(outcomes) {
		return nil, fmt.Errorf("history: no such outcome: %d", uint8(o))
	}
	return []byte(outcomes[o]), nil
}

// UnmarshalText accepts what MarshalText gives.
func (o *Outcome) UnmarshalText(text []byte) error {
	i := slices.Index(outcomes[:], string(text))
	if i < 0 {
		return fmt.Errorf("history: no such outcome: %q, want ok, failed or unknown", text)
	}
	*o = Outcome(i)
	return nil
}

// Kinds of operations. A workload may use others of its own; these are the ones that checks know.
const (
	Publish    = "publish"    // hand a message to a broker
	Deliver    = "deliver"    // event: a message reached a consumer
	Write      = "write"      // store a value
	Read       = "read"       // ask for a value
	Disconnect = "disconnect" // event: a client lost its connection

	// CompareAndSet stores a value if the register holds the expected one. It is OK when it stored the value, and Failed when it
	// surely did not, be it refused or because the register held another value.
	CompareAndSet = "compare-and-set"
	Add           = "add"  // increase a counter by a value
	Hold          = "hold" // be inside a critical section: from just after the lock was acquired to just before it is given back
	Lead          = "lead" // event: the client, a node, was seen to lead; the value is the term

	Append      = "append"      // in a transaction: put a value at the end of a list
	Transaction = "transaction" // several reads and appends, from their begin to their commit; Client.Txns tells which
)

// Open is the End of an operation that is still pending, and the To of a window that is still open: no time is later.
const Open time.Duration = math.MaxInt64

// Operation is one thing that one client did or that happened to it. Times are monotonic, since the epoch of the recorder.
type Operation struct {
	Client string // who issued it, or whom it happened to
	Kind   string // Publish, Deliver, Write, Read, … (see above), or a kind of the workload's own
	Key    string // the register, stream, … that it is about
	// Value is the value written or read, or the number of the message. The workload gives out numbers that are unique for a Key,
	// and never 0, which is what a read returns when it finds nothing.
	Value    int64
	Expected int64         // of a CompareAndSet, what the register must hold for it to store the value; 0 for nothing yet
	Attempt  int           // of a delivery, as told by the broker: 1 for the first, 2 and up for redeliveries; 0 where it does not apply
	Start    time.Duration // when it was invoked
	// End is when the client got the response or gave up waiting for it; Open while the operation is pending. An Unknown operation
	// can take effect after its End: what reasons about effects uses EffectBy.
	End     time.Duration
	Outcome Outcome
	Err     string // what the client was told when it did not succeed
}

// Happened tells whether op is an event that merely happened to its client, or what it did on its own, and no request that could be
// answered.
func (op Operation) Happened() bool {
	switch op.Kind {
	case Deliver, Disconnect, Hold, Lead:
		return true
	}
	return false
}

// EffectBy gives the time by which op has taken effect if it ever does: its End when it is known how it ended, else Open.
func (op Operation) EffectBy() time.Duration {
	if op.Outcome == Unknown {
		return Open
	}
	return op.End
}

// String describes op in one line: "producer: publish orders/51 [1.203s, 1.210s] unknown: timed out".
func (op Operation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s %s/%d", op.Client, op.Kind, op.Key, op.Value)
	if op.Kind == CompareAndSet {
		fmt.Fprintf(&b, " if %d", op.Expected)
	}
	if op.Attempt > 0 {
		fmt.Fprintf(&b, " attempt %d", op.Attempt)
	}
	switch op.End {
	case op.Start:
		fmt.Fprintf(&b, " at %.3fs", op.Start.Seconds())
	case Open:
		fmt.Fprintf(&b, " [%.3fs, …)", op.Start.Seconds())
	default:
		fmt.Fprintf(&b, " [%.3fs, %.3fs]", op.Start.Seconds(), op.End.Seconds())
	}
	b.WriteString(" " + op.Outcome.String())
	if op.Err != "" {
		b.WriteString(": " + op.Err)
	}
	return b.String()
}

// compare is a total order, by Start first, so that what is computed from a sorted history does not depend on how it was stored.
func compare(a, b *Operation) int {
	return cmp.Or(
		cmp.Compare(a.Start, b.Start),
		cmp.Compare(a.End, b.End),
		cmp.Compare(a.Client, b.Client),
		cmp.Compare(a.Key, b.Key),
		cmp.Compare(a.Value, b.Value),
		cmp.Compare(a.Expected, b.Expected),
		cmp.Compare(a.Attempt, b.Attempt),
		cmp.Compare(a.Kind, b.Kind),
		cmp.Compare(a.Outcome, b.Outcome),
		cmp.Compare(a.Err, b.Err),
	)
}

// Window is a stretch of time with a name, such as that of a fault. To is Open while it lasts.
type Window struct {
	Name     string
	From, To time.Duration
}

// Always is the window of the whole test.
var Always = Window{To: Open}

// Since gives the window from t on.
func Since(t time.Duration) Window { return Window{From: t, To: Open} }

// Until gives the window from the beginning to t.
func Until(t time.Duration) Window { return Window{To: t} }

// Between gives the window from one moment to another.
func Between(from, to time.Duration) Window { return Window{From: from, To: to} }

// Length gives how long w is; Open while it lasts.
func (w Window) Length() time.Duration {
	if w.To == Open {
		return Open
	}
	return w.To - w.From
}

// Contains tells whether t lies in w, its ends included.
func (w Window) Contains(t time.Duration) bool { return w.From <= t && t <= w.To }

// Overlaps tells whether op was in flight at some time in w, its ends included.
func (w Window) Overlaps(op Operation) bool { return op.Start <= w.To && op.End >= w.From }

// Source is whoever can tell a history: a Recorder, a Client, whatever embeds one, or a History itself.
type Source interface {
	// History gives the operations so far; those that are pending are Unknown and Open.
	History() History
}

// History is a set of operations. What a recorder gives is sorted by Start; no function of this module requires it.
type History []Operation

// History gives h itself.
func (h History) History() History { return h }

// Filter gives the operations for which keep is true.
func (h History) Filter(keep func(Operation) bool) History {
	var kept History
	for _, op := range h {
		if keep(op) {
			kept = append(kept, op)
		}
	}
	return kept
}

// Of gives the operations of these kinds.
func (h History) Of(kinds ...string) History {
	return h.Filter(func(op Operation) bool { return slices.Contains(kinds, op.Kind) })
}

// Within gives the operations that began in w. For those that were in flight at some time in it, use Filter(w.Overlaps).
func (h History) Within(w Window) History {
	return h.Filter(func(op Operation) bool { return w.Contains(op.Start) })
}

// Sorted gives the operations by Start, and in an order that depends on nothing but their fields. It is h itself if that is sorted, else a
// copy.
func (h History) Sorted() History {
	// Mostly it is sorted, or the histories of several clients are, each of which comes after the other: such runs are merged.
	runs := h.runs()
	if len(runs) <= 1 {
		return h
	}
	// Operations are large: their order is found first, and each is moved once.
	refs := make([]ref, len(h))
	for i := range h {
		refs[i] = ref{h[i].Start, i}
	}
	out := make(History, len(h))
	for i, r := range h.merged(refs, runs) {
		out[i] = h[r.at]
	}
	return out
}

// ref stands for an operation, and saves most looks at it.
type ref struct {
	start time.Duration
	at    int
}

// runs gives where each of the sorted stretches ends that h consists of.
func (h History) runs() (ends []int) {
	for i := 1; i < len(h); i++ {
		if h[i-1].Start >= h[i].Start && compare(&h[i-1], &h[i]) > 0 {
			ends = append(ends, i)
		}
	}
	return append(ends, len(h))
}

// merged merges two runs at a time, until there is one.
func (h History) merged(refs []ref, ends []int) []ref {
	for room := make([]ref, len(refs)); len(ends) > 1; refs, room = room, refs {
		merged := ends[:0] // where the longer runs end; it never catches up with what is read
		from := 0
		for i := 0; i < len(ends); i += 2 {
			middle, to := ends[i], ends[min(i+1, len(ends)-1)]
			h.merge(room[from:to], refs[from:middle], refs[middle:to])
			merged, from = append(merged, to), to
		}
		ends = merged
	}
	return refs
}

// merge puts what two runs have into one, which has just room for them.
func (h History) merge(to, left, right []ref) {
	for len(left) > 0 && len(right) > 0 {
		l, r := left[0], right[0]
		if r.start < l.start || r.start == l.start && compare(&h[r.at], &h[l.at]) < 0 {
			to[0], right = r, right[1:]
		} else {
			to[0], left = l, left[1:]
		}
		to = to[1:]
	}
	copy(to[copy(to, left):], right)
}

// Merge gives the operations of all of them as one history, sorted by Start.
func Merge(historians ...Source) History {
	var all History
	for _, h := range historians {
		all = append(all, h.History()...)
	}
	return all.Sorted()
}

// Batch is a set of messages or writes of one key, such as what one call published.
type Batch struct {
	Key    string
	Values []int64
}

// Missing gives those of b that received does not show: no delivery and no read returned them. It is what a wait for b waits for.
func (b Batch) Missing(received Source) Batch {
	seen := make(map[int64]bool, len(b.Values))
	for _, v := range b.Values {
		seen[v] = false
	}
	h := received.History()
	for i := range h {
		op := &h[i]
		if op.Key != b.Key || op.Outcome != OK || op.Kind != Deliver && op.Kind != Read {
			continue
		}
		if _, wanted := seen[op.Value]; wanted {
			seen[op.Value] = true
		}
	}
	return Batch{b.Key, slices.DeleteFunc(slices.Clone(b.Values), func(v int64) bool { return seen[v] })}
}
