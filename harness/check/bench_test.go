package check_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"assay/harness/check"
	"assay/harness/history"
)

var sizes = []int{10_000, 100_000, 1_000_000}

// How many operations Delivery and Staleness must judge in a second.
const leastPerSecond = 2_000_000

// BenchmarkDelivery checks deliveries of as many operations, half of them publishes, by four producers to two streams. Scattered, each
// client's history comes after the other's, each producer has a range of numbers of its own, and what is published within 20 ms, twenty
// thousand messages, arrives in any order.
func BenchmarkDelivery(b *testing.B) {
	for _, scattered := range []bool{false, true} {
		for _, n := range sizes {
			sent, received := deliveries(n / 2)
			if scattered {
				scatter(sent, received)
			}
			b.Run(fmt.Sprintf("scattered=%t/operations=%d", scattered, n), func(b *testing.B) {
				measure(b, len(sent)+len(received), func() {
					if r := check.Delivery(sent, received); r.Lost != n/100 {
						b.Fatalf("lost %d, want %d", r.Lost, n/100)
					}
				})
			})
		}
	}
}

// deliveries gives n publishes, of which one in fifty never arrives, and what arrives of them.
func deliveries(n int) (sent, received history.History) {
	producers := []string{"p1", "p2", "p3", "p4"}
	streams := []string{"orders", "invoices"}
	for i := range n {
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
			Client: fmt.Sprint("consumer ", i%4), Kind: history.Deliver, Key: op.Key, Value: op.Value, Attempt: 1,
			Start: at + 5, End: at + 5, Outcome: history.OK,
		})
	}
	return sent, received
}

// scatter makes deliveries scattered.
func scatter(sent, received history.History) {
	lots := rand.New(rand.NewPCG(1, 2))
	for _, h := range []history.History{sent, received} {
		for i := range h {
			h[i].Value += (h[i].Value - 1) % 4 << 32
		}
	}
	for i := range received {
		received[i].Start += time.Duration(lots.Int64N(int64(20 * time.Millisecond)))
		received[i].End = received[i].Start
	}
	byClient(sent)
	byClient(received)
}

// byClient puts one client's history after the other's.
func byClient(h history.History) {
	slices.SortFunc(h, func(a, b history.Operation) int {
		return cmp.Or(strings.Compare(a.Client, b.Client), cmp.Compare(a.Start, b.Start))
	})
}

// BenchmarkStaleness checks as many operations, half of them reads, on ten registers. Scattered, they are written and read by eight clients
// each, whose histories come one after the other, and each writer has a range of numbers of its own.
func BenchmarkStaleness(b *testing.B) {
	for _, scattered := range []bool{false, true} {
		for _, n := range sizes {
			writes, reads := registers(n / 2)
			if scattered {
				for _, h := range []history.History{writes, reads} {
					for i := range h {
						h[i].Client = fmt.Sprint(h[i].Client, i%8)
						h[i].Value += (h[i].Value - 1) % 8 << 32
					}
					byClient(h)
				}
			}
			b.Run(fmt.Sprintf("scattered=%t/operations=%d", scattered, n), func(b *testing.B) {
				measure(b, n, func() {
					if r := check.Staleness(writes, reads); len(r.Stale) != n/200 {
						b.Fatalf("%d stale, want %d", len(r.Stale), n/200)
					}
				})
			})
		}
	}
}

// registers gives n writes, each of which is read, one read in a hundred being stale.
func registers(n int) (writes, reads history.History) {
	keys := make([]string, 10)
	for i := range keys {
		keys[i] = fmt.Sprint("register-", i)
	}
	for i := range n {
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
	return writes, reads
}

// BenchmarkLinearizability judges 10⁴ operations of five clients on ten registers, one in a hundred of unknown outcome. The budget is half
// a second. With a stale read planted, the smallest set of operations that shows it is looked for as well, which porcupine alone, on the
// same history, does not do.
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
		b.Run(fmt.Sprintf("stale=%t/porcupine=alone", stale), func(b *testing.B) {
			ops := forPorcupine(h)
			b.ReportAllocs()
			for b.Loop() {
				if got := porcupine.CheckOperationsTimeout(plainRegister, ops, 5*time.Second); got == porcupine.Unknown || got == porcupine.Illegal != stale {
					b.Fatal(got)
				}
			}
		})
	}
}

// forPorcupine gives a history as porcupine's own examples have it: what is of unknown outcome may take effect until the end of time.
func forPorcupine(h history.History) []porcupine.Operation {
	clients := map[string]int{}
	var ops []porcupine.Operation
	for _, op := range h {
		if _, known := clients[op.Client]; !known {
			clients[op.Client] = len(clients)
		}
		ops = append(ops, porcupine.Operation{ClientId: clients[op.Client], Input: op, Call: int64(op.Start), Return: int64(op.EffectBy())})
	}
	return ops
}

// plainRegister is the model of many registers, each by itself.
var plainRegister = porcupine.Model{
	Partition: func(ops []porcupine.Operation) [][]porcupine.Operation {
		byKey := map[string][]porcupine.Operation{}
		for _, op := range ops {
			key := op.Input.(history.Operation).Key
			byKey[key] = append(byKey[key], op)
		}
		return slices.Collect(maps.Values(byKey))
	},
	Init: func() any { return int64(0) },
	Step: func(state, input, _ any) (bool, any) {
		switch op := input.(history.Operation); {
		case op.Kind == history.Read:
			return state == op.Value, state
		case op.Kind == history.CompareAndSet && state != op.Expected:
			return op.Outcome == history.Unknown, state
		default:
			return true, op.Value
		}
	},
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

// measure has judge go through so many operations again and again, and tells how many that makes in a second, and the bytes that were taken
// for each, those that were freed on the way included.
func measure(b *testing.B, operations int, judge func()) {
	b.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for b.Loop() {
		judge()
	}
	runtime.ReadMemStats(&after)
	all := float64(operations) * float64(b.N)
	b.ReportMetric(all/b.Elapsed().Seconds(), "operations/s")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/all, "B/operation")
	if got := all / b.Elapsed().Seconds(); got < leastPerSecond {
		b.Errorf("%.0f operations a second, less than the budget of %d", got, leastPerSecond)
	}
}
