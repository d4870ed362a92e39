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

func TestBank(t *testing.T) {
	try(t, []trial{
		{
			name: "snapshots by two clients at once",
			ops: `
				x read a/60 1.000 1.100 ok
				y read a/50 1.010 1.110 ok
				x read b/40 1.020 1.120 ok
				y read b/50 1.030 1.130 ok
				x read a/100 2.000 2.100 ok
				x read b/0 2.001 2.100 ok`,
			verdict: check.Holds, summary: "each of 3 snapshots adds up to 100",
		}, {
			name: "what else the client has in flight is no part of it",
			ops: `
				x read a/60 1.000 1.100 ok
				x write b/7 1.001 1.100 ok
				x read c/7 1.001 1.100 ok
				x read b/40 1.002 1.100 ok`,
			verdict: check.Holds, summary: "each of 1 snapshots adds up to 100",
		}, {
			name: "half a transfer",
			ops: `
				x read a/60 1.000 1.100 ok
				x read b/40 1.020 1.120 ok
				x read a/50 2.000 2.100 ok
				x read b/40 2.001 2.100 ok`,
			verdict: check.Violated, summary: "1 of 2 snapshots do not add up to 100 (first: 90, read by x at 2.000s)",
			offending: []string{"x: read a/50 [2.000s, 2.100s] ok", "x: read b/40 [2.001s, 2.100s] ok"},
		}, {
			name: "reads one after the other are no snapshot, though the clock has not moved between them",
			ops: `
				x read a/60 1.000 1.100 ok
				x read b/50 1.100 1.300 ok`,
			verdict: check.Unknown, summary: "no snapshot has all accounts, 2 have some",
		}, {
			name: "nor are those of which one failed, or which lack an account",
			ops: `
				x read a/60 1.000 1.100 failed
				x read b/50 1.000 1.100 ok
				y read c/50 1.000 1.100 ok
				y write a/50 1.000 1.100 ok
				y read b/50 1.000 … unknown
				z read a/50 1.000 1.100 ok`,
			verdict: check.Unknown, summary: "no snapshot has all accounts, 3 have some",
		}, {
			name: "two snapshots that touch",
			ops: `
				x read a/60 1.000 1.100 ok
				x read b/40 1.000 1.100 ok
				x read a/70 1.100 1.200 ok
				x read b/30 1.100 1.200 ok`,
			verdict: check.Holds, summary: "each of 2 snapshots adds up to 100",
		},
	}, func(h history.History) check.Result { return check.Bank(h, 100, "a", "b").Conserved() })
}

func TestBankFindsTheOneSnapshotThatIsWrong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		accounts := []string{"a", "b", "c"}
		var h history.History
		n := rapid.IntRange(1, 20).Draw(t, "snapshots")
		wrong := rapid.IntRange(-1, n-1).Draw(t, "wrong")
		for i := range n {
			left := int64(300)
			client := rapid.SampledFrom([]string{"x", "y"}).Draw(t, "client")
			at := time.Duration(i) * time.Second
			if client == "y" {
				at += time.Duration(rapid.IntRange(-300, 300).Draw(t, "shift")) * time.Millisecond
			}
			for j, account := range accounts {
				balance := rapid.Int64Range(-50, left).Draw(t, "balance")
				if j == len(accounts)-1 {
					balance = left
				}
				left -= balance
				h = append(h, history.Operation{Client: client, Kind: history.Read, Key: account, Value: balance,
					Start: at + time.Duration(j), End: at + 500*time.Millisecond + time.Duration(j), Outcome: history.OK})
			}
			if i == wrong {
				h[len(h)-1].Value += rapid.SampledFrom([]int64{-1, 1, 100}).Draw(t, "off")
			}
		}
		last := h[len(h)-3].Value + h[len(h)-2].Value + h[len(h)-1].Value
		if rapid.Bool().Draw(t, "one more, of one account") {
			h = append(h, history.Operation{Client: "x", Kind: history.Read, Key: "a", Value: 7, Start: time.Hour, End: time.Hour + 1, Outcome: history.OK})
		}
		r := check.Bank(shuffled(h, rapid.Uint64().Draw(t, "order")), 300, accounts...)
		assert.Equal(t, n, r.Snapshots)
		assert.Equal(t, last, r.Last)
		if wrong < 0 {
			assert.Equal(t, check.Holds, r.Conserved().Verdict)
			return
		}
		assert.Equal(t, check.Violated, r.Conserved().Verdict)
		assert.Equal(t, 1, r.Conserved().Violations)
		assert.Equal(t, []history.Operation(h[3*wrong:3*wrong+3]), r.Conserved().Offending)
	})
}

