package history_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"assay/harness/history"
)

func TestRecorderRecords(t *testing.T) {
	rec := history.New()
	before := rec.Now()
	producer := rec.Client("producer", "link", "broker")
	consumer := rec.Client("consumer")

	published := producer.Begin(history.Publish, "orders", 1)
	pending := rec.History()
	require.Len(t, pending, 1)
	assert.Equal(t, history.Unknown, pending[0].Outcome)
	assert.Equal(t, history.Open, pending[0].End)

	consumer.Event(history.Deliver, "orders", 1, 2)
	published.End(history.OK, nil)
	producer.Begin(history.Publish, "orders", 2).End(history.Unknown, errors.New("timed out"))
	consumer.Begin(history.Read, "stock", 0).EndRead(7, nil)
	consumer.Begin(history.Read, "stock", 0).EndRead(7, errors.New("refused"))

	h := rec.History()
	require.Len(t, h, 5)
	last := before
	for i := range h {
		op := &h[i]
		assert.GreaterOrEqual(t, op.Start, last)
		assert.GreaterOrEqual(t, op.End, op.Start)
		assert.Less(t, op.End, rec.Now()+1)
		last = op.Start
		op.Start, op.End = 0, 0
	}
	assert.Equal(t, history.History{
		{Client: "producer", Kind: history.Publish, Key: "orders", Value: 1, Outcome: history.OK},
		{Client: "consumer", Kind: history.Deliver, Key: "orders", Value: 1, Attempt: 2, Outcome: history.OK},
		{Client: "producer", Kind: history.Publish, Key: "orders", Value: 2, Outcome: history.Unknown, Err: "timed out"},
		{Client: "consumer", Kind: history.Read, Key: "stock", Value: 7, Outcome: history.OK},
		{Client: "consumer", Kind: history.Read, Key: "stock", Outcome: history.Failed, Err: "refused"},
	}, h)
	assert.Len(t, producer.History(), 2)
	assert.Equal(t, []*history.Client{producer, consumer}, rec.Clients())
	assert.Equal(t, "producer", producer.Name())
	assert.Equal(t, []string{"link", "broker"}, producer.Via())
	assert.Empty(t, consumer.Via())
}

func TestClientNamesAreUnique(t *testing.T) {
	rec := history.New()
	var names []string
	for _, name := range []string{"writer", "writer", "writer#2", "writer", "reader"} {
		names = append(names, rec.Client(name).Name())
	}
	assert.Equal(t, []string{"writer", "writer#2", "writer#2#2", "writer#3", "reader"}, names)
}

func TestTheFirstEndCounts(t *testing.T) {
	c := history.New().Client("writer")
	op := c.Begin(history.Write, "x", 1)
	op.End(history.Unknown, errors.New("timed out"))
	ended := c.History()
	op.End(history.OK, nil)
	op.EndRead(9, nil)
	assert.Equal(t, ended, c.History())
}

// Long enough for many chunks, with the first operation pending all the while.
func TestRecorderKeepsEverything(t *testing.T) {
	const n = 10_000
	c := history.New().Client("writer")
	first := c.Begin(history.Write, "x", 1)
	for i := range n {
		c.Begin(history.Write, "x", int64(i+2)).End(history.OK, nil)
	}
	first.End(history.Failed, nil)
	h := c.History()
	require.Len(t, h, n+1)
	for i, op := range h {
		assert.Equal(t, int64(i+1), op.Value)
	}
	assert.Equal(t, history.Failed, h[0].Outcome)
}

// While clients pass a message on to one another, every snapshot shows each step only with the steps before it.
func TestSnapshotIsAConsistentCut(t *testing.T) {
	const clients, laps = 8, 500
	rec := history.New()
	var ring [clients]chan int64
	for i := range ring {
		ring[i] = make(chan int64, 1)
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	for i := range clients {
		c := rec.Client(fmt.Sprint("client-", i))
		wg.Go(func() {
			for range laps {
				step := <-ring[i] + 1
				c.Begin(history.Write, "step", step).End(history.OK, nil)
				ring[(i+1)%clients] <- step
			}
		})
	}
	ring[0] <- 0
	go func() { wg.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		h := rec.History()
		for i, op := range h {
			require.Equal(t, int64(i+1), op.Value)
			if i < len(h)-1 {
				require.Equal(t, history.OK, op.Outcome, "the next step began after this one had ended")
			}
		}
		if !running {
			require.Len(t, h, clients*laps)
		}
	}
}

// One client, used by several goroutines, which end each other's operations while snapshots are taken.
func TestClientIsSafeForConcurrentUse(t *testing.T) {
	const goroutines, each = 8, 1000
	rec := history.New()
	c := rec.Client("shared")
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for i := range each {
				op := c.Begin(history.Write, "x", int64(g*each+i+1))
				var ends sync.WaitGroup
				ends.Go(func() { op.End(history.OK, nil) })
				op.End(history.OK, nil)
				ends.Wait()
			}
		})
	}
	for range 50 {
		h := c.History()
		for i := 1; i < len(h); i++ {
			require.LessOrEqual(t, h[i-1].Start, h[i].Start)
		}
	}
	wg.Wait()
	assert.Len(t, c.History().Filter(func(op history.Operation) bool { return op.Outcome == history.OK }), goroutines*each)
}

func TestRecordingAllocatesAtMostOnce(t *testing.T) {
	c := history.New().Client("writer")
	assert.LessOrEqual(t, testing.AllocsPerRun(10_000, func() {
		c.Begin(history.Write, "x", 1).End(history.OK, nil)
	}), 1.0)
	assert.LessOrEqual(t, testing.AllocsPerRun(10_000, func() { c.Event(history.Deliver, "x", 1, 1) }), 1.0)
}

func TestTimesAreMonotonic(t *testing.T) {
	rec := history.New()
	now := rec.Now()
	assert.GreaterOrEqual(t, now, time.Duration(0))
	assert.GreaterOrEqual(t, rec.Now(), now)
}
