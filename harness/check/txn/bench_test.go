package txn_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"assay/harness/check"
	"assay/harness/check/txn"
	"assay/harness/history"
)

// What a check may take, in micro-operations on one processor; and how much longer for each of them in a history ten times as long, which
// the processor's caches no longer hold. It would be ten times if time grew with the square.
const (
	leastPerSecond = 200_000
	mostBytes      = 1000
	mostGrowth     = 5.0
)

// BenchmarkCheck checks histories of as many micro-operations: of a serial store; of one where every other transaction has overlooked the
// one before it; and of one where all have overlooked all others, the worst of tangles.
func BenchmarkCheck(b *testing.B) {
	histories := []struct {
		name string
		made func(n int) history.Txns
		want check.Verdict
	}{
		{"serial", func(n int) history.Txns { return made(n, 0) }, check.Holds},
		{"pairs", func(n int) history.Txns { return made(n, 1) }, check.Violated},
		{"tangle", tangle, check.Violated},
	}
	for _, h := range histories {
		var shorter float64 // seconds for each micro-operation
		for _, n := range []int{10_000, 100_000, 1_000_000} {
			b.Run(fmt.Sprintf("%s/operations=%d", h.name, n), func(b *testing.B) {
				txns := h.made(n)
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				for b.Loop() {
					r := txn.Check(txns, txn.WithRealTime())
					require.Equal(b, h.want, r.StrictlySerializable().Verdict, "%v", r.StrictlySerializable())
				}
				runtime.ReadMemStats(&after)
				operations := float64(n) * float64(b.N)
				bytes := float64(after.TotalAlloc-before.TotalAlloc) / operations
				each := b.Elapsed().Seconds() / operations
				b.ReportMetric(1/each, "operations/s")
				b.ReportMetric(bytes, "B/operation")
				require.GreaterOrEqual(b, 1/each, float64(leastPerSecond), "operations a second")
				require.LessOrEqual(b, bytes, float64(mostBytes), "bytes for each operation, those that were freed on the way included")
				if shorter > 0 {
					require.LessOrEqual(b, each/shorter, mostGrowth, "time for each operation against that in a shorter history")
				}
				shorter = each
			})
		}
	}
}

// tangle gives transactions that all have read one list before anything was in it, and append to it.
func tangle(n int) history.Txns {
	txns := make(history.Txns, n/2)
	for i := range txns {
		txns[i] = history.Txn{Client: "client", Start: time.Duration(i), End: time.Duration(i + n), Outcome: history.OK, Ops: []history.MicroOp{
			{Kind: history.Read, Key: "list"}, {Kind: history.Append, Key: "list", Value: int64(i + 1)},
		}}
	}
	return txns
}

// made gives transactions that each read and append to two lists of ten; a list is let go of when it has 20 values, and a new one comes.
// Each second transaction has not seen the last values, as many as it misses.
func made(n, misses int) history.Txns {
	type list struct {
		name   string
		values []int64
	}
	lists := make([]*list, 10)
	made := 0
	for i := range lists {
		lists[i] = &list{name: fmt.Sprint("list-", made)}
		made++
	}
	txns := make(history.Txns, 0, n/4)
	for i := range n / 4 {
		t := history.Txn{Client: fmt.Sprint("client-", i%8), Start: time.Duration(10 * i), End: time.Duration(10*i + 5), Outcome: history.OK}
		for j := range 2 {
			slot := (i/2*7 + j*3) % len(lists)
			l := lists[slot]
			seen := len(l.values)
			if i%2 == 1 {
				seen -= misses
			}
			value := int64(i*2 + j + 1)
			t.Ops = append(t.Ops, history.MicroOp{Kind: history.Read, Key: l.name, List: l.values[:seen:seen]},
				history.MicroOp{Kind: history.Append, Key: l.name, Value: value})
			l.values = append(l.values, value)
			if len(l.values) >= 20 && i%2 == 1 {
				lists[slot] = &list{name: fmt.Sprint("list-", made)}
				made++
			}
		}
		txns = append(txns, t)
	}
	return txns
}
