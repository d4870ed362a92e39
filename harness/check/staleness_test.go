package check_test

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"assay/harness/check"
	"assay/harness/history"
)

func noneOlderThan(bound time.Duration) func(check.StalenessReport) check.Result {
	return func(r check.StalenessReport) check.Result { return r.NoneOlderThan(bound) }
}

// Each property with a history that has it and one that differs in little and has not; and one that does not tell.
func TestStaleness(t *testing.T) {
	tests := []struct {
		name      string
		ops       string
		result    func(check.StalenessReport) check.Result
		verdict   check.Verdict
		summary   string
		offending []string
	}{
		{
			name: "never stale: each read returns the last write",
			ops: `
				writer write x/7 1.000 1.010 ok
				reader read x/7 1.100 1.110 ok
				writer write x/8 1.600 1.602 ok
				reader read x/8 2.110 2.120 ok`,
			result:  check.StalenessReport.NeverStale,
			verdict: check.Holds, summary: "none of 2 reads stale",
		}, {
			name: "never stale: a read returns what was overwritten",
			ops: `
				writer write x/7 1.000 1.010 ok
				reader read x/7 1.100 1.110 ok
				writer write x/8 1.600 1.602 ok
				reader read x/7 2.110 2.120 ok`,
			result:    check.StalenessReport.NeverStale,
			verdict:   check.Violated,
			summary:   "1 of 2 reads stale, the oldest by 508ms (first: read x/7 at 2.110s, overwritten by 8 at 1.602s: 508ms stale)",
			offending: []string{"x/7"},
		}, {
			name: "never stale: the age counts from the first of two that overwrote it",
			ops: `
				writer write x/7 1.000 1.010 ok
				writer write x/8 1.100 1.350 ok
				other write x/9 1.300 1.400 ok
				reader read x/7 1.500 1.510 ok`,
			result:    check.StalenessReport.NeverStale,
			verdict:   check.Violated,
			summary:   "1 of 1 reads stale, the oldest by 150ms (first: read x/7 at 1.500s, overwritten by 8 at 1.350s: 150ms stale)",
			offending: []string{"x/7"},
		}, {
			name: "never stale: of two writes of a value, the one that ends last",
			ops: `
				writer write x/7 1.000 1.900 ok
				other write x/7 1.100 1.200 ok
				writer write x/8 1.300 1.400 ok
				reader read x/7 2.000 2.010 ok`,
			result:  check.StalenessReport.NeverStale,
			verdict: check.Holds, summary: "none of 1 reads stale",
		}, {
			name: "never stale: one that overwrote it began first, and is not at its end",
			ops: `
				writer write x/7 1.000 1.010 ok
				a write x/8 1.100 9.000 ok
				b write x/9 1.300 1.400 ok
				reader read x/7 1.500 1.510 ok`,
			result:    check.StalenessReport.NeverStale,
			verdict:   check.Violated,
			summary:   "1 of 1 reads stale, the oldest by 100ms (first: read x/7 at 1.500s, overwritten by 9 at 1.400s: 100ms stale)",
			offending: []string{"x/7"},
		}, {
			name: "never stale: the overwriting write is not acknowledged before the read begins",
			ops: `
				writer write x/7 1.000 1.010 ok
				writer write x/8 1.600 2.111 ok
				reader read x/7 2.110 2.120 ok`,
			result:  check.StalenessReport.NeverStale,
			verdict: check.Holds, summary: "none of 1 reads stale",
		}, {
			name: "never stale: a write of unknown outcome may not have happened",
			ops: `
				writer write x/7 1.000 1.010 ok
				writer write x/8 1.600 1.700 unknown
				writer write x/9 1.700 … unknown
				writer write x/10 1.800 1.810 failed
				reader read x/7 2.110 2.120 ok`,
			result:  check.StalenessReport.NeverStale,
			verdict: check.Holds, summary: "none of 1 reads stale",
		}, {
			name: "never stale: a write of unknown outcome may have happened, even late",
			ops: `
				writer write x/7 1.000 1.500 unknown
				writer write x/8 1.600 1.602 ok
				reader read x/7 2.110 2.120 ok
				reader read x/8 2.210 2.220 ok`,
			result:  check.StalenessReport.NeverStale,
			verdict: check.Holds, summary: "none of 2 reads stale",
		}, {
			name: "never stale: two writes at once, either may be the last",
			ops: `
				w1 write x/7 1.000 1.100 ok
				w2 write x/8 1.050 1.090 ok
				reader read x/7 2.110 2.120 ok`,
			result:  check.StalenessReport.NeverStale,
			verdict: check.Holds, summary: "none of 1 reads stale",
		}, {
			name: "never stale: two writes, the second began when the first had ended",
			ops: `
				w1 write x/7 1.000 1.100 ok
				w2 write x/8 1.101 1.190 ok
				reader read x/7 2.110 2.120 ok`,
			result:    check.StalenessReport.NeverStale,
			verdict:   check.Violated,
			summary:   "1 of 1 reads stale, the oldest by 920ms (first: read x/7 at 2.110s, overwritten by 8 at 1.190s: 920ms stale)",
			offending: []string{"x/7"},
		}, {
			name: "never stale: another key",
			ops: `
				writer write x/7 1.000 1.100 ok
				writer write y/8 1.200 1.210 ok
				reader read x/7 2.110 2.120 ok`,
			result:  check.StalenessReport.NeverStale,
			verdict: check.Holds, summary: "none of 1 reads stale",
		}, {
			name: "never stale: absent before the first write, and of a key that nobody writes",
			ops: `
				reader read x/0 0.900 0.910 ok
				reader read y/0 0.900 0.910 ok
				writer write x/7 1.000 1.100 ok
				reader read x/0 1.050 1.060 ok
				reader read x/7 1.200 1.210 ok`,
			result:  check.StalenessReport.NeverStale,
			verdict: check.Holds, summary: "none of 1 reads stale",
		}, {
			name: "never stale: absent after the first write",
			ops: `
				writer write x/7 1.000 1.100 ok
				reader read x/0 1.104 1.110 ok`,
			result:    check.StalenessReport.NeverStale,
			verdict:   check.Violated,
			summary:   "1 of 1 reads stale, the oldest by 4ms (first: read x/0 at 1.104s, overwritten by 7 at 1.100s: 4ms stale)",
			offending: []string{"x/0"},
		}, {
			name:    "never stale: nothing read",
			ops:     `writer write x/7 1.000 1.100 ok`,
			result:  check.StalenessReport.NeverStale,
			verdict: check.Unknown, summary: "nothing was read",
		}, {
			name: "never stale: a read that failed, and one of unknown outcome, returned nothing",
			ops: `
				writer write x/7 1.000 1.100 ok
				reader read x/0 2.000 2.100 failed
				reader read x/0 3.000 … unknown`,
			result:  check.StalenessReport.NeverStale,
			verdict: check.Unknown, summary: "nothing was read",
		}, {
			name: "never stale: nothing acknowledged",
			ops: `
				writer write x/7 1.000 1.100 unknown
				reader read x/0 2.000 2.100 ok`,
			result:  check.StalenessReport.NeverStale,
			verdict: check.Unknown, summary: "none of 1 reads began after an acknowledged write of its key",
		}, {
			name: "never stale: who reads what nobody wrote does not tell",
			ops: `
				writer write x/7 1.000 1.100 ok
				reader read x/9 2.000 2.100 ok`,
			result:  check.StalenessReport.NeverStale,
			verdict: check.Unknown, summary: "read x/9 at 2.000s, never written",
		}, {
			name: "bounded: stale, but not for long",
			ops: `
				writer write x/7 1.000 1.010 ok
				writer write x/8 1.600 1.602 ok
				reader read x/7 2.110 2.120 ok`,
			result:  noneOlderThan(508 * time.Millisecond),
			verdict: check.Holds, summary: "none of 1 reads staler than 508ms: 1 stale, the oldest by 508ms",
		}, {
			name: "bounded: one stale for too long",
			ops: `
				writer write x/7 1.000 1.010 ok
				writer write x/8 1.600 1.602 ok
				reader read x/7 1.700 1.701 ok
				reader read x/7 2.111 2.120 ok`,
			result:    noneOlderThan(508 * time.Millisecond),
			verdict:   check.Violated,
			summary:   "1 of 2 reads staler than 508ms, the oldest by 509ms (first: read x/7 at 2.111s, overwritten by 8 at 1.602s: 509ms stale)",
			offending: []string{"x/7"},
		}, {
			name:    "bounded: nothing read",
			result:  noneOlderThan(time.Second),
			verdict: check.Unknown, summary: "nothing was read",
		}, {
			name: "some stale: one is",
			ops: `
				writer write x/7 1.000 1.010 ok
				writer write x/8 1.600 1.602 ok
				reader read x/7 1.602123 1.701 ok`,
			result:  check.StalenessReport.SomeStale,
			verdict: check.Holds,
			summary: "1 of 1 reads stale, the oldest by 123µs (first: read x/7 at 1.602s, overwritten by 8 at 1.602s: 123µs stale)",
		}, {
			name: "some stale: none is",
			ops: `
				writer write x/7 1.000 1.010 ok
				writer write x/8 1.600 1.602 ok
				reader read x/8 1.700 1.701 ok`,
			result:  check.StalenessReport.SomeStale,
			verdict: check.Violated, summary: "none of 1 reads stale",
		}, {
			name:    "some stale: nothing read",
			result:  check.StalenessReport.SomeStale,
			verdict: check.Unknown, summary: "nothing was read",
		}, {
			name: "nothing unexpected: from a write of unknown outcome",
			ops: `
				writer write x/7 1.000 1.010 unknown
				reader read x/7 1.700 1.701 ok
				reader read y/0 1.700 1.701 ok`,
			result:  check.StalenessReport.NothingUnexpected,
			verdict: check.Holds, summary: "what 2 reads returned had been written",
		}, {
			name: "nothing unexpected: from a write that failed",
			ops: `
				writer write x/7 1.000 1.010 failed
				reader read x/7 1.700 1.701 ok
				reader read y/0 1.700 1.701 ok`,
			result:  check.StalenessReport.NothingUnexpected,
			verdict: check.Violated, summary: "1 of 2 reads returned what was not written (first: read x/7 at 1.700s, whose writing failed)",
			offending: []string{"x/7"},
		}, {
			name: "nothing unexpected: from nowhere",
			ops: `
				writer write x/7 1.000 1.010 ok
				reader read y/7 1.700 1.701 ok`,
			result:  check.StalenessReport.NothingUnexpected,
			verdict: check.Violated, summary: "1 of 1 reads returned what was not written (first: read y/7 at 1.700s, never written)",
			offending: []string{"y/7"},
		}, {
			name:    "nothing unexpected: nothing read",
			result:  check.StalenessReport.NothingUnexpected,
			verdict: check.Unknown, summary: "nothing was read",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ops := parse(t, test.ops)
			r := test.result(check.Staleness(ops, ops))
			assert.Equal(t, test.verdict, r.Verdict)
			assert.Equal(t, test.summary, r.Summary)
			assert.ElementsMatch(t, test.offending, names(r.Offending))
		})
	}
}

