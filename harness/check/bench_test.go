package check_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"assay/harness/check"
	"assay/harness/history"
)

var sizes = []int{10_000, 100_000, 1_000_000}

// BenchmarkDelivery checks deliveries of as many operations, half of them publishes, by four producers to two streams. The budget is one
// second for 10⁶, and time linear in their number.
func BenchmarkDelivery(b *testing.B) {
	for _, n := range sizes {
		producers := []string{"p1", "p2", "p3", "p4"}
		streams := []string{"orders", "invoices"}
		var sent, received history.History
		for i := range n / 2 {
			at := time.Duration(i) * time.Microsecond
			op := history.Operation{
				Client: producers[i%len(producers)], Kind: history.Publish, Key: streams[i/7%len(streams)], Value: int64(i + 1),
				Start: at, End: at + 3*time.Microsecond, Outcome: history.OK,
			}
			if i%100 == 99 {
				op.Outcome = history.Unknown
			}
			sent = append(sent, op)
			if i%50 == 0 {
				continue // lost
			}
			received = append(received, history.Operation{
				Client: "consumer", Kind: history.Deliver, Key: op.Key, Value: op.Value, Attempt: 1, Start: at + 5, End: at + 5, Outcome: history.OK,
			})
		}
		b.Run(fmt.Sprintf("operations=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if r := check.Delivery(sent, received); r.Lost != n/100 {
					b.Fatalf("lost %d, want %d", r.Lost, n/100)
				}
			}
			perSecond(b, len(sent)+len(received))
		})
	}
}

// BenchmarkStaleness checks as many operations, half of them reads, on ten registers.
func BenchmarkStaleness(b *testing.B) {
	for _, n := range sizes {
		keys := make([]string, 10)
		for i := range keys {
			keys[i] = fmt.Sprint("register-", i)
		}
		var writes, reads history.History
		for i := range n / 2 {
			at := time.Duration(i) * time.Microsecond
			writes = append(writes, history.Operation{
				Client: "writer", Kind: history.Write, Key: keys[i%10], Value: int64(i + 1), Start: at, End: at + 500, Outcome: history.OK,
			})
			value := int64(i + 1)
			if i%100 == 99 {
				value -= 10 // the previous one of this key
			}
			reads = append(reads, history.Operation{
				Client: "reader", Kind: history.Read, Key: keys[i%10], Value: value, Start: at + 600, End: at + 700, Outcome: history.OK,
			})
		}
		b.Run(fmt.Sprintf("operations=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if r := check.Staleness(writes, reads); len(r.Stale) != n/200 {
					b.Fatalf("%d stale, want %d", len(r.Stale), n/200)
				}
			}
			perSecond(b, n)
		})
	}
}

// BenchmarkLinearizability judges 10⁴ operations of five clients on ten registers, one in a hundred of unknown outcome. The budget is half
// a second. With a stale read planted, the smallest set of operations that shows it is looked for as well.
func BenchmarkLinearizability(b *testing.B) {
	const n, clients, keys, budget = 10_000, 5, 10, 500 * time.Millisecond
	for _, stale := range []bool{false, true} {
		h := concurrent(n, clients, keys)
		if stale {
			i := slices.IndexFunc(h[n*9/10:], func(op history.Operation) bool { return op.Kind == history.Read && op.Value > 0 }) + n*9/10
			h[i].Value = h[slices.IndexFunc(h, func(op history.Operation) bool {
				return op.Key == h[i].Key && op.Kind == history.Write && op.Outcome == history.OK
			})].Value
		}
		b.Run(fmt.Sprintf("stale=%t", stale), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if r := check.Linearizability(h, time.Minute); len(r.Undecided) > 0 || len(r.Illegal) > 0 != stale {
					b.Fatal(r.Linearizable())
				}
			}
			within(b, budget)
		})
	}
}

// concurrent gives operations of clients that are always busy, which is to say that as many overlap as there are clients. Each takes effect
// in its middle.
func concurrent(n, clients, keys int) history.History {
	var h history.History
	held := make([]int64, keys)
	for i := range n {
		at, key := time.Duration(i), i/clients*7%keys
		op := history.Operation{
			Client: fmt.Sprint("c", i%clients), Kind: history.Write, Key: fmt.Sprint("register-", key), Value: int64(i + 1),
			Start: (at - time.Duration(clients-1)/2) * 1000, End: (at + time.Duration(clients-1)/2) * 1000, Outcome: history.OK,
		}
		switch {
		case i%100 == 99:
			op.Outcome = history.Unknown
		case i%2 == 0:
			op.Kind, op.Value = history.Read, held[key]
		case i%5 == 0:
			op.Kind, op.Expected = history.CompareAndSet, held[key]
		}
		if op.Kind != history.Read {
			held[key] = op.Value
		}
		h = append(h, op)
	}
	return h
}

// within fails the benchmark if one turn takes longer than its budget.
func within(b *testing.B, budget time.Duration) {
	if took := b.Elapsed() / time.Duration(b.N); took > budget {
		b.Errorf("took %s, over the budget of %s", took, budget)
	}
}

func perSecond(b *testing.B, operations int) {
	b.ReportMetric(float64(operations)*float64(b.N)/b.Elapsed().Seconds(), "operations/s")
}
