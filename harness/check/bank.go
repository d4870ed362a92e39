package check

import (
	"fmt"
	"slices"
	"time"

	"assay/harness/history"
)

// Snapshot is what several accounts held at one moment, as one client read it.
type Snapshot struct {
	Reads []history.Operation // one for each account, by their starts
	Total int64
}

// BankReport tells what snapshots of a bank's accounts add up to.
type BankReport struct {
	Total     int64 // what they should add up to
	Snapshots int   // of all accounts, in one read each
	Partial   int   // snapshots in which an account was missing or could not be read; they are not judged
	Last      int64 // what the last snapshot of all accounts adds up to, 0 if there is none
	Wrong     []Snapshot

	subject subject
	trouble string
}

// Bank adds up the accounts in each snapshot. Transfers move money from one account to another, so that every snapshot has the same total
// (Jepsen's bank test, jepsen.tests.bank): a read that sees half a transfer, or a transfer of which half is lost, shows in it.
//
// A snapshot is what a client reads in one transaction or one statement: the Read operations of the accounts, each a key, that the client
// has in flight at once. It begins them all, asks, and ends them all. Their Values are balances, and 0 is one. Transfers need not be
// recorded: whether they took effect or not, the total is the same.
func Bank(reads history.Source, total int64, accounts ...string) (r BankReport) {
	defer rescue(&r.trouble)
	r = BankReport{Total: total, subject: about(reads)}
	open := map[string]*snapshot{} // by client
	var closed []*snapshot
	for _, op := range reads.History().Sorted() {
		if op.Kind != history.Read || !slices.Contains(accounts, op.Key) {
			continue
		}
		s := open[op.Client]
		if s == nil || !s.takes(op) {
			s = &snapshot{until: history.Open}
			open[op.Client] = s
			closed = append(closed, s)
		}
		s.add(op)
	}
	for _, s := range closed {
		if s.failed || len(s.Reads) < len(accounts) {
			r.Partial++
			continue
		}
		r.Snapshots++
		r.Last = s.Total
		if s.Total != total {
			r.Wrong = append(r.Wrong, s.Snapshot)
		}
	}
	return r
}

// snapshot is one that may still grow.
type snapshot struct {
	Snapshot
	until  time.Duration // when the first of its reads ended
	failed bool
}

// takes tells whether op was in flight together with all of s.
func (s *snapshot) takes(op history.Operation) bool {
	return op.Start < s.until && !slices.ContainsFunc(s.Reads, func(read history.Operation) bool { return read.Key == op.Key })
}

func (s *snapshot) add(op history.Operation) {
	s.Reads = append(s.Reads, op)
	s.Total += op.Value
	s.until = min(s.until, op.End)
	s.failed = s.failed || op.Outcome != history.OK
}

// Conserved: every snapshot adds up to the total.
func (r BankReport) Conserved() Result {
	f := finding{
		subject:    r.subject,
		property:   "the total of all accounts is conserved",
		violations: len(r.Wrong),
		checked:    r.Snapshots,
		trouble:    r.trouble,
		holds:      fmt.Sprintf("each of %d snapshots adds up to %d", r.Snapshots, r.Total),
	}
	if r.Snapshots == 0 {
		f.doubt = fmt.Sprintf("no snapshot has all accounts, %d have some", r.Partial)
	}
	if len(r.Wrong) > 0 {
		first := r.Wrong[0]
		f.violated = fmt.Sprintf("%d of %d snapshots do not add up to %d (first: %d, read by %s at %s)", len(r.Wrong), r.Snapshots, r.Total,
			first.Total, first.Reads[0].Client, when(first.Reads[0].Start))
		f.offending = first.Reads[:min(len(first.Reads), mostOffending)]
	}
	return f.result()
}
