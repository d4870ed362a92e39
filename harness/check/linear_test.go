package check_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"assay/harness/check"
	"assay/harness/history"
)

// Long enough to decide any history here on a machine that is busy with other things.
const patience = time.Minute

func TestLinearizability(t *testing.T) {
	try(t, []trial{
		{
			name: "a read during a write may return either value",
			ops: `
				a write x/1 1.000 1.100 ok
				a write x/2 2.000 3.000 ok
				b read x/2 2.100 2.200 ok
				c read x/2 2.300 2.400 ok`,
			verdict: check.Holds, summary: "an order explains each of 1 registers, 4 operations in all",
		}, {
			name: "but none may go back",
			ops: `
				a write x/1 1.000 1.100 ok
				a write x/2 2.000 3.000 ok
				b read x/2 2.100 2.200 ok
				c read x/1 2.300 2.400 ok`,
			verdict: check.Violated,
			summary: "1 of 1 registers not linearizable (first: no order explains the read of x/1 by c at 2.400s; these 4 of 4 operations tell)",
			offending: []string{"a: write x/1 [1.000s, 1.100s] ok", "a: write x/2 [2.000s, 3.000s] ok",
				"b: read x/2 [2.100s, 2.200s] ok", "c: read x/1 [2.300s, 2.400s] ok"},
		}, {
			name: "a write of 0 is not what a read of 0 before it found",
			ops: `
				a write x/0 0.500 9.000 ok
				c read x/0 1.000 1.100 ok
				b write x/1 2.000 2.100 ok
				c read x/1 3.000 3.100 ok
				c read x/0 4.000 4.100 ok`,
			verdict: check.Holds, summary: "an order explains each of 1 registers, 5 operations in all",
		}, {
			name: "what cannot be explained is the first response of its kind, though what explains others is answered later or never",
			ops: `
				a write x/1 1.000 … unknown
				b compare-and-set x/1→2 2.000 6.000 ok
				c read x/2 3.000 3.100 ok
				c read x/2 3.200 3.300 ok
				c read x/2 3.400 3.500 ok
				c read x/9 7.000 7.100 ok`,
			verdict:   check.Violated,
			summary:   "1 of 1 registers not linearizable (first: no order explains the read of x/9 by c at 7.100s; these 1 of 6 operations tell)",
			offending: []string{"c: read x/9 [7.000s, 7.100s] ok"},
		}, {
			name: "nobody was told of what led to what was read",
			ops: `
				a write x/1 1.000 … unknown
				b compare-and-set x/1→2 1.100 … unknown
				c compare-and-set x/2→3 1.200 … unknown
				d read x/3 3.000 3.100 ok`,
			verdict: check.Holds, summary: "an order explains each of 1 registers, 4 operations in all",
		}, {
			name: "an errored write takes effect after its end",
			ops: `
				a write x/1 1.000 1.100 ok
				a write x/2 2.000 2.100 unknown
				b read x/1 3.000 3.100 ok
				b read x/2 4.000 4.100 ok`,
			verdict: check.Holds, summary: "an order explains each of 1 registers, 4 operations in all",
		}, {
			name: "but an acknowledged one does not",
			ops: `
				a write x/1 1.000 1.100 ok
				a write x/2 2.000 2.100 ok
				b read x/1 3.000 3.100 ok
				b read x/2 4.000 4.100 ok`,
			verdict: check.Violated,
			summary: "1 of 1 registers not linearizable (first: no order explains the read of x/1 by b at 3.100s; these 3 of 4 operations tell)",
			offending: []string{"a: write x/1 [1.000s, 1.100s] ok", "a: write x/2 [2.000s, 2.100s] ok",
				"b: read x/1 [3.000s, 3.100s] ok"},
		}, {
			name: "an errored write does not take effect twice",
			ops: `
				a write x/2 1.000 1.100 unknown
				b read x/2 2.000 2.100 ok
				b write x/3 3.000 3.100 ok
				b read x/2 4.000 4.100 ok`,
			verdict: check.Violated,
			summary: "1 of 1 registers not linearizable (first: no order explains the read of x/2 by b at 4.100s; these 4 of 4 operations tell)",
			offending: []string{"a: write x/2 [1.000s, 1.100s] unknown", "b: read x/2 [2.000s, 2.100s] ok",
				"b: write x/3 [3.000s, 3.100s] ok", "b: read x/2 [4.000s, 4.100s] ok"},
		}, {
			name: "nor does one that failed, ever",
			ops: `
				a write x/2 1.000 1.100 failed
				b read x/2 2.000 2.100 ok`,
			verdict:   check.Violated,
			summary:   "1 of 1 registers not linearizable (first: no order explains the read of x/2 by b at 2.100s; these 1 of 1 operations tell)",
			offending: []string{"b: read x/2 [2.000s, 2.100s] ok"},
		}, {
			name: "of two that expect the same, one may be refused",
			ops: `
				a write x/1 1.000 1.100 ok
				a compare-and-set x/1→2 2.000 2.500 ok
				b compare-and-set x/1→3 2.000 2.500 failed
				c read x/2 3.000 3.100 ok`,
			verdict: check.Holds, summary: "an order explains each of 1 registers, 3 operations in all",
		}, {
			name: "but both cannot succeed",
			ops: `
				a write x/1 1.000 1.100 ok
				a compare-and-set x/1→2 2.000 2.500 ok
				b compare-and-set x/1→3 2.000 2.600 ok
				c read x/2 3.000 3.100 ok`,
			verdict: check.Violated,
			summary: "1 of 1 registers not linearizable (first: no order explains the compare-and-set of x/3 by b at 2.600s; these 3 of 4 operations tell)",
			offending: []string{"a: write x/1 [1.000s, 1.100s] ok", "a: compare-and-set x/2 if 1 [2.000s, 2.500s] ok",
				"b: compare-and-set x/3 if 1 [2.000s, 2.600s] ok"},
		}, {
			name: "an errored one may have been refused, or not",
			ops: `
				a compare-and-set x/0→1 1.000 1.100 ok
				b compare-and-set x/1→2 2.000 2.100 unknown
				b compare-and-set x/7→8 2.200 2.300 unknown
				c compare-and-set x/2→3 3.000 … unknown
				a read x/3 4.000 4.100 ok`,
			verdict: check.Holds, summary: "an order explains each of 1 registers, 5 operations in all",
		}, {
			name: "what it stores may have come from another",
			ops: `
				a write x/2 1.000 1.100 ok
				b compare-and-set x/7→2 2.000 2.100 unknown
				a read x/2 4.000 4.100 ok`,
			verdict: check.Holds, summary: "an order explains each of 1 registers, 3 operations in all",
		}, {
			name: "but it cannot find what was not there",
			ops: `
				a compare-and-set x/0→1 1.000 1.100 ok
				b compare-and-set x/7→2 2.000 2.100 unknown
				c compare-and-set x/2→3 3.000 … unknown
				a read x/3 4.000 4.100 ok`,
			verdict: check.Violated,
			summary: "1 of 1 registers not linearizable (first: no order explains the read of x/3 by a at 4.100s; these 3 of 4 operations tell)",
			offending: []string{"b: compare-and-set x/2 if 7 [2.000s, 2.100s] unknown", "c: compare-and-set x/3 if 2 [3.000s, …) unknown",
				"a: read x/3 [4.000s, 4.100s] ok"},
		}, {
			name: "a value that is written twice may come back",
			ops: `
				a write x/1 1.000 5.000 ok
				b write x/1 1.000 1.100 ok
				c read x/1 1.200 1.300 ok
				c write x/2 2.000 2.100 ok
				c read x/2 2.200 2.300 ok
				c read x/1 3.000 3.100 ok`,
			verdict: check.Holds, summary: "an order explains each of 1 registers, 6 operations in all",
		}, {
			name: "a register holds 0 at first",
			ops: `
				a read x/0 1.000 1.100 ok
				b write x/1 1.050 2.000 ok
				a read x/0 1.200 1.300 ok`,
			verdict: check.Holds, summary: "an order explains each of 1 registers, 3 operations in all",
		}, {
			name: "but not after a write",
			ops: `
				b write x/1 1.050 2.000 ok
				a read x/0 2.200 2.300 ok`,
			verdict:   check.Violated,
			summary:   "1 of 1 registers not linearizable (first: no order explains the read of x/0 by a at 2.300s; these 2 of 2 operations tell)",
			offending: []string{"b: write x/1 [1.050s, 2.000s] ok", "a: read x/0 [2.200s, 2.300s] ok"},
		}, {
			name: "a read that ended before its write began",
			ops: `
				a read x/1 1.000 1.100 ok
				b write x/1 2.000 2.100 ok`,
			verdict:   check.Violated,
			summary:   "1 of 1 registers not linearizable (first: no order explains the read of x/1 by a at 1.100s; these 1 of 2 operations tell)",
			offending: []string{"a: read x/1 [1.000s, 1.100s] ok"},
		}, {
			name: "registers are judged apart",
			ops: `
				a write x/1 1.000 1.100 ok
				a write y/2 2.000 2.100 ok
				b read y/2 3.000 3.100 ok
				b read x/1 4.000 4.100 ok`,
			verdict: check.Holds, summary: "an order explains each of 2 registers, 4 operations in all",
		}, {
			name: "and the bad one named",
			ops: `
				a write x/1 1.000 1.100 ok
				a write y/1 2.000 2.100 ok
				b read y/0 3.000 3.100 ok
				b read x/1 4.000 4.100 ok`,
			verdict:   check.Violated,
			summary:   "1 of 2 registers not linearizable (first: no order explains the read of y/0 by b at 3.100s; these 2 of 2 operations tell)",
			offending: []string{"a: write y/1 [2.000s, 2.100s] ok", "b: read y/0 [3.000s, 3.100s] ok"},
		}, {
			name: "nothing",
			ops: `
				a write x/1 1.000 1.100 failed
				b read x/0 3.000 3.100 unknown`,
			verdict: check.Unknown, summary: "nothing was read or written",
		},
	}, func(h history.History) check.Result { return check.Linearizability(h, patience).Linearizable() })
}