func TestSet(t *testing.T) {
	try(t, []trial{
		{
			name: "all there, and one of unknown outcome",
			ops: `
				w write set/1 1.000 1.100 ok
				w write set/2 1.200 1.300 unknown
				w write set/3 1.400 1.500 unknown
				w write set/4 1.600 1.700 failed
				r read set/1 2.000 2.100 ok
				r read set/2 2.000 2.100 ok`,
			verdict: check.Holds, summary: "all 1 acknowledged are there, with 1 of unknown outcome",
		}, {
			name: "one lost, and one that was refused",
			ops: `
				w write set/1 1.000 1.100 ok
				w write set/2 1.200 1.300 ok
				w write set/4 1.600 1.700 failed
				r read set/1 2.000 2.100 ok
				r read set/4 2.000 2.100 ok`,
			verdict:   check.Violated,
			summary:   "of 2 acknowledged and 2 found: 1 lost (first: set/2 written at 1.200s), 1 unexpected (first: set/4 at 2.000s, whose sending failed)",
			offending: []string{"w: write set/2 [1.200s, 1.300s] ok", "r: read set/4 [2.000s, 2.100s] ok"},
		}, {
			name: "found empty",
			ops: `
				w write set/1 1.000 1.100 ok
				r read set/0 2.000 2.100 ok`,
			verdict:   check.Violated,
			summary:   "of 1 acknowledged and 0 found: 1 lost (first: set/1 written at 1.000s), 0 unexpected",
			offending: []string{"w: write set/1 [1.000s, 1.100s] ok"},
		}, {
			name: "not looked at",
			ops: `
				w write set/1 1.000 1.100 ok
				r read set/0 2.000 2.100 failed`,
			verdict: check.Unknown, summary: "nobody looked at the set",
		}, {
			name: "nothing added",
			ops: `
				w write set/1 1.000 1.100 unknown
				r read set/1 2.000 2.100 ok`,
			verdict: check.Unknown, summary: "none of 1 published was acknowledged",
		},
	}, func(h history.History) check.Result { return check.Set(h, h).Complete() })
}

func TestCounter(t *testing.T) {
	try(t, []trial{
		{
			name: "within bounds",
			ops: `
				a add hits/1 1.000 1.100 ok
				b add hits/2 1.000 1.100 unknown
				c add hits/4 1.000 1.100 failed
				a add hits/8 2.000 2.200 ok
				r read hits/0 0.500 1.050 ok
				r read hits/3 1.500 1.600 ok
				r read hits/9 2.100 2.150 ok
				r read hits/11 3.000 3.100 ok
				r read other/0 3.000 3.100 ok`,
			verdict: check.Holds, summary: "5 reads agree with 2 increments, to within 10 or less",
		}, {
			name: "an acknowledged one lost, a failed one counted, one counted before it began",
			ops: `
				a add hits/1 1.000 1.100 ok
				b add hits/2 1.000 1.100 failed
				a add hits/8 2.000 2.200 ok
				r read hits/0 1.500 1.600 ok
				r read hits/3 1.500 1.600 ok
				r read hits/9 1.700 1.800 ok
				r read hits/9 3.700 3.800 ok`,
			verdict: check.Violated, summary: "3 of 4 reads are off (first: hits/0 at 1.500s, which must be from 1 to 1)",
			offending: []string{"r: read hits/0 [1.500s, 1.600s] ok", "r: read hits/3 [1.500s, 1.600s] ok", "r: read hits/9 [1.700s, 1.800s] ok"},
		}, {
			name: "what ends just when the read begins may count or not",
			ops: `
				a add hits/1 1.000 1.100 ok
				r read hits/0 1.100 1.200 ok
				r read hits/1 1.100 1.200 ok
				r read hits/2 1.100 1.200 ok
				a add hits/1 1.200 1.300 ok`,
			verdict: check.Holds, summary: "3 reads agree with 2 increments, to within 2 or less",
		}, {
			name: "down as well as up",
			ops: `
				a add hits/5 1.000 1.100 ok
				a add hits/-3 1.200 1.300 unknown
				r read hits/2 2.000 2.100 ok
				r read hits/5 2.000 2.100 ok`,
			verdict: check.Holds, summary: "2 reads agree with 1 increments, to within 3 or less",
		}, {
			name: "but not that far",
			ops: `
				a add hits/5 1.000 1.100 ok
				a add hits/-3 1.200 1.300 unknown
				r read hits/1 2.000 2.100 ok`,
			verdict: check.Violated, summary: "1 of 1 reads are off (first: hits/1 at 2.000s, which must be from 2 to 5)",
			offending: []string{"r: read hits/1 [2.000s, 2.100s] ok"},
		},
		{name: "nothing read", ops: `a add hits/5 1.000 1.100 ok`, verdict: check.Unknown, summary: "nothing was read"},
		{name: "nothing added", ops: `r read hits/0 1.000 1.100 ok`, verdict: check.Unknown, summary: "no increment was acknowledged"},
	}, func(h history.History) check.Result { return check.Counter(h, h).Bounded() })
}

