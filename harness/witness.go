package harness

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"assay/harness/check/stat"
	"assay/harness/fault"
	"assay/harness/history"
)

// see looks for clients that felt the fault: their operations over its link or server failed, were cut off, were slowed down
// by as much as was injected, or brought again what had been delivered before. Slowed down is what took twice as long as the longest
// before the fault; or, where operations took long before it, too, what took as long as was injected, if surely more did than before.
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
	usually := map[string]usual{}
	for _, op := range ops {
		if op.Outcome == history.OK && op.End < window.From && !slices.ContainsFunc(past, func(w history.Window) bool { return w.Overlaps(op) }) {
			usually[op.Kind] = usually[op.Kind].and(op.End-op.Start, f.Delay)
		}
	}
	byClient := map[string]*felt{}
	for _, op := range ops {
		c := byClient[op.Client]
		if c == nil {
			c = &felt{firsts: map[message]time.Duration{}, late: map[string]*lateness{}}
			byClient[op.Client] = c
		}
		c.look(op, window, f.Delay, usually)
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

// usual is how long operations of one kind took before the fault.
type usual struct {
	longest time.Duration
	late    stat.Proportion // of them, as long as the fault's delay or longer
}

func (u usual) and(took, delay time.Duration) usual {
	u.longest = max(u.longest, took)
	u.late.Of++
	if took >= delay {
		u.late.Hits++
	}
	return u
}

// felt counts how one client felt a fault.
type felt struct {
	failed, unknown, cut, held, slow, again int
	late                                    map[string]*lateness      // by kind of operation, of which slow are
	firsts                                  map[message]time.Duration // when each message was first delivered
}

// lateness is which of a client's operations of one kind took as long as the fault's delay or longer, before the fault and in it.
type lateness struct{ before, within stat.Proportion }

// surely tells whether so many more do in it that chance does not explain it.
func (l lateness) surely() bool { return l.within.More(l.before, 0.999).Interval.Low > 0 }

type message struct {
	key   string
	value int64
}

func (c *felt) look(op history.Operation, w history.Window, delay time.Duration, usually map[string]usual) {
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
	before, known := usually[op.Kind]
	took := op.End - op.Start
	if known && delay > 0 {
		l := c.late[op.Kind]
		if l == nil {
			l = &lateness{before: before.late}
			c.late[op.Kind] = l
		}
		l.within.Of++
		if took >= delay {
			l.within.Hits++
		}
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
	case delay > 0 && took >= max(delay, 2*before.longest):
		c.slow++
	case delay == 0 && op.End >= w.To && w.To-op.Start > 2*before.longest:
		c.held++ // until the fault had passed
	}
}

func (c *felt) words() string {
	var w []string
	slowed, timed := c.held, 0
	for _, l := range c.late {
		timed += l.within.Of
	}
	if 100*c.slow >= timed { // fewer are so slow by themselves, on a busy machine
		slowed += c.slow
	}
	if slowed == 0 { // on one that was busier before, none may be slow by itself
		for _, l := range c.late {
			if l.surely() {
				slowed += l.within.Hits
			}
		}
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
