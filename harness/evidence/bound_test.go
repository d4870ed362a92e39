package evidence_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"assay/harness/evidence"
	"assay/harness/history"
)

// operations returns n of them, a millisecond apart and a microsecond long, after change had its way with each.
func operations(n int, change func(i int, op *history.Operation)) history.History {
	h := make(history.History, n)
	for i := range h {
		start := time.Duration(i) * time.Millisecond
		h[i] = history.Operation{
			Client: "producer", Kind: history.Publish, Key: "orders", Value: int64(i),
			Start: start, End: start + time.Microsecond, Outcome: history.OK,
		}
		change(i, &h[i])
	}
	return h
}

func plain(int, *history.Operation) {}

func values(ops []evidence.Operation) []int64 {
	var vs []int64
	for _, op := range ops {
		vs = append(vs, op.Value)
	}
	return vs
}

func TestFromHistory(t *testing.T) {
	ended := history.Operation{
		Client: "durable", Kind: history.Deliver, Key: "orders", Value: 7, Attempt: 2,
		Start: 1500 * time.Millisecond, End: 2 * time.Second, Outcome: history.Failed, Err: "refused",
	}
	swap := history.Operation{Client: "c", Kind: history.CompareAndSet, Key: "x", Value: 4, Expected: 3, Start: time.Second, End: time.Second, Outcome: history.OK}
	pending := history.Operation{Client: "producer", Kind: history.Publish, Value: 8, Start: time.Second, End: history.Open}

	text, err := json.Marshal([]evidence.Operation{evidence.FromHistory(ended), evidence.FromHistory(swap), evidence.FromHistory(pending)})
	require.NoError(t, err)
	assert.JSONEq(t, `[
		{"client":"durable","kind":"deliver","key":"orders","value":7,"attempt":2,"start_s":1.5,"end_s":2,"outcome":"failed","err":"refused"},
		{"client":"c","kind":"compare-and-set","key":"x","value":4,"expected":3,"start_s":1,"end_s":1,"outcome":"ok"},
		{"client":"producer","kind":"publish","value":8,"start_s":1,"end_s":null,"outcome":"unknown"}
	]`, string(text))
}

func TestBoundKeepsAllThatFits(t *testing.T) {
	h := operations(evidence.MaxOperations, plain)
	slices.Reverse(h)
	got := evidence.Bound(h)
	assert.Equal(t, evidence.MaxOperations, got.Recorded)
	require.Len(t, got.Items, evidence.MaxOperations)
	assert.True(t, slices.IsSorted(values(got.Items)), "in the order of starts")

	empty := evidence.Bound(nil)
	assert.Zero(t, empty.Recorded)
	assert.Equal(t, []evidence.Operation{}, empty.Items, "[] and not null in the record")
}

func TestBoundKeepsWhatTellsMost(t *testing.T) {
	const n = 20_000
	slow := func(i int) bool { return i%100 == 50 }
	bad := func(i int) bool { return i%10 == 3 }
	h := operations(n, func(i int, op *history.Operation) {
		switch {
		case bad(i) && i%20 == 3:
			op.Outcome, op.End = history.Unknown, history.Open
		case bad(i):
			op.Outcome = history.Failed
		case slow(i):
			op.End += time.Second
		}
	})
	got := evidence.Bound(h)
	assert.Equal(t, n, got.Recorded)
	require.Len(t, got.Items, evidence.MaxOperations)
	vs := values(got.Items)
	assert.True(t, slices.IsSorted(vs), "in the order of starts")
	assert.Len(t, slices.Compact(slices.Clone(vs)), len(vs), "none twice")

	kept := make(map[int64]bool, len(vs))
	for _, v := range vs {
		kept[v] = true
	}
	// Of 18 000 that ended well the slowest hundredth is 180 of the 200 slow ones.
	var badKept, slowKept int
	quarters := map[int64]int{}
	for i := range n {
		switch {
		case !kept[int64(i)]:
		case bad(i):
			badKept++
		case slow(i):
			slowKept++
		default:
			quarters[int64(i)*4/n]++
		}
	}
	assert.Equal(t, n/10, badKept, "all that did not end well")
	assert.GreaterOrEqual(t, slowKept, 180, "the slowest hundredth")
	for q, count := range quarters {
		assert.InDelta(t, (evidence.MaxOperations-n/10-180)/4, count, 20, "evenly spaced: quarter %d", q)
	}
}

func TestBoundThinsWhatIsTooLargeByItself(t *testing.T) {
	h := operations(2*evidence.MaxOperations, func(_ int, op *history.Operation) { op.Outcome = history.Failed })
	got := evidence.Bound(h)
	require.Len(t, got.Items, evidence.MaxOperations)
	assert.Equal(t, []int64{0, 2, 4, 6}, values(got.Items)[:4], "every second one")
}

func TestBoundLetsWhatWentWrongNotHideTheRest(t *testing.T) {
	h := operations(3*evidence.MaxOperations, func(i int, op *history.Operation) {
		if i%10 != 0 {
			op.Outcome = history.Failed
		}
	})
	got := evidence.Bound(h)
	require.Len(t, got.Items, evidence.MaxOperations)
	well := slices.DeleteFunc(slices.Clone(got.Items), func(op evidence.Operation) bool { return op.Outcome != history.OK })
	assert.Len(t, well, evidence.MaxOperations/4)
	assert.Equal(t, []evidence.Count{
		{Client: "producer", Kind: history.Publish, Outcome: history.OK, N: evidence.MaxOperations * 3 / 10},
		{Client: "producer", Kind: history.Publish, Outcome: history.Failed, N: evidence.MaxOperations * 27 / 10},
	}, got.Counts, "of what was recorded, not of what was kept")
}
