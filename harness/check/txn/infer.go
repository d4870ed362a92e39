package txn

import (
	"slices"
	"sort"

	"assay/harness/history"
)

// infer finds what is no cycle, and the dependencies among transactions.
func (c *checker) infer() {
	c.graph.txns = int32(len(c.report.Txns))
	c.graph.nodes = c.graph.txns
	// A micro-operation brings about one edge, real time two for each transaction.
	expected := len(c.list)
	if c.report.strict {
		expected += 3 * len(c.report.Txns)
	}
	c.graph.edges = make([]edge, 0, expected)
	for k := range c.lists {
		c.orderWriters(int32(k))
	}
	c.relate()
	if c.report.strict {
		c.clock()
	}
	c.graph.index()
}

// orderWriters finds the committed writers of list k: those whose appends have been read follow each other, the others come after them.
func (c *checker) orderWriters(k int32) {
	l := &c.lists[k]
	n := int32(len(l.order))
	l.next, l.before = make([]int32, n+1), make([]int32, n+1)
	last := int32(none)
	for p := range n {
		l.before[p] = last
		if l.writers[p] == none || !c.committed[c.writer(l, p)] {
			continue
		}
		if last != none {
			c.edge(c.writer(l, last), c.writer(l, p), ww, k, p)
		}
		last = p
	}
	l.before[n], l.next[n] = last, n
	for p := n - 1; p >= 0; p-- {
		l.next[p] = l.next[p+1]
		if l.before[p+1] == p {
			l.next[p] = p
		}
	}

	for _, a := range c.appends[l.from:l.to] {
		if a.at == none && c.committed[a.txn] {
			l.unseen = append(l.unseen, a.txn)
		}
	}
	slices.Sort(l.unseen)
	l.unseen = slices.Compact(l.unseen)
	c.standFor(l)
	if last != none {
		c.beforeUnseen(c.writer(l, last), ww, k)
	}
}

// writer gives the transaction whose append stands at p.
func (c *checker) writer(l *list, p int32) int32 { return c.appends[l.writers[p]].txn }

// standFor makes the nodes by which others point at the unseen writers of a list. There may be many of both, and an edge for each pair
// would be too many. So node i of the first half leads to the unseen from i on, node i of the second half to those up to i; one of the
// unseen itself points at its neighbours, and hence at all but itself.
func (c *checker) standFor(l *list) {
	n := int32(len(l.unseen))
	if n == 0 {
		return
	}
	l.aux = c.graph.nodes
	c.graph.nodes += 2 * n
	for i, w := range l.unseen {
		from, upTo := l.aux+int32(i), l.aux+n+int32(i)
		c.graph.add(edge{from: from, to: w, kind: inner})
		c.graph.add(edge{from: upTo, to: w, kind: inner})
		if int32(i) < n-1 {
			c.graph.add(edge{from: from, to: from + 1, kind: inner})
		}
		if i > 0 {
			c.graph.add(edge{from: upTo, to: upTo - 1, kind: inner})
		}
	}
}

// beforeUnseen notes that t came before all others that appended to list k what no read has shown.
func (c *checker) beforeUnseen(t int32, kind kind, k int32) {
	l := &c.lists[k]
	n := int32(len(l.unseen))
	if n == 0 {
		return
	}
	i, among := slices.BinarySearch(l.unseen, t)
	at := int32(i)
	if !among {
		c.edge(t, l.aux, kind, k, none)
		return
	}
	if at < n-1 {
		c.edge(t, l.aux+at+1, kind, k, none)
	}
	if at > 0 {
		c.edge(t, l.aux+n+at-1, kind, k, none)
	}
}

// edge adds a dependency between two transactions, or on unseen ones.
func (c *checker) edge(from, to int32, kind kind, k, at int32) {
	if from == to {
		return
	}
	switch kind {
	case ww:
		c.report.WW++
	case wr:
		c.report.WR++
	case rw:
		c.report.RW++
	}
	c.graph.add(edge{from: from, to: to, key: k, at: at, kind: kind})
}