// crowd is a history in which so many clients write one register at once that no search comes to an end: the last read is of the value
// that was there before.
func crowd(clients int) history.History {
	h := history.History{{Client: "first", Kind: history.Write, Key: "x", Value: 1, End: 1, Outcome: history.OK}}
	for i := range clients {
		h = append(h,
			history.Operation{Client: fmt.Sprint(i), Kind: history.Write, Key: "x", Value: int64(i + 2), Start: 10, End: 20, Outcome: history.OK},
			history.Operation{Client: fmt.Sprint(i), Kind: history.Write, Key: "x", Value: int64(i + 1002), Start: 10, End: 20, Outcome: history.OK})
	}
	return append(h, history.Operation{Client: "last", Kind: history.Read, Key: "x", Value: 1, Start: 30, End: 40, Outcome: history.OK})
}

func TestLinearizabilityThatIsNotDecidedInTimeIsUnknown(t *testing.T) {
	easy := parse(t, `
		a write y/1 1.000 1.100 ok
		b read y/1 3.000 3.100 ok`)
	r := check.Linearizability(append(easy, crowd(100)...), 50*time.Millisecond)
	assert.Equal(t, []string{"x"}, r.Undecided)
	assert.Equal(t, check.Unknown, r.Linearizable().Verdict)
	assert.Equal(t, `1 of 2 registers undecided after 50ms (first: "x" with 202 operations)`, r.Linearizable().Summary)

	// What was seen broken is broken, whatever else is in doubt.
	bad := parse(t, `
		a write z/1 1.000 1.100 ok
		b read z/0 3.000 3.100 ok`)
	r = check.Linearizability(append(bad, crowd(100)...), time.Second)
	assert.Equal(t, check.Violated, r.Linearizable().Verdict)
	assert.Equal(t, []string{"x"}, r.Undecided)

	r = check.Linearizability(easy, 0)
	assert.Equal(t, check.Unknown, r.Linearizable().Verdict)
}

