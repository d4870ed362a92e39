package txn

import (
	"cmp"
	"fmt"
	"slices"

	"assay/harness/history"
)

// none stands for no transaction, no append, no position.
const none = -1

// checker is what is known while a history is being checked. Transactions, lists and appends go by their numbers.
type checker struct {
	report    Report
	committed []bool // by transaction

	first []int32 // by transaction, the number of its first micro-operation; one more at the end
	list  []int32 // by micro-operation, the list that it is about
	lists []list

	appends []appended     // by list, and there by value
	pending []int32        // committed transactions whose reads are still to be taken in
	odd     map[int32]bool // by micro-operation: reads that are not the beginning of their list's order

	graph graph
	kept  [phenomena][]Anomaly
}

// appended is an append of a transaction.
type appended struct {
	value int64
	txn   int32
	at    int32 // where the value stands in its list, none if no read has shown it
	final bool  // the transaction's last to the list
}

// list is what is known of a list.
type list struct {
	name     string
	from, to int32 // its appends
	// order is the longest that a committed transaction has read. All others that are compatible are its beginnings.
	order   []int64
	writers []int32 // by position, the append; none for a value that nobody appended, or that came before
	// Where the first value stands of each sort that should not be there; none if nowhere.
	aborted, duplicate, unexpected int32
	// next is, by position, the first position from there on whose writer has committed; the length of order if there is none.
	next []int32
	// before is, by position, the last position before it whose writer has committed; none if there is none.
	before []int32
	// unseen are the committed transactions whose appends no read has shown. They came after those that a read has.
	unseen []int32
	aux    int32 // the first of the nodes that stand for unseen, none if there are none
}

func (c *checker) ops(txn int32) []history.MicroOp { return c.report.Txns[txn].Ops }

// observe numbers everything, finds out which transactions committed, and in what order each list was appended to.
func (c *checker) observe() {
	c.number()
	if c.report.doubt != "" {
		return
	}
	c.odd = map[int32]bool{}
	c.committed = make([]bool, len(c.report.Txns))
	longest := make([][]int64, len(c.lists))
	for t, txn := range c.report.Txns {
		if txn.Outcome != history.OK {
			continue
		}
		c.commit(int32(t))
		for i, op := range txn.Ops {
			if k := c.list[c.first[t]+int32(i)]; op.Kind == history.Read && len(op.List) > len(longest[k]) {
				longest[k] = op.List
			}
		}
	}
	for k, order := range longest {
		c.extend(int32(k), order)
	}
	// A read can show that a transaction committed, whose reads then count too.
	for len(c.pending) > 0 {
		t := c.pending[0]
		c.pending = c.pending[1:]
		for i, op := range c.ops(t) {
			if op.Kind == history.Read {
				c.takeIn(c.first[t]+int32(i), op.List)
			}
		}
	}
	for t, txn := range c.report.Txns {
		switch {
		case c.committed[t]:
			c.report.Committed++
		case txn.Outcome == history.Unknown:
			c.report.Unknown++
		}
	}
}