func TestCounterFindsTheOneReadThatIsOff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h history.History
		var reads []int
		counts := map[string]int64{}
		for i := range rapid.IntRange(2, 40).Draw(t, "operations") {
			moment := time.Duration(10 * (i + 10))
			op := history.Operation{
				Client: "c", Kind: history.Add, Key: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "key"), Outcome: history.OK,
				Start: moment - time.Duration(rapid.IntRange(0, 60).Draw(t, "before")), End: moment + time.Duration(rapid.IntRange(0, 60).Draw(t, "after")),
			}
			if rapid.Bool().Draw(t, "read") {
				op.Kind, op.Value = history.Read, counts[op.Key]
				reads = append(reads, len(h))
			} else {
				op.Value = rapid.Int64Range(-5, 9).Draw(t, "amount")
				switch rapid.IntRange(0, 4).Draw(t, "fate") {
				case 0:
					op.Outcome = history.Failed
				case 1:
					op.Outcome, op.End = history.Unknown, op.Start
					if rapid.Bool().Draw(t, "counts") {
						counts[op.Key] += op.Value
					}
				default:
					counts[op.Key] += op.Value
				}
			}
			h = append(h, op)
		}
		assert.Empty(t, check.Counter(h, h).Off)
		at := pick(t, reads, "reads")
		low, high := allowed(h, h[at])
		h[at].Value = rapid.SampledFrom([]int64{low, high}).Draw(t, "just right")
		assert.Empty(t, check.Counter(h, h).Off)
		h[at].Value = rapid.SampledFrom([]int64{low - 1, high + 1, -1000, 1000}).Draw(t, "off")
		mixed := shuffled(h, rapid.Uint64().Draw(t, "order"))
		r := check.Counter(mixed, mixed).Bounded()
		assert.Equal(t, 1, r.Violations)
		assert.Equal(t, []history.Operation{h[at]}, r.Offending)
	})
}

// allowed tells between what the read must lie, by trying for each increment whether it counts.
func allowed(h history.History, read history.Operation) (low, high int64) {
	for _, add := range h.Of(history.Add) {
		if add.Key != read.Key || add.Outcome == history.Failed || add.Start > read.End {
			continue
		}
		if add.Outcome == history.OK && add.End < read.Start {
			low, high = low+add.Value, high+add.Value
			continue
		}
		low, high = min(low, low+add.Value), max(high, high+add.Value)
	}
	return low, high
}

func TestOrder(t *testing.T) {
	const sent = `
		p publish orders/1 1.000 1.010 ok
		p publish orders/2 1.100 1.110 unknown
		p publish orders/3 1.200 1.210 ok
		q publish orders/4 1.300 1.310 ok
		p publish orders/5 1.400 1.410 failed
	`
	try(t, []trial{
		{
			name: "two consumers, redeliveries, and a client of which nothing is known relative to the other",
			ops: sent + `
				c deliver orders/4 2.000
				c deliver orders/1 2.001
				d deliver orders/2 2.002
				c deliver orders/2 2.003
				c deliver orders/1 2.004
				d deliver orders/3 2.005`,
			verdict: check.Holds, summary: "5 messages came in order, none of 2 pairs is inverted",
		}, {
			name: "in reverse",
			ops: sent + `
				c deliver orders/3 2.001
				c deliver orders/2 2.003
				c deliver orders/1 2.004
				d deliver orders/1 2.005`,
			verdict:   check.Violated,
			summary:   "2 of 4 messages came late, 3 of 3 pairs are inverted (first: orders/2 sent at 1.100s, arrived at c at 2.003s)",
			offending: []string{"c: deliver orders/2 at 2.003s ok", "c: deliver orders/1 at 2.004s ok"},
		}, {
			name: "one late message passes two",
			ops: sent + `
				c deliver orders/2 2.001
				c deliver orders/3 2.003
				c deliver orders/1 2.004`,
			verdict:   check.Violated,
			summary:   "1 of 3 messages came late, 2 of 3 pairs are inverted (first: orders/1 sent at 1.000s, arrived at c at 2.004s)",
			offending: []string{"c: deliver orders/1 at 2.004s ok"},
		}, {
			name: "nothing to compare",
			ops: sent + `
				c deliver orders/1 2.001
				d deliver orders/2 2.002
				c deliver orders/5 2.003
				c deliver orders/9 2.004`,
			verdict: check.Unknown, summary: "no two messages of one client and key arrived at one consumer",
		},
	}, func(h history.History) check.Result { return check.Order(h, h).InOrder() })
}

func TestOrderCountsInversionsAsOneByOneWould(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 60).Draw(t, "messages")
		var sent, received history.History
		var values []int64
		for i := range n {
			at := time.Duration(i/2 + 1) // two at a time, which have no order
			sent = append(sent, history.Operation{Client: "p", Kind: history.Publish, Key: "k", Value: int64(i + 1), Start: at, End: at, Outcome: history.OK})
			values = append(values, int64(i+1))
		}
		values = rapid.Permutation(values).Draw(t, "arrivals")
		var want int64
		for i, v := range values {
			at := time.Hour + time.Duration(i)
			received = append(received, history.Operation{Client: "c", Kind: history.Deliver, Key: "k", Value: v, Start: at, End: at, Outcome: history.OK})
			for _, before := range values[:i] {
				if (before-1)/2 > (v-1)/2 {
					want++
				}
			}
		}
		r := check.Order(shuffled(sent, 1), shuffled(received, 2))
		assert.Equal(t, want, r.Inversions)
		assert.Equal(t, int64(n*(n-1)/2), r.Pairs)
		assert.Equal(t, want > 0, r.InOrder().Verdict == check.Violated, fmt.Sprint(values))
	})
}