func TestVisualize(t *testing.T) {
	fault := history.Window{Name: "isolate n1", From: 1500 * time.Millisecond, To: history.Open}
	for text, shown := range map[string][]string{
		`
			a write x/1 1.000 1.100 ok
			a write y/1 2.000 2.100 unknown
			a write y/2 2.200 2.300 ok
			b read y/1 3.000 3.100 ok
			b read x/1 4.000 4.100 ok`: {"a: write x/1", "a: write y/1", "b: read y/1", "isolate n1", `"ClientId":2`},
		`
			a write x/1 1.000 1.100 ok
			a write y/1 2.000 2.100 ok
			b read y/0 3.000 3.100 ok
			b read y/1 4.000 4.100 ok`: {"a: write y/1", "b: read y/0", "isolate n1"},
	} {
		var page bytes.Buffer
		require.NoError(t, check.Linearizability(parse(t, text), patience).Visualize(&page, fault))
		assert.True(t, strings.HasPrefix(page.String(), "<!doctype html>"))
		for _, s := range shown {
			assert.Contains(t, page.String(), s)
		}
		if len(shown) == 3 {
			assert.NotContains(t, page.String(), "write x/1", "which is well")
			assert.NotContains(t, page.String(), "read y/1", "which came after")
		}
	}
	require.ErrorContains(t, check.Linearizability(crowd(2), patience).Visualize(full{}), "draw the history: disk full")
}

