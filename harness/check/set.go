package check

import (
	"fmt"

	"assay/harness/history"
)

// SetReport compares what was added to a set with what a look at all of it found. It counts elements.
type SetReport struct {
	Attempted    int // elements that someone tried to add
	Acknowledged int // of those, the ones whose adding was acknowledged
	Present      int // elements that were found
	Lost         int // acknowledged, but not found
	Unexpected   int // found although nobody added them, or although their adding surely failed
	Recovered    int // found although the outcome of their adding is unknown

	looked   bool
	delivery DeliveryReport
	trouble  string
}

// Set compares the Write operations of adds, whose key is the set and whose value is the element, with the Read operations of look, one for
// each element that was found (Jepsen's set checker, jepsen.checker/set). A look that finds the set empty is a Read of 0: without any read
// that succeeded nobody looked, and the report tells nothing.
//
// It is Delivery for what stays where it was put. Look when everything has settled: what is added after the look counts as lost.
func Set(adds, look history.Source) (r SetReport) {
	defer rescue(&r.trouble)
	found := look.History()
	d := Delivery(adds, found)
	d.subject = about(look, adds)
	r = SetReport{
		Attempted: d.Attempted, Acknowledged: d.Acknowledged, Present: d.Received, Lost: d.Lost, Unexpected: d.Unexpected, Recovered: d.Recovered,
		delivery: d, trouble: d.trouble,
	}
	for _, op := range found {
		r.looked = r.looked || op.Kind == history.Read && op.Outcome == history.OK
	}
	return r
}

// Complete: every element whose adding was acknowledged is in the set, and none that was not added.
func (r SetReport) Complete() Result {
	d := r.delivery
	var all examples
	for _, op := range append(d.lost, d.unexpected...) {
		all.add(op)
	}
	f := finding{
		subject:    d.subject,
		property:   "what was added is in the set, and nothing else",
		violations: r.Lost + r.Unexpected,
		checked:    r.Acknowledged,
		offending:  all,
		trouble:    r.trouble,
		violated: fmt.Sprintf("of %d acknowledged and %d found: %d lost%s, %d unexpected%s", r.Acknowledged, r.Present,
			r.Lost, d.lost.first(sending), r.Unexpected, d.unexpected.first(d.uninvited)),
		holds: fmt.Sprintf("all %d acknowledged are there, with %d of unknown outcome", r.Acknowledged, r.Recovered),
	}
	if f.doubt = d.nothingSent(); !r.looked {
		f.doubt, f.violations = "nobody looked at the set", 0
	}
	return f.result()
}
