package history_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"assay/harness/history"
)

func TestRecorderRecordsTransactions(t *testing.T) {
	rec := history.New()
	alice := rec.Client("alice", "link")
	first := alice.BeginTxn()
	first.Append("x", 1)
	read := []int64{1, 2}
	first.Read("x", read)
	read[0] = 9 // a driver may use its buffer again

	pending := alice.Txns()
	require.Len(t, pending, 1)
	assert.Equal(t, history.Unknown, pending[0].Outcome)
	assert.Equal(t, history.Open, pending[0].End)

	first.End(history.OK, nil)
	first.End(history.Failed, errors.New("too late"))
	first.Append("x", 3)
	alice.BeginTxn().End(history.Failed, errors.New("deadlock"))

	txns := history.MergeTxns(alice, history.Txns{})
	ops := alice.History()
	require.Len(t, txns, 2)
	require.Len(t, ops, 2)
	assert.Len(t, pending[0].Ops, 2, "what was told stays as it was")
	for i := range txns {
		assert.Equal(t, ops[i].Start, txns[i].Start)
		assert.Equal(t, ops[i].End, txns[i].End)
		assert.Equal(t, history.Transaction, ops[i].Kind)
		assert.Equal(t, int64(i+1), ops[i].Value)
		assert.Equal(t, ops[i].Outcome, txns[i].Outcome)
		txns[i].Start, txns[i].End = time.Second, 2*time.Second
	}
	assert.Equal(t, history.Txns{
		{Client: "alice", Start: time.Second, End: 2 * time.Second, Outcome: history.OK, Ops: []history.MicroOp{
			{Kind: history.Append, Key: "x", Value: 1}, {Kind: history.Read, Key: "x", List: []int64{1, 2}},
		}},
		{Client: "alice", Start: time.Second, End: 2 * time.Second, Outcome: history.Failed, Err: "deadlock"},
	}, txns)
	assert.Equal(t, "alice: [1.000s, 2.000s] ok: append x 1; read x [1 2]", txns[0].String())
	assert.Equal(t, "alice: [1.000s, 2.000s] failed:  (deadlock)", txns[1].String())
}

func TestTransactionsAreSortedByWhatIsInThem(t *testing.T) {
	early := history.Txn{Client: "b", Start: 1, End: 9}
	late := history.Txn{Client: "a", Start: 2, End: 3, Ops: []history.MicroOp{{Kind: history.Append, Key: "x", Value: 1}}}
	later := history.Txn{Client: "a", Start: 2, End: 3, Ops: []history.MicroOp{{Kind: history.Append, Key: "x", Value: 2}}}
	want := history.Txns{early, late, later}
	mixed := history.Txns{later, early, late}
	assert.Equal(t, want, mixed.Sorted())
	assert.Equal(t, history.Txns{later, early, late}, mixed, "what was given stays as it was")
	assert.Equal(t, want, history.MergeTxns(mixed[:1], mixed[1:]))
}