func TestStaleAges(t *testing.T) {
	ops := parse(t, `
		writer write x/1 1.000 1.010 ok
		writer write x/2 1.990 2.000 ok
		reader read x/1 2.100 2.110 ok
		reader read x/1 2.300 2.310 ok
		reader read x/2 2.400 2.410 ok
		reader read x/1 2.900 2.910 ok`)
	r := check.Staleness(ops, ops)
	assert.Equal(t, 4, r.Reads)
	assert.Len(t, r.Stale, 3)
	assert.Equal(t, 900*time.Millisecond, r.Oldest())
	assert.Equal(t, 300*time.Millisecond, r.Median())
	r.Stale = r.Stale[:2]
	assert.Equal(t, 200*time.Millisecond, r.Median())
	r.Stale = nil
	assert.Zero(t, r.Oldest())
	assert.Zero(t, r.Median())
}

func TestLags(t *testing.T) {
	ops := parse(t, `
		writer write x/1 1.000 1.100 ok
		reader read x/1 1.050 1.060 ok
		writer write x/2 1.200 1.300 ok
		reader read x/1 1.350 1.360 ok
		writer write x/3 1.400 1.500 ok
		writer write x/4 1.510 1.520 unknown
		writer write x/5 1.530 1.540 failed
		reader read x/3 2.000 2.010 ok
		writer write x/6 2.100 2.200 ok
		reader read x/3 2.500 2.510 ok
		writer write x/7 2.600 2.700 ok
		writer write y/1 3.000 3.100 ok`)
	type lag struct {
		name string
		lag  time.Duration
		seen bool
	}
	var got []lag
	for _, l := range check.Staleness(ops, ops).Lags() {
		got = append(got, lag{names([]history.Operation{l.Write})[0], l.Lag, l.Seen})
	}
	assert.Equal(t, []lag{
		{"x/1", 0, true}, // seen before it was acknowledged
		{"x/2", 700 * time.Millisecond, true},
		{"x/3", 500 * time.Millisecond, true},
		{"x/6", 300 * time.Millisecond, false}, // not seen 300 ms later, when the last read looked
		{"x/7", 0, false},
		{"y/1", 0, false},
	}, got)
}