// number gives numbers to lists, micro-operations and appends.
func (c *checker) number() {
	n := 0
	for _, txn := range c.report.Txns {
		n += len(txn.Ops)
	}
	c.list = make([]int32, 0, n)
	c.first = make([]int32, 0, len(c.report.Txns)+1)
	known := map[string]int32{}
	for _, txn := range c.report.Txns {
		c.first = append(c.first, int32(len(c.list)))
		for _, op := range txn.Ops {
			k, ok := known[op.Key]
			if !ok {
				k = int32(len(c.lists))
				known[op.Key] = k
				c.lists = append(c.lists, list{name: op.Key, aborted: none, duplicate: none, unexpected: none, aux: none})
			}
			if op.Kind == history.Append {
				c.lists[k].to++
			}
			c.list = append(c.list, k)
		}
	}
	c.first = append(c.first, int32(len(c.list)))

	total := int32(0)
	for k := range c.lists {
		l := &c.lists[k]
		l.from, l.to, total = total, total, total+l.to
	}
	c.appends = make([]appended, total)
	last := newMarks(len(c.lists)) // the append that is so far a transaction's last to a list
	for t, txn := range c.report.Txns {
		for i, op := range txn.Ops {
			if op.Kind != history.Append {
				continue
			}
			k := c.list[c.first[t]+int32(i)]
			if before, ok := last.get(k, int32(t)); ok {
				c.appends[before].final = false
			}
			at := c.lists[k].to
			c.lists[k].to++
			c.appends[at] = appended{value: op.Value, txn: int32(t), at: none, final: true}
			last.set(k, int32(t), at)
		}
	}
	for k := range c.lists {
		l := &c.lists[k]
		of := c.appends[l.from:l.to]
		byValue := func(a, b appended) int { return cmp.Or(cmp.Compare(a.value, b.value), cmp.Compare(a.txn, b.txn)) }
		if !slices.IsSortedFunc(of, byValue) {
			slices.SortFunc(of, byValue)
		}
		for i := 1; i < len(of); i++ {
			if of[i].value == of[i-1].value {
				c.report.doubt = fmt.Sprintf("%d was appended to %s twice, by T%d and T%d, so who wrote it cannot be told: give out unique values",
					of[i].value, l.name, of[i-1].txn+1, of[i].txn+1)
				return
			}
		}
	}
}

// appendOf gives the append of the value to list k, none if there is none.
func (c *checker) appendOf(k int32, value int64) int32 {
	l := &c.lists[k]
	i, ok := slices.BinarySearchFunc(c.appends[l.from:l.to], value, func(a appended, v int64) int { return cmp.Compare(a.value, v) })
	if !ok {
		return none
	}
	return l.from + int32(i)
}

// commit notes that a transaction committed, whose reads count from now on.
func (c *checker) commit(t int32) {
	if !c.committed[t] {
		c.committed[t] = true
		c.pending = append(c.pending, t)
	}
}

// seen is told that a committed transaction has read what a wrote.
func (c *checker) seen(a int32) {
	if t := c.appends[a].txn; c.report.Txns[t].Outcome == history.Unknown {
		c.commit(t)
	}
}

// takeIn takes in a read of a committed transaction.
func (c *checker) takeIn(op int32, read []int64) {
	k := c.list[op]
	order := c.lists[k].order
	common := min(len(read), len(order))
	if slices.Equal(read[:common], order[:common]) {
		c.extend(k, read)
		return
	}
	c.odd[op] = true
	for _, v := range read {
		if a := c.appendOf(k, v); a != none {
			c.seen(a)
		}
	}
}

// extend takes in a read that begins with the order so far.
func (c *checker) extend(k int32, read []int64) {
	l := &c.lists[k]
	if len(read) <= len(l.order) {
		return
	}
	if l.writers == nil {
		l.writers = make([]int32, 0, len(read))
	}
	for p := len(l.order); p < len(read); p++ {
		a := c.appendOf(k, read[p])
		switch {
		case a == none:
			first(&l.unexpected, p)
		case c.appends[a].at != none:
			a = none
			first(&l.duplicate, p)
		default:
			c.appends[a].at = int32(p)
			if c.report.Txns[c.appends[a].txn].Outcome == history.Failed {
				first(&l.aborted, p)
			}
			c.seen(a)
		}
		l.writers = append(l.writers, a)
	}
	l.order = read
}

func first(at *int32, p int) {
	if *at == none {
		*at = int32(p)
	}
}

// marks remember something about each list for one transaction at a time.
type marks struct{ txn, what []int32 }

func newMarks(lists int) marks {
	return marks{slices.Repeat([]int32{none}, lists), make([]int32, lists)}
}

func (m marks) set(k, txn, what int32) { m.txn[k], m.what[k] = txn, what }

func (m marks) get(k, txn int32) (int32, bool) { return m.what[k], m.txn[k] == txn }
