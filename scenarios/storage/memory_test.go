package storage_test

import (
	"testing"
	"time"

	"assay/fixtures/pgtest"
	"assay/fixtures/redistest"
	"assay/harness"
	"assay/harness/check"
	"assay/harness/check/stat"
	"assay/harness/history"
)

// Claim 2.2: memory answers faster than disk, and the gap is the design space.
//
//	client ────► redis: values in memory
//	client ────► postgres ──┬── pages in turn, more than its buffers hold ────► disk of its own
//	client ────► postgres ──┴── one page, again and again (the control): it stays in the buffers
//
// The disk is as fast as memory, since it is one; then an access to it takes its time, and each page takes one: it comes past the page
// cache of the kernel, which would have it in memory still. It is the same database, query and disk for the control, which needs no
// access: where the data is makes the gap, and not which system answers. (The kernel counts accesses in tenths of a second: of
// shorter ones it would let several through at once.)
func TestMemoryAnswersFasterThanDisk(t *testing.T) {
	t.Parallel()
	env := harness.New(t, harness.Claim{ID: "2.2", Says: "memory answers faster than disk, and the gap is the design space"})
	access, reads := env.Knob("access", 100*time.Millisecond), env.KnobInt("reads", 20)

	redis, postgres := redistest.Start(env), pgtest.Start(env, pgtest.OnDisk(), pgtest.SmallCache())
	memory, disk, buffers := redis.Writer("memory"), postgres.Pages("disk", reads+2*pgtest.Buffers), postgres.Pages("buffers", 1)
	quick := func(ops history.Source) check.Result {
		took := check.Latency(ops)
		return check.That("an answer takes less than half an access to the disk", took > 0 && took < access/2, "it takes %v", took)
	}

	env.Step("steady state: the disk is quick")
	memory.Write(reads)
	env.Calm(quick(memory.Get(reads)), quick(disk.Read(reads)), quick(buffers.Read(reads)))

	env.Step("fault: the disk is slow")
	slow := postgres.Disk().Slow(access)
	fromMemory, fromDisk, fromBuffers := memory.Get(10*reads), disk.Read(reads), buffers.Read(10*reads)

	env.Step("heal")
	env.Heal(slow)
	env.Await("the disk is quick", harness.ResultHolds(func() check.Result { return quick(disk.Read(reads)) }))

	env.Step("verdict")
	const property = "memory is ahead by an access to the disk"
	gap := float64(access) / float64(check.Latency(fromMemory))
	times := func(ops history.Source) stat.Estimate {
		return stat.MedianRatio(check.Latencies(ops), check.Latencies(fromMemory), 0.99, env.Rand().Uint64())
	}
	held, broke := times(fromDisk), times(fromBuffers)
	ahead := func(r stat.Estimate) check.Result {
		return check.That(property, r.Interval.Low >= gap/2, "an access takes as long as %.0f answers from memory, an answer as %v", gap, r)
	}
	ratio := func(x float64) harness.Quantity { return harness.Number(x, "times") }
	env.Measure("the page from the disk against memory, medians", ratio(held.Value), harness.Between(ratio(gap/2), ratio(2*gap)))
	env.Measure("the page from the buffers against memory, at most", ratio(broke.Interval.High), harness.AtMost(ratio(gap/2)))
	env.Holds(property, ahead(held))
	env.Breaks(property, "the page is in the database's buffers", ahead(broke))
}
