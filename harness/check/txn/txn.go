// Package txn judges transactions: which isolation anomalies a history of them shows, and so which isolation levels it rules out.
//
// The method is that of Kingsbury and Alvaro, "Elle: Inferring Isolation Anomalies from Experimental Observations" (VLDB 2020), for
// lists. Transactions append unique values to lists and read whole lists. A list that was read tells in what order its values were
// appended; so it is known which transaction overwrote which, which read what which had written, and which read what another overwrote.
// The anomalies are cycles in these dependencies, as defined by Adya, "Weak Consistency: A Generalized Theory and Optimistic
// Implementations for Distributed Transactions" (PhD thesis, MIT, 1999), and Adya, Liskov and O'Neil, "Generalized Isolation Level
// Definitions" (ICDE 2000). What is inferred is sound: each anomaly that is found has happened, if writers give no value to a list twice.
// It is not complete: an order that no read has shown is not known.
//
// What enters: what follows from transactions alone. What may not: databases, and the recording (package history).
package txn

import (
	"fmt"
	"slices"

	"assay/harness/history"
)

// Phenomenon is a kind of anomaly.
type Phenomenon uint8

const (
	// G0, a write cycle: transactions overwrote each other, one first here, the other first there.
	G0 Phenomenon = iota
	// G1a, an aborted read: what a transaction read had been appended by one that was aborted.
	G1a
	// G1b, an intermediate read: what a transaction read was not the last that its writer appended to the list.
	G1b
	// G1c, circular information flow: each transaction of a cycle read what the one before it had written, or overwrote it.
	G1c
	// GSingle, read skew: a cycle in which exactly one transaction read what the next overwrote (an anti-dependency). It saw a part of
	// what another did, and missed another part.
	GSingle
	// LostUpdate: a transaction read a list and appended to it, and another's append came in between (P4 of Berenson et al., "A Critique
	// of ANSI SQL Isolation Levels", 1995). It is a GSingle of one list.
	LostUpdate
	// GNonadjacent is a cycle with several anti-dependencies, no two of which follow each other. Snapshot isolation has none of those
	// (Fekete et al., "Making Snapshot Isolation Serializable", 2005).
	GNonadjacent
	// G2Item, write skew: a cycle in which transactions that follow each other read what the next overwrote, over more than one list. To
	// Adya, GSingle and GNonadjacent are cases of it; here each cycle has the narrowest name.
	G2Item
	// Internal: a transaction read a list without its own appends to it, or with those that it made only later.
	Internal
	// IncompatibleOrder: of two reads of a list neither is the beginning of the other. One of them was of what never was committed.
	IncompatibleOrder
	// Duplicate: a list holds twice what was appended once.
	Duplicate
	// Unexpected: a list holds what nobody appended to it.
	Unexpected
	// RealTime: a cycle, one step of which is that a transaction had ended when the next began. It is no anomaly of isolation, but
	// rules out strict serializability.
	RealTime

	phenomena // how many there are
)

var names = [phenomena]string{
	G0: "G0 (write cycle)", G1a: "G1a (aborted read)", G1b: "G1b (intermediate read)", G1c: "G1c (circular information flow)",
	GSingle: "G-single (read skew)", LostUpdate: "lost update", GNonadjacent: "G-nonadjacent", G2Item: "G2-item (write skew)",
	Internal: "internal inconsistency", IncompatibleOrder: "incompatible order", Duplicate: "duplicate value", Unexpected: "unexpected value",
	RealTime: "real-time violation",
}

// String gives the phenomenon's name, such as "G2-item (write skew)".
func (p Phenomenon) String() string {
	if p < phenomena {
		return names[p]
	}
	return fmt.Sprintf("Phenomenon(%d)", uint8(p))
}

// Dependency is an edge of the graph: From surely came before To.
type Dependency struct {
	From, To int    // indices in Report.Txns
	Kind     string // "ww", "wr", "rw" or "rt" (real time)
	Key      string // the list that shows it; "" for rt
	Why      string // in words

	causes []history.Operation // the micro-operations that show it
}

// Anomaly is one that was found.
type Anomaly struct {
	Phenomenon Phenomenon
	// Cycle is a shortest of the cycles of the phenomenon in its component of the graph, as far as a bounded search finds out; nil where
	// the phenomenon is no cycle. It begins with the transaction that began first.
	Cycle []Dependency
	Words string // what was seen, in a sentence

	causes []history.Operation
}

// Report tells what a history of transactions shows.
type Report struct {
	// Txns are the transactions by their start. T1 in words is Txns[0], and so on.
	Txns history.Txns
	// Committed is how many surely committed: their commit was acknowledged, or one that did read what they had appended.
	Committed int
	Unknown   int // how many may have committed
	// WW, WR and RW are how many dependencies were inferred: overwriting, reading what was written, overwriting what was read.
	WW, WR, RW int
	// Updates is how many committed transactions appended to a list that they had read before.
	Updates int
	// Anomalies are those that were found, by phenomenon, of each the first 10.
	Anomalies []Anomaly

	subject string
	clients []string
	counts  [phenomena]int
	strict  bool   // real time was looked at
	doubt   string // why nothing can be concluded, "" if something can
}

// Option changes what Check looks at.
type Option func(*checker)

// WithRealTime also infers that a transaction came before another if its commit was acknowledged before the other began, for
// StrictlySerializable. With it, clients that do one transaction after the other are ordered too.
func WithRealTime() Option { return func(c *checker) { c.report.strict = true } }

// Check infers the dependencies among transactions and looks for cycles.
//
// A transaction of unknown outcome may have committed. It counts as committed if a committed one read what it appended, and else it
// counts for nothing. What a transaction that did not commit has read counts for nothing either.
//
// Time and memory are linear in the size of the history, whatever is found; where a search for a shortest cycle would take more, it ends
// with the shortest so far.
//
// If the checker itself fails, the report tells nothing: each verdict is Unknown.
func Check(transactions history.Transactor, options ...Option) (report Report) {
	c := &checker{}
	if n, ok := transactions.(interface{ Name() string }); ok {
		c.report.subject = n.Name()
	}
	defer func() {
		if p := recover(); p != nil {
			report = Report{subject: c.report.subject, doubt: fmt.Sprintf("the checker failed: %v", p)}
		}
	}()
	c.report.Txns = transactions.Txns().Sorted()
	for _, t := range c.report.Txns {
		if !slices.Contains(c.report.clients, t.Client) {
			c.report.clients = append(c.report.clients, t.Client)
		}
	}
	slices.Sort(c.report.clients)
	for _, o := range options {
		o(c)
	}
	c.observe()
	if c.report.doubt == "" {
		c.infer()
		c.find()
	}
	return c.report
}

// Count gives how many anomalies there are of a phenomenon. Cycles count once for each component of the graph that has one: transactions
// that are tied to each other have one anomaly, however many ways there are around. Lost updates count by transaction, and so does what is
// no cycle, by read.
func (r Report) Count(p Phenomenon) int {
	if p >= phenomena {
		return 0
	}
	return r.counts[p]
}

// Of gives the first anomalies of a phenomenon.
func (r Report) Of(p Phenomenon) []Anomaly {
	var of []Anomaly
	for _, a := range r.Anomalies {
		if a.Phenomenon == p {
			of = append(of, a)
		}
	}
	return of
}
