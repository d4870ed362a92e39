package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"assay/harness/history"
)

// Contest is a term that more than one node led.
type Contest struct {
	Key  string // of the group that elects
	Term int64
	Seen []history.Operation // for each of its leaders, the first time that it was seen to lead
}

// LeadersReport tells who led in which term.
type LeadersReport struct {
	Observations int
	Terms        int // terms of which a leader was seen
	Contested    []Contest

	subject subject
	trouble string
}

// Leaders looks at Lead events: the client is the node that was seen to lead, the key the group that elects, and the value its term (of
// Raft; an epoch, a ballot or a generation elsewhere). A node is known by the name of its client, so each has one client, whoever watches.
//
// At most one leader for each term is Raft's Election Safety (Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm",
// 2014, figure 3). Two that lead at the same time, in different terms, do not violate it: the older one has yet to learn of the newer.
func Leaders(seen history.Source) (r LeadersReport) {
	defer rescue(&r.trouble)
	r.subject = about(seen)
	type term struct {
		key string
		of  int64
	}
	leaders := map[term][]history.Operation{}
	for _, op := range seen.History().Of(history.Lead).Sorted() {
		if op.Outcome != history.OK {
			continue
		}
		r.Observations++
		t := term{op.Key, op.Value}
		if !slices.ContainsFunc(leaders[t], func(known history.Operation) bool { return known.Client == op.Client }) {
			leaders[t] = append(leaders[t], op)
		}
	}
	r.Terms = len(leaders)
	for t, by := range leaders {
		if len(by) > 1 {
			r.Contested = append(r.Contested, Contest{t.key, t.of, by})
		}
	}
	slices.SortFunc(r.Contested, func(a, b Contest) int { return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Term, b.Term)) })
	return r
}

// OneATerm: no term had two leaders.
func (r LeadersReport) OneATerm() Result {
	f := finding{
		subject:    r.subject,
		property:   "a term has at most one leader",
		violations: len(r.Contested),
		checked:    r.Terms,
		trouble:    r.trouble,
		holds:      fmt.Sprintf("each of %d terms had one leader, in %d observations", r.Terms, r.Observations),
	}
	if r.Terms == 0 {
		f.doubt = "nobody was seen to lead"
	}
	if len(r.Contested) > 0 {
		var all examples
		for _, c := range r.Contested {
			for _, op := range c.Seen {
				all.add(op)
			}
		}
		first := r.Contested[0]
		var names []string
		for _, op := range first.Seen {
			names = append(names, op.Client)
		}
		f.violated = fmt.Sprintf("%d of %d terms had more than one leader (first: %s led by %s)", len(r.Contested), r.Terms,
			name(first.Key, first.Term), strings.Join(names, " and "))
		f.offending = all
	}
	return f.result()
}
