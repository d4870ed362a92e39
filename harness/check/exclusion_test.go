package check_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"assay/harness/check"
	"assay/harness/history"
)

func TestLeaders(t *testing.T) {
	try(t, []trial{
		{
			name: "one after the other, and two at a time in different terms",
			ops: `
				n1 lead etcd/2 1.000
				n1 lead etcd/2 1.100
				n2 lead etcd/3 1.200
				n1 lead etcd/2 1.300
				n1 lead other/3 1.300`,
			verdict: check.Holds, summary: "each of 3 terms had one leader, in 5 observations",
		}, {
			name: "two in one term",
			ops: `
				n1 lead etcd/2 1.000
				n1 lead etcd/2 1.100
				n2 lead etcd/3 1.200
				n3 lead etcd/2 1.300`,
			verdict: check.Violated, summary: "1 of 2 terms had more than one leader (first: etcd/2 led by n1 and n3)",
			offending: []string{"n1: lead etcd/2 at 1.000s ok", "n3: lead etcd/2 at 1.300s ok"},
		},
		{name: "nobody", ops: `n1 write etcd/2 1.000 1.100 ok`, verdict: check.Unknown, summary: "nobody was seen to lead"},
	}, func(h history.History) check.Result { return check.Leaders(h).OneATerm() })
}

func TestLeadersFindsTheOneUsurper(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h history.History
		for i := range rapid.IntRange(1, 30).Draw(t, "observations") {
			term := rapid.Int64Range(1, 6).Draw(t, "term")
			h = append(h, lead(fmt.Sprint("n", term%3), term, time.Duration(i)))
		}
		assert.Equal(t, check.Holds, check.Leaders(h).OneATerm().Verdict)
		of := rapid.SampledFrom(h).Draw(t, "of")
		usurper := lead("usurper", of.Value, time.Hour)
		r := check.Leaders(shuffled(append(h, usurper), rapid.Uint64().Draw(t, "order"))).OneATerm()
		assert.Equal(t, 1, r.Violations)
		assert.Len(t, r.Offending, 2)
		assert.Contains(t, r.Offending, usurper)
	})
}

func lead(node string, term int64, at time.Duration) history.Operation {
	return history.Operation{Client: node, Kind: history.Lead, Key: "group", Value: term, Start: at, End: at, Outcome: history.OK}
}

func TestExclusion(t *testing.T) {
	try(t, []trial{
		{
			name: "one after the other",
			ops: `
				a hold lock/1 1.000 2.000 ok
				b hold lock/2 2.000 3.000 unknown
				a hold lock/3 3.500 … unknown
				b hold lock/4 4.000 5.000 failed
				b hold other/5 1.500 5.000 ok`,
			verdict: check.Holds, summary: "none of 4 critical sections of 2 clients overlap",
		}, {
			name: "two at once",
			ops: `
				a hold lock/1 1.000 2.000 ok
				b hold lock/2 1.800 3.000 ok
				a hold lock/3 3.500 3.600 ok`,
			verdict:   check.Violated,
			summary:   "1 of 3 critical sections began inside another's, for up to 200ms (first: b got lock at 1.800s, while a had it)",
			offending: []string{"a: hold lock/1 [1.000s, 2.000s] ok", "b: hold lock/2 [1.800s, 3.000s] ok"},
		}, {
			name: "a holder that never gives it back",
			ops: `
				a hold lock/1 1.000 … unknown
				a hold lock/1 1.500 1.600 ok
				b hold lock/2 1.800 3.000 ok`,
			verdict:   check.Violated,
			summary:   "1 of 3 critical sections began inside another's, for up to 1.2s (first: b got lock at 1.800s, while a had it)",
			offending: []string{"a: hold lock/1 [1.000s, …) unknown", "b: hold lock/2 [1.800s, 3.000s] ok"},
		},
		{
			name: "when the history ends, two have it",
			ops: `
				a hold lock/1 1.000 … unknown
				b hold lock/2 1.800 … unknown`,
			verdict:   check.Violated,
			summary:   "1 of 2 critical sections began inside another's, for up to 0s (first: b got lock at 1.800s, while a had it)",
			offending: []string{"a: hold lock/1 [1.000s, …) unknown", "b: hold lock/2 [1.800s, …) unknown"},
		},
		{
			name: "one client, also within itself",
			ops: `
				a hold lock/1 1.000 3.000 ok
				a hold lock/1 1.500 1.900 ok
				a hold lock/1 1.700 1.800 ok`,
			verdict: check.Unknown, summary: "only one client held a lock, 3 times",
		},
		{name: "nobody", ops: `a hold lock/1 1.000 3.000 failed`, verdict: check.Unknown, summary: "nobody held a lock"},
	}, func(h history.History) check.Result { return check.Exclusion(h).OneAtATime() })
}

