package history

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// MicroOp is one thing that a transaction did to a list: it appended a value, or read all of them. From lists it can be told in what order
// they were written, which a register forgets with every write (Kingsbury and Alvaro, "Elle", VLDB 2020).
type MicroOp struct {
	Kind  string  // Append or Read
	Key   string  // the list
	Value int64   // what was appended: no two appends to a Key have the same
	List  []int64 // what was read, in the list's order
}

// String words the micro-operation: "append x 3", "read x [1 2]".
func (m MicroOp) String() string {
	if m.Kind == Read {
		return fmt.Sprintf("read %s %v", m.Key, m.List)
	}
	return fmt.Sprintf("%s %s %d", m.Kind, m.Key, m.Value)
}

// Txn is one transaction of one client. Times are those of operations: monotonic, since the epoch of the recorder.
type Txn struct {
	Client string
	Start  time.Duration
	// End is when the client was told how the transaction ended, or gave up waiting for it; Open while it is pending.
	End time.Duration
	// Outcome is OK if the commit was acknowledged, Failed if the transaction surely had no effect (it was rolled back), and else Unknown: it
	// may have committed, or may commit at any later time.
	Outcome Outcome
	Err     string    // what the client was told when it did not commit
	Ops     []MicroOp // in their order: each append that was sent, each read that was answered
}

// String describes t in one line: "alice: [1.203s, 1.210s] ok: read x [1]; append y 2".
func (t Txn) String() string {
	var ops []string
	for _, op := range t.Ops {
		ops = append(ops, op.String())
	}
	end := "…)"
	if t.End != Open {
		end = fmt.Sprintf("%.3fs]", t.End.Seconds())
	}
	s := fmt.Sprintf("%s: [%.3fs, %s %s: %s", t.Client, t.Start.Seconds(), end, t.Outcome, strings.Join(ops, "; "))
	if t.Err != "" {
		s += " (" + t.Err + ")"
	}
	return s
}

// Transactor is whoever can tell what transactions there were: a Client, whatever embeds one, or Txns itself.
type Transactor interface {
	// Txns gives the transactions so far; those that are pending are Unknown and Open.
	Txns() Txns
}

// Txns is a set of transactions.
type Txns []Txn

// Txns gives t itself.
func (t Txns) Txns() Txns { return t }

// Sorted gives the transactions by Start, and in an order that depends on nothing but what is in them. It is t itself if that is sorted,
// else a copy.
func (t Txns) Sorted() Txns {
	order := func(a, b Txn) int {
		if c := cmp.Compare(a.Start, b.Start); c != 0 {
			return c
		}
		return cmp.Or(
			cmp.Compare(a.End, b.End),
			cmp.Compare(a.Client, b.Client),
			cmp.Compare(a.Outcome, b.Outcome),
			cmp.Compare(a.Err, b.Err),
			slices.CompareFunc(a.Ops, b.Ops, func(a, b MicroOp) int {
				return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Value, b.Value), slices.Compare(a.List, b.List))
			}),
		)
	}
	if slices.IsSortedFunc(t, order) {
		return t
	}
	return slices.SortedFunc(slices.Values(t), order)
}

// MergeTxns gives the transactions of all of them, sorted by Start.
func MergeTxns(transactors ...Transactor) Txns {
	var all Txns
	for _, t := range transactors {
		all = append(all, t.Txns()...)
	}
	return all.Sorted()
}

// OpenTxn is a transaction that has begun. It is ended once; the first end counts.
type OpenTxn struct {
	op  Op
	txn *Txn
}

// BeginTxn records that the client begins a transaction, which is pending from now on. To the client's History it is one operation, of the
// kind Transaction, with a number of its own; Txns tells what it did.
func (c *Client) BeginTxn() *OpenTxn {
	c.mu.Lock()
	defer c.mu.Unlock()
	op := c.invoke(Transaction, c.name, 0, int64(len(c.txns)+1))
	t := &Txn{Client: c.name, Start: op.Start, End: Open}
	c.txns = append(c.txns, t)
	return &OpenTxn{Op{c, op}, t}
}

// Append records that the transaction appends a value to a list. Call it just before the statement is sent: whether that was answered or
// not, the value may be seen by others.
func (t *OpenTxn) Append(key string, value int64) {
	t.add(MicroOp{Kind: Append, Key: key, Value: value})
}

// Read records what a read of a list has returned. A read that was not answered has told nothing, and is not recorded.
func (t *OpenTxn) Read(key string, list []int64) {
	t.add(MicroOp{Kind: Read, Key: key, List: slices.Clone(list)})
}

func (t *OpenTxn) add(m MicroOp) {
	c := t.op.client
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.txn.End == Open {
		t.txn.Ops = append(t.txn.Ops, m)
	}
}

// End records how the transaction ended: OK only if its commit was acknowledged, Failed only if it surely had no effect.
func (t *OpenTxn) End(outcome Outcome, err error) {
	t.op.End(outcome, err)
	c := t.op.client
	c.mu.Lock()
	defer c.mu.Unlock()
	op := t.op.operation
	t.txn.End, t.txn.Outcome, t.txn.Err = op.End, op.Outcome, op.Err
}

// Txns gives the client's transactions up to now, in the order of their starts, while it goes on.
func (c *Client) Txns() Txns {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make(Txns, len(c.txns))
	for i, t := range c.txns {
		all[i] = *t
		all[i].Ops = slices.Clone(t.Ops)
	}
	return all
}