// linearizable draws a linearizable history of registers with several writers each, and reads: every operation that happens takes effect
// at a moment of its own between its start and its end, those of unknown outcome at any later time or never.
func linearizable(t *rapid.T) history.History {
	type effect struct {
		at time.Duration
		op int
	}
	var h history.History
	var effects []effect
	for i := range rapid.IntRange(1, 60).Draw(t, "operations") {
		op := history.Operation{
			Key:   rapid.SampledFrom([]string{"x", "y"}).Draw(t, "key"),
			Kind:  rapid.SampledFrom([]string{history.Write, history.Read}).Draw(t, "kind"),
			Start: time.Duration(rapid.IntRange(0, 1000).Draw(t, "start")),
		}
		op.End = op.Start + time.Duration(rapid.IntRange(0, 50).Draw(t, "took"))
		at := time.Duration(rapid.IntRange(int(op.Start), int(op.End)).Draw(t, "effect"))
		op.Outcome = history.OK
		if op.Kind == history.Write {
			op.Value = int64(i + 1) // they do not grow with time
			switch rapid.IntRange(0, 5).Draw(t, "fate") {
			case 0:
				op.Outcome, at = history.Failed, -1
			case 1:
				op.Outcome = history.Unknown
				if rapid.Bool().Draw(t, "never") {
					at = -1
				} else {
					at += time.Duration(rapid.IntRange(0, 500).Draw(t, "late"))
				}
			}
		}
		h = append(h, op)
		if at >= 0 {
			effects = append(effects, effect{at, i})
		}
	}
	slices.SortStableFunc(effects, func(a, b effect) int { return cmp.Compare(a.at, b.at) })
	value := map[string]int64{}
	for _, e := range effects {
		if op := &h[e.op]; op.Kind == history.Write {
			value[op.Key] = op.Value
		} else {
			op.Value = value[op.Key]
		}
	}
	return h
}

