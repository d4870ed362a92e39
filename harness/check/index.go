package check

import (
	"assay/harness/history"
)

// index numbers the (key, value) pairs of a history 0, 1, 2, …, so that what a checker knows of each lies in a slice. Workloads count:
// the values of a key are mostly dense, and then a lookup is an array access instead of a hash.
type index struct {
	keys   *names
	ranges []valueRange // by key
	dense  []int32      // 1 + number, for the values that lie in their key's range; 0 where there is none
	sparse map[pair]int32
	n      int32
}

type pair struct {
	key   int32
	value int64
}

// valueRange is where the values from least on, size of them, lie in index.dense.
type valueRange struct {
	least int64
	size  uint64
	at    int
}

// newIndex gives an empty index, laid out for the values of those operations in h that are of the given kinds.
func newIndex(h history.History, kinds ...string) *index {
	type extent struct {
		least, most int64
		n           uint64
	}
	ix := &index{keys: newNames(), sparse: make(map[pair]int32)}
	var extents []extent
	for i := range h {
		op := &h[i]
		if !is(op, kinds) {
			continue
		}
		k := ix.keys.number(op.Key)
		if int(k) == len(extents) {
			extents = append(extents, extent{op.Value, op.Value, 0})
		}
		e := &extents[k]
		e.least, e.most = min(e.least, op.Value), max(e.most, op.Value)
		e.n++
	}
	total := 0
	for _, e := range extents {
		r := valueRange{least: e.least, at: total}
		// Unsigned, the difference of any two values fits. A range with more gaps than this is not worth its memory.
		if gaps := uint64(e.most) - uint64(e.least); gaps < 4*e.n+64 {
			r.size = gaps + 1
		}
		total += int(r.size)
		ix.ranges = append(ix.ranges, r)
	}
	ix.dense = make([]int32, total)
	return ix
}

// find gives the number of (key, value), if it has one.
func (ix *index) find(key string, value int64) (int32, bool) {
	k, ok := ix.keys.find(key)
	if !ok {
		return 0, false
	}
	if p := ix.place(k, value); p != nil {
		return *p - 1, *p > 0
	}
	n, ok := ix.sparse[pair{k, value}]
	return n, ok
}

// number gives the number of (key, value), a new one if it has none yet.
func (ix *index) number(key string, value int64) int32 {
	k := ix.keys.number(key)
	if p := ix.place(k, value); p != nil {
		if *p == 0 {
			ix.n++
			*p = ix.n
		}
		return *p - 1
	}
	n, ok := ix.sparse[pair{k, value}]
	if !ok {
		n = ix.n
		ix.n++
		ix.sparse[pair{k, value}] = n
	}
	return n
}

// place gives where the number of a dense value is kept, nil for the others.
func (ix *index) place(k int32, value int64) *int32 {
	if int(k) >= len(ix.ranges) {
		return nil
	}
	r := &ix.ranges[k]
	if i := uint64(value) - uint64(r.least); i < r.size {
		return &ix.dense[r.at+int(i)]
	}
	return nil
}

// names numbers strings 0, 1, 2, … It remembers the last, since neighbours in a history are often about the same.
type names struct {
	numbers map[string]int32
	last    string
	lastNo  int32
}

func newNames() *names { return &names{numbers: make(map[string]int32), lastNo: -1} }

func (ns *names) find(s string) (int32, bool) {
	if s == ns.last && ns.lastNo >= 0 {
		return ns.lastNo, true
	}
	n, ok := ns.numbers[s]
	if ok {
		ns.last, ns.lastNo = s, n
	}
	return n, ok
}

func (ns *names) number(s string) int32 {
	if n, ok := ns.find(s); ok {
		return n
	}
	n := int32(len(ns.numbers))
	ns.numbers[s] = n
	ns.last, ns.lastNo = s, n
	return n
}

// is tells whether op is of one of kinds.
func is(op *history.Operation, kinds []string) bool {
	for _, kind := range kinds {
		if op.Kind == kind {
			return true
		}
	}
	return false
}
