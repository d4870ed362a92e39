package history_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"assay/harness/history"
)

func TestNothingIsClaimedByOmission(t *testing.T) {
	assert.Equal(t, history.Unknown, history.Operation{}.Outcome)
}

func TestOutcomeText(t *testing.T) {
	for _, o := range []history.Outcome{history.Unknown, history.OK, history.Failed} {
		data, err := json.Marshal(o)
		require.NoError(t, err)
		assert.JSONEq(t, `"`+o.String()+`"`, string(data))
		var back history.Outcome
		require.NoError(t, json.Unmarshal(data, &back))
		assert.Equal(t, o, back)
	}
	_, err := history.Outcome(9).MarshalText()
	require.EqualError(t, err, "history: no such outcome: 9")
	assert.Equal(t, "Outcome(9)", history.Outcome(9).String())
	require.EqualError(t, new(history.Outcome).UnmarshalText([]byte("info")), `history: no such outcome: "info", want ok, failed or unknown`)
}

func TestOperationString(t *testing.T) {
	const at = 1203 * time.Millisecond
	publish := history.Operation{Client: "p", Kind: history.Publish, Key: "orders", Value: 51, Start: at, End: at + 7*time.Millisecond, Outcome: history.OK}
	assert.Equal(t, "p: publish orders/51 [1.203s, 1.210s] ok", publish.String())
	pending := publish
	pending.End, pending.Outcome = history.Open, history.Unknown
	assert.Equal(t, "p: publish orders/51 [1.203s, …) unknown", pending.String())
	refused := publish
	refused.Outcome, refused.Err = history.Failed, "no permission"
	assert.Equal(t, "p: publish orders/51 [1.203s, 1.210s] failed: no permission", refused.String())
	swap := history.Operation{Client: "c", Kind: history.CompareAndSet, Key: "x", Value: 4, Expected: 3, Start: at, End: at + 7*time.Millisecond, Outcome: history.OK}
	assert.Equal(t, "c: compare-and-set x/4 if 3 [1.203s, 1.210s] ok", swap.String())
	redelivered := history.Operation{Client: "c", Kind: history.Deliver, Key: "orders", Value: 51, Attempt: 2, Start: at, End: at, Outcome: history.OK}
	assert.Equal(t, "c: deliver orders/51 attempt 2 at 1.203s ok", redelivered.String())
}

func TestAnUnknownOperationMayTakeEffectAtAnyTime(t *testing.T) {
	assert.Equal(t, time.Duration(5), history.Operation{Start: 1, End: 5, Outcome: history.OK}.EffectBy())
	assert.Equal(t, time.Duration(5), history.Operation{Start: 1, End: 5, Outcome: history.Failed}.EffectBy())
	assert.Equal(t, history.Open, history.Operation{Start: 1, End: 5}.EffectBy())
}

func TestWindow(t *testing.T) {
	w := history.Window{From: 10, To: 20}
	lasting := history.Window{From: 10, To: history.Open}
	for _, x := range []struct {
		start, end                time.Duration
		overlaps, overlapsForGood bool
	}{
		{1, 9, false, false},
		{1, 10, true, true},
		{12, 12, true, true},
		{1, 30, true, true},
		{20, 30, true, true},
		{21, 30, false, true},
		{1, history.Open, true, true},
		{21, history.Open, false, true},
	} {
		op := history.Operation{Start: x.start, End: x.end}
		assert.Equal(t, x.overlaps, w.Overlaps(op), "%+v", x)
		assert.Equal(t, x.overlapsForGood, lasting.Overlaps(op), "%+v", x)
	}
	assert.False(t, w.Contains(9))
	assert.True(t, w.Contains(10))
	assert.True(t, w.Contains(20))
	assert.False(t, w.Contains(21))
}

func TestHistorySelections(t *testing.T) {
	h := history.History{
		{Kind: history.Publish, Value: 1, Start: 5, End: 15},
		{Kind: history.Deliver, Value: 1, Start: 12, End: 12},
		{Kind: history.Disconnect, Start: 30, End: 30},
	}
	assert.Equal(t, history.History{h[0], h[2]}, h.Of(history.Publish, history.Disconnect))
	w := history.Window{From: 10, To: 20}
	assert.Equal(t, history.History{h[1]}, h.Within(w))
	assert.Equal(t, history.History{h[0], h[1]}, h.Filter(w.Overlaps))
	assert.Equal(t, h, h.History())
}

func TestSortedDependsOnNothingButTheOperations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := history.History(rapid.SliceOf(rapid.Custom(func(t *rapid.T) history.Operation {
			return history.Operation{
				Client:   rapid.SampledFrom([]string{"a", "b"}).Draw(t, "client"),
				Value:    rapid.Int64Range(0, 3).Draw(t, "value"),
				Expected: rapid.Int64Range(0, 1).Draw(t, "expected"),
				Start:    time.Duration(rapid.IntRange(0, 5).Draw(t, "start")),
				End:      time.Duration(rapid.IntRange(5, 7).Draw(t, "end")),
			}
		})).Draw(t, "operations"))
		before := slices.Clone(h)
		sorted := h.Sorted()
		assert.Equal(t, before, h)
		assert.ElementsMatch(t, h, sorted)
		assert.True(t, slices.IsSortedFunc(sorted, func(a, b history.Operation) int { return int(a.Start - b.Start) }))
		shuffled := slices.Clone(h)
		rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 0)).Shuffle(len(h), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		assert.True(t, slices.Equal(sorted, shuffled.Sorted()))
		assert.True(t, slices.Equal(sorted, history.Merge(h[:len(h)/2], h[len(h)/2:])))
	})
}

func TestBatchMissing(t *testing.T) {
	b := history.Batch{Key: "orders", Values: []int64{1, 2, 3, 4, 5}}
	received := history.History{
		{Kind: history.Deliver, Key: "orders", Value: 1, Outcome: history.OK},
		{Kind: history.Read, Key: "orders", Value: 2, Outcome: history.OK},
		{Kind: history.Read, Key: "orders", Value: 3, Outcome: history.Failed},
		{Kind: history.Publish, Key: "orders", Value: 4, Outcome: history.OK},
		{Kind: history.Deliver, Key: "returns", Value: 5, Outcome: history.OK},
		{Kind: history.Deliver, Key: "orders", Value: 6, Outcome: history.OK},
	}
	assert.Equal(t, history.Batch{Key: "orders", Values: []int64{3, 4, 5}}, b.Missing(received))
	assert.Len(t, b.Values, 5)
}