func TestLinearizableIsDrawn(t *testing.T) {
	for _, h := range []history.History{crowd(2), parse(t, "a write x/1 1.000 1.100 ok\nb read x/0 3.000 3.100 ok")} {
		r := check.Linearizability(h, patience)
		drawing := r.Linearizable().Drawing
		require.NotNil(t, drawing)
		assert.Equal(t, "text/html", drawing.Type())
		var got, want bytes.Buffer
		fault := history.Window{Name: "isolate n1", From: time.Second, To: 2 * time.Second}
		require.NoError(t, drawing.Draw(&got, fault))
		require.NoError(t, r.Visualize(&want, fault))
		assert.Equal(t, want.String(), got.String())
		assert.Contains(t, got.String(), `"PartialLinearizations":[[{"Index":`, "it has time to look for an order")
	}
	assert.Nil(t, check.Linearizability(history.History{}, patience).Linearizable().Drawing, "there is nothing to draw")
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, fmt.Errorf("disk full") }

// atomic draws a history of registers that are linearizable by construction: each operation takes effect at a moment of its own.
func atomic(t *rapid.T, clients int) (h history.History) {
	held := map[string]int64{}
	free := make([]time.Duration, clients)
	var next int64
	for moment := time.Duration(10); moment < 10*time.Duration(rapid.IntRange(2, 40).Draw(t, "operations")); moment += 10 {
		c := rapid.IntRange(0, clients-1).Draw(t, "client")
		op := history.Operation{
			Client: fmt.Sprint("c", c), Key: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "key"), Outcome: history.OK,
			Kind:  rapid.SampledFrom([]string{history.Read, history.Write, history.CompareAndSet}).Draw(t, "kind"),
			Start: max(free[c], moment-time.Duration(rapid.IntRange(0, 50).Draw(t, "before"))),
			End:   moment + time.Duration(rapid.IntRange(0, 50).Draw(t, "after")),
		}
		if op.Start > moment {
			continue // the client is busy
		}
		if op.Kind == history.Read {
			op.Value = held[op.Key]
		} else {
			next++
			op.Value = next
			if op.Kind == history.CompareAndSet {
				op.Expected = held[op.Key]
				if rapid.IntRange(0, 4).Draw(t, "other") == 0 {
					op.Expected = next + 1000 // which it never is
				}
			}
			if op.Kind == history.Write || op.Expected == held[op.Key] {
				held[op.Key] = op.Value
			} else {
				op.Outcome = history.Failed
			}
			if rapid.IntRange(0, 3).Draw(t, "errs") == 0 {
				op.Outcome = history.Unknown
				op.End = op.Start + time.Duration(rapid.IntRange(0, 10).Draw(t, "patience")) // perhaps before it takes effect
			}
		}
		free[c] = op.End + 1
		h = append(h, op)
	}
	return h
}

