package check

import (
	"cmp"
	"fmt"

	"assay/harness/history"
)

// CopiesReport compares what two copies of the same data hold. It counts items, each known by its key and its value.
type CopiesReport struct {
	Both      int // items that both hold
	OnlyFirst int // items that the first holds and the second lacks
	OnlyOther int // items that the second holds and the first lacks

	subject subject
	doubt   string
	trouble string // why the checker itself failed, if it did
	differ  examples
}

// Copies compares what reads of one copy returned with what reads of another did, each of which was read through while nothing
// changed it: rows of their own, or registers. A register with one value here and another there makes two items, each of which only
// one copy holds. A read of 0, which is what a read returns when it finds nothing, is no item. A copy of which nothing was read is
// unknown, not empty.
func Copies(first, other history.Source) (r CopiesReport) {
	defer rescue(&r.trouble)
	r = CopiesReport{subject: about(first, other)}
	r.subject.name = cmp.Or(nameOf(first), "one copy") + ", " + cmp.Or(nameOf(other), "another")
	here, there := returned(first), returned(other)
	switch {
	case len(here) == 0:
		r.doubt = "nothing was read of the first"
	case len(there) == 0:
		r.doubt = "nothing was read of the second"
	}
	r.Both, r.OnlyFirst = r.compare(here, there)
	_, r.OnlyOther = r.compare(there, here)
	return r
}

// returned gives the reads that returned something, if only that there is nothing.
func returned(h history.Source) history.History {
	return h.History().Sorted().Filter(func(op history.Operation) bool { return op.Kind == history.Read && op.Outcome == history.OK })
}

// item is what a copy can hold.
type item struct {
	key   string
	value int64
}

// compare counts the items of some reads that are, and are not, among those of the others.
func (r *CopiesReport) compare(reads, others history.History) (among, missing int) {
	held := make(map[item]bool)
	for _, op := range others {
		held[item{op.Key, op.Value}] = true
	}
	counted := make(map[item]bool)
	for _, op := range reads {
		i := item{op.Key, op.Value}
		if op.Value == 0 || counted[i] {
			continue
		}
		counted[i] = true
		if held[i] {
			among++
			continue
		}
		missing++
		r.differ.add(op)
	}
	return among, missing
}

// Same: each copy holds what the other holds.
func (r CopiesReport) Same() Result {
	n := r.OnlyFirst + r.OnlyOther
	f := finding{
		subject:    r.subject,
		property:   "both copies hold the same",
		violations: n,
		checked:    r.Both + n,
		offending:  r.differ,
		violated: fmt.Sprintf("of %d items both hold %d, only the first %d, only the second %d%s", r.Both+n, r.Both, r.OnlyFirst, r.OnlyOther,
			r.differ.first(func(op history.Operation) string { return name(op.Key, op.Value) + " read at " + when(op.Start) })),
		doubt:   r.doubt,
		trouble: r.trouble,
		holds:   fmt.Sprintf("both hold the same %d items", r.Both),
	}
	if r.doubt != "" {
		f.violations = 0 // what was not read cannot be missing
	} else if f.checked == 0 {
		f.doubt = "neither copy holds anything"
	}
	return f.result()
}
