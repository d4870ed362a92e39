package check

import (
	"slices"

	"assay/harness/history"
)

// index numbers the different (key, value) pairs of a history 0, 1, 2, …, so that what a checker knows of each lies in a slice. It needs
// no hash per operation: the values of a key are kept in order, and histories ask for them more or less in that order.
type index struct {
	keys   map[string]int32
	groups []group // by the number of the key, where its values lie
	values []int64 // ascending within a key; a pair's place is its number

	// By the place of an operation in the history: the numbers of its key and of its pair, none if it is of another kind.
	keyOf, numberOf []int32
}

// group is a range of places.
type group struct{ from, to int32 }

// none stands for no place and no number.
const none int32 = -1

// newIndex numbers the pairs of those operations of h that are of the given kinds.
func newIndex(h history.History, kinds ...string) *index {
	ix := &index{keys: make(map[string]int32), keyOf: make([]int32, len(h)), numberOf: make([]int32, len(h))}
	var sizes []int32
	last := names{numbers: ix.keys, lastNumber: none}
	for i := range h {
		op := &h[i]
		if !slices.Contains(kinds, op.Kind) {
			ix.keyOf[i] = none
			continue
		}
		k := last.number(op.Key)
		if int(k) == len(sizes) {
			sizes = append(sizes, 0)
		}
		sizes[k]++
		ix.keyOf[i] = k
	}
	var total int32
	ix.groups, total = groupsOf(sizes)
	ix.values = make([]int64, total)
	for i, k := range ix.keyOf {
		if k != none {
			g := &ix.groups[k]
			ix.values[g.to] = h[i].Value
			g.to++
		}
	}
	for k := range ix.groups {
		g := &ix.groups[k]
		values := ix.values[g.from:g.to]
		slices.Sort(values) // which costs next to nothing if they ascend already
		g.to = g.from + int32(len(slices.Compact(values)))
	}
	c := newCursor(ix)
	for i, k := range ix.keyOf {
		ix.numberOf[i] = none
		if k != none {
			ix.numberOf[i] = c.findIn(k, h[i].Value)
		}
	}
	return ix
}

// groupsOf gives empty groups that have room for so many each, and for how many together.
func groupsOf(sizes []int32) ([]group, int32) {
	groups := make([]group, len(sizes))
	from := int32(0)
	for k, size := range sizes {
		groups[k] = group{from, from}
		from += size
	}
	return groups, from
}

// find gives the number of a pair, if it has one.
func (ix *index) find(key string, value int64) (int32, bool) {
	if ix == nil { // of a report whose checker failed
		return none, false
	}
	k, ok := ix.keys[key]
	if !ok {
		return none, false
	}
	return ix.search(k, value)
}

func (ix *index) search(key int32, value int64) (int32, bool) {
	g := ix.groups[key]
	at, ok := slices.BinarySearch(ix.values[g.from:g.to], value)
	if !ok {
		return none, false
	}
	return g.from + int32(at), true
}

// cursor finds pairs faster than index does if they come more or less in order.
type cursor struct {
	ix   *index
	keys names
	next []int32 // by key, the number after that of the last pair
}

func newCursor(ix *index) *cursor {
	c := &cursor{ix: ix, keys: names{numbers: ix.keys, lastNumber: none}, next: make([]int32, len(ix.groups))}
	for k, g := range ix.groups {
		c.next[k] = g.from
	}
	return c
}

// find gives the number of a pair and that of its key, none for what is not in the index.
func (c *cursor) find(key string, value int64) (n, k int32) {
	k, ok := c.keys.find(key)
	if !ok {
		return none, none
	}
	return c.findIn(k, value), k
}

// findIn gives the number of a value of a key, none for what is not in the index.
func (c *cursor) findIn(key int32, value int64) int32 {
	if n := c.next[key]; n < c.ix.groups[key].to && c.ix.values[n] == value {
		c.next[key]++
		return n
	}
	n, ok := c.ix.search(key, value)
	if ok {
		c.next[key] = n + 1
	}
	return n
}

// names numbers strings 0, 1, 2, … It remembers the last, since neighbours in a history are often about the same.
type names struct {
	numbers    map[string]int32
	last       string
	lastNumber int32 // none if there was no last
}

func (ns *names) find(s string) (int32, bool) {
	if s == ns.last && ns.lastNumber != none {
		return ns.lastNumber, true
	}
	n, ok := ns.numbers[s]
	if ok {
		ns.last, ns.lastNumber = s, n
	}
	return n, ok
}

func (ns *names) number(s string) int32 {
	n, ok := ns.find(s)
	if !ok {
		n = int32(len(ns.numbers))
		ns.numbers[s] = n
		ns.last, ns.lastNumber = s, n
	}
	return n
}
