package harness

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"assay/harness/fault"
	"assay/harness/history"
)

// see looks for clients that felt the fault: their operations over its link or server failed, were cut off, were slowed down
// by as much as was injected, or brought again what had been delivered before.
func (e *Env) see(f *fault.Fault, ops history.History) {
	if f.Kind == "skew" {
		return // nothing fails of a wrong clock: what does, fails of something else
	}
	over := map[string]bool{}
	for _, c := range e.recorder.Clients() {
		over[c.Name()] = slices.Contains(c.Via(), f.Target)
	}
	window := f.Window()
	ops = ops.Filter(func(op history.Operation) bool { return over[op.Client] })
	var past []history.Window // of faults that were over before this one: what they held up is no measure for it
	for _, other := range e.faults {
		if w := other.Window(); w.To < window.From {
			past = append(past, w)
		}
	}
	usual := map[string]time.Duration{} // the longest that an operation of each kind took before the fault
	for _, op := range ops {
		if op.Outcome == history.OK && op.End < window.From && !slices.ContainsFunc(past, func(w history.Window) bool { return w.Overlaps(op) }) {
			usual[op.Kind] = max(usual[op.Kind], op.End-op.Start)
		}
	}
	byClient := map[string]*felt{}
	for _, op := range ops {
		c := byClient[op.Client]
		if c == nil {
			c = &felt{firsts: map[message]time.Duration{}}
			byClient[op.Client] = c
		}
		c.look(op, window, f.Delay, usual)
	}
	var names []string
	for name := range byClient {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if how := byClient[name].words(); how != "" {
			e.proofs.witness(f, name+": "+how)
		}
	}
}

// felt counts how one client felt a fault.
type felt struct {
	failed, unknown, cut, held, slow, again int
	timed                                   int                       // of which slow are
	firsts                                  map[message]time.Duration // when each message was first delivered
}

type message struct {
	key   string
	value int64
}

func (c *felt) look(op history.Operation, w history.Window, delay time.Duration, usually map[string]time.Duration) {
	m := message{op.Key, op.Value}
	if op.Kind == history.Deliver {
		// Redelivery is felt when it comes, which may be after the fault; what counts is that the delivery before was in it.
		first, seen := c.firsts[m]
		if !seen {
			c.firsts[m] = op.Start
		}
		if seen && w.Contains(first) && op.Start > first {
			c.again++
		}
		return
	}
	if !w.Overlaps(op) || op.End == history.Open || op.Kind == history.Hold {
		return // what is still pending at the end of the test has not told yet; how long a lock is held is up to its holder
	}
	usual, known := usually[op.Kind]
	if known && delay > 0 {
		c.timed++
	}
	switch {
	case op.Kind == history.Disconnect:
		c.cut++
	case op.Outcome == history.Failed && op.Kind == history.CompareAndSet:
		// It may only have found another value, as it does without a fault.
	case op.Outcome == history.Failed:
		c.failed++
	case op.Outcome == history.Unknown:
		c.unknown++
	case !known:
		// With nothing to compare it with, no operation is slow.
	case delay > 0 && op.End-op.Start >= max(delay, 2*usual):
		c.slow++
	case delay == 0 && op.End >= w.To && w.To-op.Start > 2*usual:
		c.held++ // until the fault had passed
	}
}

func (c *felt) words() string {
	var w []string
	slowed := c.held
	if 100*c.slow >= c.timed { // fewer are so slow by themselves, on a busy machine
		slowed += c.slow
	}
	for _, n := range []struct {
		count int
		what  string
	}{{c.failed, "failed"}, {c.unknown, "unknown"}, {c.cut, "cut off"}, {slowed, "slowed down"}, {c.again, "delivered again"}} {
		if n.count > 0 {
			w = append(w, fmt.Sprintf("%d %s", n.count, n.what))
		}
	}
	return strings.Join(w, ", ")
}
