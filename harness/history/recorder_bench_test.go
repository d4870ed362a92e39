package history_test

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"assay/harness/history"
)

// BenchmarkRecord records operations, each a Begin and an End, by eight clients at once. The budget is 200 ns and 1 allocation an operation.
func BenchmarkRecord(b *testing.B) {
	record := func(c *history.Client, value int64) { c.Begin(history.Write, "register", value).End(history.OK, nil) }
	b.Run("clients=8", func(b *testing.B) { benchmarkClients(b, record) })
}

// BenchmarkEvent records instantaneous operations, such as deliveries, by eight clients at once.
func BenchmarkEvent(b *testing.B) {
	record := func(c *history.Client, value int64) { c.Event(history.Deliver, "orders", value, 1) }
	b.Run("clients=8", func(b *testing.B) { benchmarkClients(b, record) })
}

func benchmarkClients(b *testing.B, record func(*history.Client, int64)) {
	const clients = 8
	// A history of as many operations as a benchmark runs would fill the memory: a client is replaced after a long run's worth.
	const longRun = 100_000
	b.ReportAllocs()
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			var client *history.Client
			for i := range b.N/clients + 1 {
				if i%longRun == 0 {
					client = history.New().Client("writer")
				}
				record(client, int64(i+1))
			}
		})
	}
	wg.Wait()
}

// BenchmarkSnapshot takes a snapshot of a history of 10⁵ operations.
func BenchmarkSnapshot(b *testing.B) {
	rec := history.New()
	c := rec.Client("writer")
	for i := range 100_000 {
		c.Event(history.Deliver, "orders", int64(i+1), 1)
	}
	for b.Loop() {
		runtime.KeepAlive(rec.History())
	}
	b.ReportMetric(float64(b.Elapsed()/time.Duration(b.N))/100_000, "ns/operation")
}