// relate goes through the committed transactions: what each read tells, and what each append after a read.
func (c *checker) relate() {
	var (
		firsts   = newMarks(len(c.lists)) // the number of the transaction's micro-operation that first appended to the list
		lasts    = newMarks(len(c.lists)) // its last value so far
		reads    = newMarks(len(c.lists)) // how long the list was that it read last
		updaters = slices.Repeat([]int32{none}, len(c.lists))
	)
	for t := range int32(len(c.report.Txns)) {
		if !c.committed[t] {
			continue
		}
		for i, op := range c.ops(t) {
			at := c.first[t] + int32(i)
			k := c.list[at]
			since, wrote := firsts.get(k, t)
			length, read := reads.get(k, t)
			switch op.Kind {
			case history.Append:
				a := c.appendOf(k, op.Value)
				lasts.set(k, t, a)
				if read && c.appends[a].at != none && c.appends[a].at < length {
					c.early(t, k, op)
				}
				if wrote {
					continue
				}
				firsts.set(k, t, int32(i))
				if read {
					c.update(t, k, length, updaters)
				}
			case history.Read:
				if wrote {
					last, _ := lasts.get(k, t)
					c.readsOwn(t, c.ops(t)[since:i], c.appends[last].value, op)
				}
				if c.odd[at] {
					c.disagrees(t, k, op)
					continue
				}
				reads.set(k, t, int32(len(op.List)))
				c.refused(t, k, op)
				c.depends(t, k, op)
			}
		}
	}
}

// early is told of an append whose value its own transaction had read before.
func (c *checker) early(t, k int32, op history.MicroOp) {
	if c.another(Internal) {
		c.keep(Internal, c.one(t, op), "T%d read %d in %s, and appended it only then", t+1, op.Value, c.lists[k].name)
	}
}

// update is told that t appended to list k after it had read the first of its values, as many as length.
func (c *checker) update(t, k, length int32, updaters []int32) {
	c.report.Updates++
	l := &c.lists[k]
	by := t
	if p := l.next[length]; p < int32(len(l.order)) {
		by = c.writer(l, p)
	} else if updaters[k] == none {
		updaters[k] = t
	} else {
		by = updaters[k] // it did the same: one of the two has overlooked the other
	}
	if by != t && c.another(LostUpdate) {
		mine, theirs := c.appendsOf(t, k), c.appendsOf(by, k)
		c.keep(LostUpdate, slices.Concat(c.readOf(t, k, length), mine, theirs), "T%d read %s = %v and appended %v; T%d, of which it had seen nothing there, appended %v",
			t+1, l.name, shown(l.order[:length]), values(mine), by+1, values(theirs))
	}
}

// readsOwn looks whether a read shows what its transaction appended before it, last of all the value last.
func (c *checker) readsOwn(t int32, before []history.MicroOp, last int64, op history.MicroOp) {
	if n := len(op.List); n == 0 || op.List[n-1] != last {
		if c.another(Internal) {
			c.keep(Internal, c.one(t, op), "T%d appended %d to %s, and then read %v, which does not end with it", t+1, last, op.Key, shown(op.List))
		}
		return
	}
	for _, m := range before {
		if m.Kind == history.Append && m.Key == op.Key && !slices.Contains(op.List, m.Value) {
			if c.another(Internal) {
				c.keep(Internal, c.one(t, op), "T%d appended %d to %s, and then read %v, which lacks it", t+1, m.Value, op.Key, shown(op.List))
			}
			return
		}
	}
}

// disagrees is told of a read that is no beginning of the list.
func (c *checker) disagrees(t, k int32, op history.MicroOp) {
	l := &c.lists[k]
	if c.another(IncompatibleOrder) {
		c.keep(IncompatibleOrder, c.one(t, op), "T%d read %s = %v, and another read %v: neither is the beginning of the other", t+1, l.name, shown(op.List), shown(l.order))
	}
	before := map[int64]bool{}
	for _, v := range op.List {
		a := c.appendOf(k, v)
		switch {
		case a == none:
			c.unexpected(t, op, v)
			return
		case c.report.Txns[c.appends[a].txn].Outcome == history.Failed:
			c.aborted(t, c.appends[a].txn, op, v)
			return
		case before[v]:
			c.duplicate(t, op, v)
			return
		}
		before[v] = true
	}
}