// Each section is compared with all others, which takes longer and cannot miss one.
func TestExclusionFindsWhatComparingAllPairsFinds(t *testing.T) {
	found := map[bool]int{}
	rapid.Check(t, func(t *rapid.T) {
		var h history.History
		for i := range rapid.IntRange(1, 12).Draw(t, "sections") {
			start := time.Duration(rapid.IntRange(0, 60).Draw(t, "start")*100 + i) // no two begin at the same time
			h = append(h, history.Operation{
				Client: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "client"), Kind: history.Hold, Outcome: history.OK,
				Key: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "lock"), Value: int64(i + 1),
				Start: start, End: start + time.Duration(rapid.IntRange(0, 30).Draw(t, "held")*100),
			})
			if rapid.IntRange(0, 9).Draw(t, "open") == 0 {
				h[i].End, h[i].Outcome = history.Open, history.Unknown
			}
		}
		var end time.Duration
		for _, op := range h {
			end = max(end, op.Start)
			if op.End != history.Open {
				end = max(end, op.End)
			}
		}
		inside := map[int64]bool{}
		var longest time.Duration
		for _, op := range h {
			for _, other := range h {
				if op.Key == other.Key && op.Client != other.Client && other.Start < op.Start && op.Start < other.End && op.Start < op.End {
					inside[op.Value] = true
					longest = max(longest, min(op.End, other.End, end)-op.Start)
				}
			}
		}
		r := check.Exclusion(shuffled(h, rapid.Uint64().Draw(t, "order")))
		got := map[int64]bool{}
		for _, o := range r.Overlaps {
			got[o.Section.Value] = true
			assert.NotEqual(t, o.Section.Client, o.Other.Client)
		}
		assert.Equal(t, inside, got)
		assert.Equal(t, longest, r.Longest())
		found[len(inside) > 0]++
	})
	assert.NotZero(t, found[true])
	assert.NotZero(t, found[false])
}

func TestFencing(t *testing.T) {
	try(t, []trial{
		{
			name: "the old holder writes until the new one has, and is refused then",
			ops: `
				a write file/1 1.000 1.100 ok
				b write file/2 1.050 2.000 ok
				a write file/1 1.900 2.100 ok
				a write file/1 2.200 2.300 failed
				a write file/1 2.400 2.500 unknown
				b write file/2 2.600 2.700 ok
				a write other/1 2.600 2.700 ok`,
			verdict: check.Holds, summary: "none of 2 writes that came after one with a higher token was accepted, 5 others were",
		}, {
			name: "the old holder writes after the new one",
			ops: `
				a write file/1 1.000 1.100 ok
				b write file/2 1.050 2.000 ok
				a write file/1 2.200 2.300 ok
				a write file/1 2.400 2.500 failed`,
			verdict:   check.Violated,
			summary:   "1 of 2 writes that came after one with a higher token were accepted (first: file/1 by a at 2.200s, after 2 by b at 2.000s)",
			offending: []string{"b: write file/2 [1.050s, 2.000s] ok", "a: write file/1 [2.200s, 2.300s] ok"},
		}, {
			name: "an even higher token that is under way does not hide the one that was accepted",
			ops: `
				c write file/3 1.000 3.000 ok
				b write file/2 1.100 1.200 ok
				a write file/1 1.500 1.600 ok`,
			verdict:   check.Violated,
			summary:   "1 of 1 writes that came after one with a higher token were accepted (first: file/1 by a at 1.500s, after 2 by b at 1.200s)",
			offending: []string{"b: write file/2 [1.100s, 1.200s] ok", "a: write file/1 [1.500s, 1.600s] ok"},
		}, {
			name: "a write of unknown outcome makes no other one stale",
			ops: `
				b write file/2 1.050 2.000 unknown
				a write file/1 2.200 2.300 ok`,
			verdict: check.Unknown, summary: "nobody tried to write after one with a higher token, 1 writes were accepted",
		},
	}, func(h history.History) check.Result { return check.Fencing(h).NothingStale() })
}

func TestFencingFindsTheOneStaleWrite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h history.History
		token := int64(1)
		for i := range rapid.IntRange(2, 30).Draw(t, "writes") {
			at := time.Duration(i * 10)
			token += rapid.Int64Range(0, 2).Draw(t, "step")
			h = append(h, history.Operation{Client: "c", Kind: history.Write, Key: "file", Value: token, Start: at, End: at + 5, Outcome: history.OK})
			if rapid.Bool().Draw(t, "late") {
				h = append(h, history.Operation{Client: "d", Kind: history.Write, Key: "file", Value: token - 1, Start: at + 6, End: at + 7, Outcome: history.Failed})
			}
		}
		honest := check.Fencing(shuffled(h, rapid.Uint64().Draw(t, "order")))
		assert.Empty(t, honest.Stale)
		assert.Len(t, h, honest.Accepted+honest.Refused)
		assert.Equal(t, honest.Refused, honest.Tried)
		stale := history.Operation{Client: "late", Kind: history.Write, Key: "file", Value: token - 1, Start: time.Hour, End: time.Hour, Outcome: history.OK}
		r := check.Fencing(shuffled(append(h, stale), rapid.Uint64().Draw(t, "again"))).NothingStale()
		assert.Equal(t, 1, r.Violations)
		assert.Contains(t, r.Offending, stale)
	})
}