func TestLinearizabilityFindsNothingWhereNothingIsPlanted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := atomic(t, 5)
		r := check.Linearizability(shuffled(h, rapid.Uint64().Draw(t, "order")), patience).Linearizable()
		assert.Equal(t, 0, r.Violations, "%s", r)
	})
}

func TestLinearizabilityFindsTheOneStaleRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := atomic(t, 5)
		// Two writes one after the other, and then a read of the first.
		at := time.Hour
		key := rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "key")
		planted := history.History{
			{Client: "w", Kind: history.Write, Key: key, Value: 101, Start: at, End: at + 1, Outcome: history.OK},
			{Client: "w", Kind: history.Write, Key: key, Value: 102, Start: at + 2, End: at + 3, Outcome: history.OK},
			{Client: "r", Kind: history.Read, Key: key, Value: 101, Start: at + 4, End: at + 5, Outcome: history.OK},
		}
		after := history.Operation{Client: "r", Kind: history.Read, Key: key, Value: 102, Start: at + 6, End: at + 7, Outcome: history.OK}
		h = append(append(h, planted...), after)
		report := check.Linearizability(shuffled(h, rapid.Uint64().Draw(t, "order")), patience)
		r := report.Linearizable()
		assert.Equal(t, check.Violated, r.Verdict)
		assert.Equal(t, []history.Operation(planted), r.Offending, "the three that matter, and no other")
		require.Len(t, report.Illegal, 1)
		assert.Equal(t, planted[2], report.Illegal[0].Response)
	})
}

// What is done to make the search fast must not change what it finds.
func TestLinearizabilityAgreesWithTryingEverything(t *testing.T) {
	verdicts := map[bool]int{}
	rapid.Check(t, func(t *rapid.T) {
		h := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) history.Operation {
			op := history.Operation{
				Client:  "c",
				Kind:    rapid.SampledFrom([]string{history.Read, history.Read, history.Write, history.CompareAndSet}).Draw(t, "kind"),
				Value:   rapid.Int64Range(0, 4).Draw(t, "value"),
				Start:   time.Duration(rapid.IntRange(0, 20).Draw(t, "start")),
				Outcome: rapid.SampledFrom([]history.Outcome{history.OK, history.OK, history.OK, history.Failed, history.Unknown}).Draw(t, "outcome"),
			}
			if op.Kind == history.CompareAndSet {
				op.Expected = rapid.Int64Range(0, 4).Draw(t, "expected")
			}
			op.End = op.Start + time.Duration(rapid.IntRange(0, 8).Draw(t, "took"))
			return op
		}), 1, 7).Draw(t, "operations")
		want := explicable(h, 0)
		r := check.Linearizability(history.History(h), patience)
		verdicts[want]++
		assert.Equal(t, want, len(r.Illegal) == 0)
		for _, i := range r.Illegal {
			assert.Contains(t, i.Because, i.Response)
			shown := slices.Clone(i.Because)
			assert.False(t, explicable(shown, 0), "what is shown is a violation by itself: %v", lines(shown))
		}
	})
	assert.NotZero(t, verdicts[true])
	assert.NotZero(t, verdicts[false])
}

// explicable tries every order: it picks each operation that may come first, and goes on with the rest.
func explicable(ops []history.Operation, held int64) bool {
	earliest := history.Open // by then, one must have taken effect
	done := true
	for _, op := range ops {
		if op.Outcome == history.OK {
			earliest, done = min(earliest, op.End), false
		}
	}
	if done {
		return true
	}
	for i, op := range ops {
		if op.Outcome == history.Failed || op.Start > earliest || op.Kind == history.Read && op.Outcome != history.OK {
			continue
		}
		after := held
		switch {
		case op.Kind == history.Read:
			if op.Value != held {
				continue
			}
		case op.Kind == history.Write || op.Expected == held:
			after = op.Value
		case op.Outcome == history.OK:
			continue
		}
		if explicable(slices.Concat(ops[:i], ops[i+1:]), after) {
			return true
		}
	}
	return false
}