// refused looks for values in a read that should not be there.
func (c *checker) refused(t, k int32, op history.MicroOp) {
	l := &c.lists[k]
	n := int32(len(op.List))
	has := func(at int32) bool { return at != none && at < n }
	if has(l.unexpected) {
		c.unexpected(t, op, l.order[l.unexpected])
	}
	if has(l.duplicate) {
		c.duplicate(t, op, l.order[l.duplicate])
	}
	if has(l.aborted) {
		c.aborted(t, c.writer(l, l.aborted), op, l.order[l.aborted])
	}
	if n == 0 || l.writers[n-1] == none {
		return
	}
	a := c.appends[l.writers[n-1]]
	if by := a.txn; !a.final && by != t && c.another(G1b) {
		theirs := c.appendsOf(by, k)
		c.keep(G1b, slices.Concat(c.one(t, op), theirs), "T%d read %s = %v, which ends in the middle of what T%d appended: %v", t+1, l.name, shown(op.List), by+1, values(theirs))
	}
}

func (c *checker) unexpected(t int32, op history.MicroOp, v int64) {
	if c.another(Unexpected) {
		c.keep(Unexpected, c.one(t, op), "T%d read %s = %v, and nobody appended %d", t+1, op.Key, shown(op.List), v)
	}
}

func (c *checker) duplicate(t int32, op history.MicroOp, v int64) {
	if c.another(Duplicate) {
		c.keep(Duplicate, c.one(t, op), "T%d read %s = %v, and %d was appended once", t+1, op.Key, shown(op.List), v)
	}
}

func (c *checker) aborted(t, by int32, op history.MicroOp, v int64) {
	if c.another(G1a) {
		causes := append(c.one(t, op), c.one(by, history.MicroOp{Kind: history.Append, Key: op.Key, Value: v})...)
		c.keep(G1a, causes, "T%d read %s = %v, and %d was appended by T%d, which was aborted", t+1, op.Key, shown(op.List), v, by+1)
	}
}

// depends adds what the read tells: whose version it was, and who overwrote that.
func (c *checker) depends(t, k int32, op history.MicroOp) {
	l := &c.lists[k]
	n := int32(len(op.List))
	if n > 0 && l.writers[n-1] != none && c.writer(l, n-1) == t {
		return // its own version: what comes before and after is told by the appends
	}
	if p := l.before[n]; p != none {
		c.edge(c.writer(l, p), t, wr, k, p)
	}
	if p := l.next[n]; p < int32(len(l.order)) {
		c.edge(t, c.writer(l, p), rw, k, p)
		return
	}
	c.beforeUnseen(t, rw, k)
}

// clock adds that a transaction ended before others began. In the order of their ends, each has a node that leads to the next one's; who
// began after an end is pointed at by the last such node.
func (c *checker) clock() {
	var ended []int32
	for t, txn := range c.report.Txns {
		if txn.Outcome == history.OK && txn.End != history.Open {
			ended = append(ended, int32(t))
		}
	}
	end := func(i int) int64 { return int64(c.report.Txns[ended[i]].End) }
	sort.SliceStable(ended, func(i, j int) bool { return end(i) < end(j) })
	base := c.graph.nodes
	c.graph.nodes += int32(len(ended))
	for i, t := range ended {
		c.graph.add(edge{from: t, to: base + int32(i), kind: rt, key: none})
		if i > 0 {
			c.graph.add(edge{from: base + int32(i) - 1, to: base + int32(i), kind: inner})
		}
	}
	for t, txn := range c.report.Txns {
		if !c.committed[t] {
			continue
		}
		if i := sort.Search(len(ended), func(i int) bool { return end(i) >= int64(txn.Start) }); i > 0 {
			c.graph.add(edge{from: base + int32(i) - 1, to: int32(t), kind: inner})
		}
	}
}
