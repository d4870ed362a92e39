package txn

import (
	"fmt"
	"slices"
	"strings"

	"assay/harness/check"
	"assay/harness/history"
)

// What each isolation level proscribes, in Adya's definitions. Each level proscribes what the one before it does, except that
// repeatable read and snapshot isolation, which only then part, both follow upon read committed.
var (
	// Values from nowhere, and transactions that do not see their own writes, are no history in Adya's sense at any level.
	readUncommitted = []Phenomenon{G0, Internal, Duplicate, Unexpected}
	readCommitted   = slices.Concat(readUncommitted, []Phenomenon{G1a, G1b, G1c, IncompatibleOrder})
	snapshot        = slices.Concat(readCommitted, []Phenomenon{GSingle, LostUpdate, GNonadjacent})
	repeatableRead  = slices.Concat(snapshot, []Phenomenon{G2Item})
	strict          = slices.Concat(repeatableRead, []Phenomenon{RealTime})
)

// ReadUncommitted is Adya's PL-1: no write cycles (G0).
func (r Report) ReadUncommitted() check.Result {
	return unless(r.without("transactions are isolated as by read uncommitted (PL-1)", readUncommitted), r.WW == 0, noOrder)
}

// ReadCommitted is PL-2: besides, nothing is read that was aborted (G1a), intermediate (G1b), or flows in a circle (G1c).
func (r Report) ReadCommitted() check.Result {
	return r.without("transactions are isolated as by read committed (PL-2)", readCommitted)
}

// SnapshotIsolation is PL-SI, apart from what its definition asks of the times at which transactions start: besides PL-2, no cycle without
// two anti-dependencies in a row, and so no read skew (G-single) and no lost update. Write skew (G2-item) may be.
func (r Report) SnapshotIsolation() check.Result {
	return r.without("transactions are isolated as by snapshot isolation (PL-SI)", snapshot)
}

// RepeatableRead is PL-2.99: no cycle with anti-dependencies on single items (G2-item and the others). It is stronger than what databases
// call REPEATABLE READ and build as snapshot isolation, Postgres for one: write skew violates it.
func (r Report) RepeatableRead() check.Result {
	return r.without("transactions are isolated as by repeatable read (PL-2.99)", repeatableRead)
}

// Serializable is PL-3. It differs from PL-2.99 in anti-dependencies on predicates, of which reads of single lists say nothing: so here
// the same anomalies violate it.
func (r Report) Serializable() check.Result {
	return r.without("transactions are serializable (PL-3)", repeatableRead)
}

// StrictlySerializable is serializable in an order in which no transaction comes after one that began only when it had ended. It takes
// WithRealTime.
func (r Report) StrictlySerializable() check.Result {
	return unless(r.without("transactions are strictly serializable", strict), !r.strict, notTimed)
}

// None is that there is no anomaly of this kind.
func (r Report) None(p Phenomenon) check.Result {
	result := r.without("there is no "+p.String(), []Phenomenon{p})
	switch p {
	case G0:
		return unless(result, r.WW == 0, noOrder)
	case GSingle, GNonadjacent, G2Item:
		return unless(result, r.RW == 0, "no transaction read what another is known to have overwritten")
	case LostUpdate:
		result.Checked = r.Updates
		return unless(result, r.Updates < 2, "no two transactions appended to a list that they had read")
	case RealTime:
		return unless(result, !r.strict, notTimed)
	}
	return result
}

const (
	noOrder  = "no read shows which of two transactions overwrote the other"
	notTimed = "the order in real time was not looked at: check WithRealTime"
)

// unless takes back that a property holds where it could not have been seen broken.
func unless(r check.Result, blind bool, why string) check.Result {
	if blind && r.Verdict == check.Holds {
		r.Verdict, r.Summary = check.Unknown, why
	}
	return r
}

// without judges that there are no anomalies of these kinds.
func (r Report) without(property string, proscribed []Phenomenon) check.Result {
	result := check.Result{Property: property, Subject: r.subject, Clients: r.clients, Checked: r.Committed}
	var counts []string
	var example *Anomaly
	for _, p := range proscribed {
		n := r.counts[p]
		if n == 0 {
			continue
		}
		result.Violations += n
		counts = append(counts, fmt.Sprintf("%d × %v", n, p))
		of := r.Of(p)
		if example == nil {
			example = &of[0]
		}
		for _, a := range of {
			result.Offending = appendNew(result.Offending, a.causes)
			if result.Drawing == nil && len(a.Cycle) > 0 {
				result.Drawing = picture{r, a}
			}
		}
	}
	if doubt := r.uninformative(); len(counts) == 0 && doubt != "" {
		result.Summary = doubt
		return result
	}
	if len(counts) == 0 {
		result.Verdict = check.Holds
		result.Summary = fmt.Sprintf("no anomaly among %d committed transactions, of which %d dependencies are known (%d ww, %d wr, %d rw); %d more may have committed",
			r.Committed, r.WW+r.WR+r.RW, r.WW, r.WR, r.RW, r.Unknown)
		return result
	}
	result.Verdict = check.Violated
	result.Summary = fmt.Sprintf("%s among %d committed transactions (first: %s)", strings.Join(counts, ", "), r.Committed, example.Words)
	return result
}

// uninformative tells why no anomaly could have been found, "" if one could.
func (r Report) uninformative() string {
	switch {
	case r.doubt != "":
		return r.doubt
	case r.WW+r.WR+r.RW == 0:
		return fmt.Sprintf("of %d transactions that surely committed, no read shows that one depends on another", r.Committed)
	}
	return ""
}

// appendNew adds those that are not there yet, up to 10, which is what a result shows.
func appendNew(to, more []history.Operation) []history.Operation {
	for _, op := range more {
		if len(to) < mostKept && !slices.Contains(to, op) {
			to = append(to, op)
		}
	}
	return to
}
