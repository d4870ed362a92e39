package check_test

import (
	"fmt"
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

func perSecond(b *testing.B, operations int) {
	b.ReportMetric(float64(operations)*float64(b.N)/b.Elapsed().Seconds(), "operations/s")
}