func TestStalenessFindsNothingWhereNothingIsPlanted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := linearizable(t)
		r := check.Staleness(h, shuffled(h, 1))
		assert.Empty(t, r.Stale)
		assert.Empty(t, r.Unexpected)
		assert.NotEqual(t, check.Violated, r.NeverStale().Verdict)
		assert.NotEqual(t, check.Holds, r.SomeStale().Verdict)
	})
}

func TestStalenessFindsTheOneStaleRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := linearizable(t)
		// One more write, overwritten by another, and a read of it at the end.
		at := 10 * time.Second
		old := history.Operation{Key: "x", Kind: history.Write, Value: 1001, Start: at, End: at + 5, Outcome: history.OK}
		overwriting := history.Operation{Key: "x", Kind: history.Write, Value: 1000, Start: at + 6, End: at + 10, Outcome: history.OK}
		age := time.Duration(rapid.IntRange(1, 1000).Draw(t, "age"))
		planted := history.Operation{Key: "x", Kind: history.Read, Value: 1001, Start: at + 10 + age, End: at + 2000, Outcome: history.OK}
		h = shuffled(append(h, old, overwriting, planted), rapid.Uint64().Draw(t, "order"))
		r := check.Staleness(h, h)
		assert.Equal(t, []check.StaleRead{{Read: planted, OverwrittenBy: overwriting, Age: age}}, r.Stale)
		assert.Equal(t, age, r.Oldest())
		never := r.NeverStale()
		assert.Equal(t, check.Violated, never.Verdict)
		assert.Equal(t, []history.Operation{planted}, never.Offending)
		assert.Equal(t, check.Holds, r.SomeStale().Verdict)
		assert.Equal(t, check.Holds, r.NoneOlderThan(age).Verdict)
		assert.Equal(t, check.Violated, r.NoneOlderThan(age-1).Verdict)
	})
}

func TestStalenessFindsTheOneUnexpectedRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := linearizable(t)
		planted := history.Operation{Key: "x", Kind: history.Read, Value: 1000, Start: 5000, End: 5001, Outcome: history.OK}
		if rapid.Bool().Draw(t, "failed") {
			h = append(h, history.Operation{Key: "x", Kind: history.Write, Value: 1000, Start: 4000, End: 4001, Outcome: history.Failed})
		}
		h = shuffled(append(h, planted), rapid.Uint64().Draw(t, "order"))
		r := check.Staleness(h, h)
		assert.Empty(t, r.Stale)
		assert.Equal(t, []history.Operation{planted}, r.NothingUnexpected().Offending)
		assert.Equal(t, check.Unknown, r.NeverStale().Verdict)
	})
}

// TestStalenessIsWhatItsDefinitionSays compares with the definition, written down as it reads, on histories that need not make sense.
func TestStalenessIsWhatItsDefinitionSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		writes, reads := anything(t, history.Write), anything(t, history.Read)
		seed := rapid.Uint64().Draw(t, "order")
		r := check.Staleness(shuffled(writes, seed), shuffled(reads, seed))
		wantStale, wantUnexpected := 0, 0
		wantOldest := time.Duration(0)
		for _, read := range reads.Filter(func(op history.Operation) bool { return op.Outcome == history.OK }) {
			var ended time.Duration = -1 // the initial value's
			written := read.Value == 0
			for _, w := range writes {
				if w.Key == read.Key && w.Value == read.Value && w.Outcome != history.Failed {
					written, ended = true, max(ended, w.EffectBy())
				}
			}
			if !written {
				wantUnexpected++
				continue
			}
			age := time.Duration(-1)
			for _, w := range writes {
				if w.Key == read.Key && w.Outcome == history.OK && w.Start > ended && w.End < read.Start {
					age = max(age, read.Start-w.End)
				}
			}
			if age >= 0 {
				wantStale++
				wantOldest = max(wantOldest, age)
			}
		}
		assert.Len(t, r.Stale, wantStale)
		assert.Len(t, r.Unexpected, wantUnexpected)
		assert.Equal(t, wantOldest, r.Oldest())

		var want []check.Lag
		for _, w := range writes.Sorted() {
			if w.Outcome != history.OK {
				continue
			}
			lag := check.Lag{Write: w}
			last := time.Duration(0)
			for _, read := range reads.Sorted() {
				if read.Key != w.Key || read.Outcome != history.OK {
					continue
				}
				last = read.Start
				shows := slices.ContainsFunc(writes, func(by history.Operation) bool {
					return by.Key == w.Key && by.Value == read.Value && by.Outcome != history.Failed && (by.Value == w.Value || by.Start > w.End)
				})
				if shows && !lag.Seen {
					lag.Lag, lag.Seen = max(0, read.Start-w.End), true
				}
			}
			if !lag.Seen {
				lag.Lag = max(0, last-w.End)
			}
			want = append(want, lag)
		}
		assert.ElementsMatch(t, want, r.Lags())
	})
}

func TestStalenessIsOfRegisters(t *testing.T) {
	r := check.Staleness(history.History{}, history.History{})
	all := history.Window{To: history.Open}
	for _, result := range []check.Result{r.NeverStale(), r.SomeStale(), r.SeenWithin(time.Second, all)} {
		assert.True(t, result.Registers, result.Property)
	}
	assert.True(t, check.Linearizability(history.History{}, time.Second).Linearizable().Registers)
	assert.False(t, check.Delivery(history.History{}, history.History{}).NothingLost().Registers)
}
