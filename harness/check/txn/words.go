package txn

import (
	"fmt"
	"slices"
	"strings"

	"assay/harness/history"
)

// shown is a list in words, of which only the end is shown if it is long: "[1 4]", "[… 17 18 19 20]".
type shown []int64

func (s shown) String() string {
	const most = 4
	if len(s) <= most+2 {
		return fmt.Sprint([]int64(s))
	}
	return "[… " + strings.TrimPrefix(fmt.Sprint([]int64(s[len(s)-most:])), "[")
}

// values words what was appended: "3", "3 and 4".
func values(appends []history.Operation) string {
	var w []string
	for _, op := range appends {
		w = append(w, fmt.Sprint(op.Value))
	}
	return strings.Join(w, " and ")
}

// one is a micro-operation as an operation, with the times and the outcome of its transaction. The value of a read is the last in the list.
func (c *checker) one(t int32, m history.MicroOp) []history.Operation {
	txn := &c.report.Txns[t]
	value := m.Value
	if n := len(m.List); n > 0 {
		value = m.List[n-1]
	}
	return []history.Operation{{
		Client: txn.Client, Kind: m.Kind, Key: m.Key, Value: value, Start: txn.Start, End: txn.End, Outcome: txn.Outcome, Err: txn.Err,
	}}
}

// appendsOf gives what t appended to list k.
func (c *checker) appendsOf(t, k int32) (all []history.Operation) {
	for i, m := range c.ops(t) {
		if m.Kind == history.Append && c.list[c.first[t]+int32(i)] == k {
			all = append(all, c.one(t, m)...)
		}
	}
	return all
}

// reads gives t's first read of list k for which ok is true.
func (c *checker) read(t, k int32, ok func(history.MicroOp) bool) history.MicroOp {
	for i, m := range c.ops(t) {
		if at := c.first[t] + int32(i); m.Kind == history.Read && c.list[at] == k && !c.odd[at] && ok(m) {
			return m
		}
	}
	return history.MicroOp{Kind: history.Read, Key: c.lists[k].name}
}

// readOf gives t's read of list k that returned so many values.
func (c *checker) readOf(t, k, length int32) []history.Operation {
	return c.one(t, c.read(t, k, func(m history.MicroOp) bool { return len(m.List) == int(length) }))
}

// dependency explains an edge.
func (c *checker) dependency(e edge) Dependency {
	d := Dependency{From: int(e.from), To: int(e.to), Kind: e.kind.String()}
	if e.kind == rt {
		from, to := c.report.Txns[e.from], c.report.Txns[e.to]
		d.Why = fmt.Sprintf("T%d ended at %.6fs, and T%d began at %.6fs", e.from+1, from.End.Seconds(), e.to+1, to.Start.Seconds())
	} else {
		d.Key = c.lists[e.key].name
		d.Why, d.causes = c.why(e)
	}
	d.Why += fmt.Sprintf(": so T%d came before T%d (%s)", e.from+1, e.to+1, d.Kind)
	return d
}

// why words what shows the edge, and gives the micro-operations: first the earlier, then the later transaction's.
func (c *checker) why(e edge) (string, []history.Operation) {
	l := &c.lists[e.key]
	from, to := e.from+1, e.to+1
	appended := func(t int32, value int64) []history.Operation {
		return c.one(t, history.MicroOp{Kind: history.Append, Key: l.name, Value: value})
	}
	switch e.kind {
	case wr:
		// The read ends with what was appended there, or with what was aborted.
		m := c.read(e.to, e.key, func(m history.MicroOp) bool { return len(m.List) > int(e.at) && l.before[len(m.List)] == e.at })
		value := l.order[e.at]
		return fmt.Sprintf("T%d read %s = %v, in which %d was appended by T%d", to, l.name, shown(m.List), value, from),
			slices.Concat(appended(e.from, value), c.one(e.to, m))
	case rw:
		next, value := e.at, c.newest(e)
		if next == none {
			next = int32(len(l.order))
		}
		m := c.read(e.from, e.key, func(m history.MicroOp) bool {
			n := len(m.List)
			own := n > 0 && l.writers[n-1] != none && c.writer(l, int32(n)-1) == e.from
			return l.next[n] == next && !own
		})
		return fmt.Sprintf("T%d read %s = %v, which lacks %d, appended by T%d", from, l.name, shown(m.List), value, to),
			slices.Concat(c.one(e.from, m), appended(e.to, value))
	}
	if e.at == none {
		last, value := l.order[l.before[len(l.order)]], c.newest(e)
		return fmt.Sprintf("T%d appended %d to %s, which %v as it was read lacks, while T%d had appended %d, which is in it", to, value, l.name, shown(l.order), from, last),
			slices.Concat(appended(e.from, last), appended(e.to, value))
	}
	first, second := l.order[l.before[e.at]], l.order[e.at]
	return fmt.Sprintf("%s was read as %v, in which %d, appended by T%d, precedes %d, appended by T%d", l.name, shown(l.order[:e.at+1]), first, from, second, to),
		slices.Concat(appended(e.from, first), appended(e.to, second))
}

// newest gives the value that the later transaction appended: the one at the place that the edge tells, or the first that no read shows.
func (c *checker) newest(e edge) int64 {
	l := &c.lists[e.key]
	if e.at != none {
		return l.order[e.at]
	}
	for _, m := range c.ops(e.to) {
		if m.Kind == history.Append && m.Key == l.name && c.appends[c.appendOf(e.key, m.Value)].at == none {
			return m.Value
		}
	}
	return 0
}
