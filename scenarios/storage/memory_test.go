package storage_test

import (
	"testing"
	"time"

	"assay/fixtures/pgtest"
	"assay/fixtures/redistest"
	"assay/harness"
	"assay/harness/check"
)

// Claim 2.2: memory answers faster than disk, and the gap is the design space.
//
//	client ────► redis: values in memory
//	client ────► postgres ──┬── pages in turn, more than its buffers hold ────► disk of its own
//	client ────► postgres ──┴── one page, again and again (the control): it stays in the buffers
//
// The disk is as fast as memory, since it is one; then an access to it takes its time, and each page takes one: it
// comes past the page cache of the kernel, which would have it in memory still. It is the same database, query and disk
// for the control, which needs no access: where the data is makes the gap, and not which system answers. (The kernel
// counts accesses in tenths of a second: of shorter ones it would let several through at once.)
func TestMemoryAnswersFasterThanDisk(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "2.2", Says: "memory answers faster than disk, and the gap is the design space",
	}, func(env *harness.Env) {
		access, reads := env.Knob("access", 200*time.Millisecond), env.KnobInt("reads", 10)
		stored, kept := env.Control("disk", "the page comes from the disk"), env.Subject("buffers")

		redis, postgres := redistest.Start(env, "redis"), pgtest.Start(env, "postgres", pgtest.OnDisk(), pgtest.SmallCache())
		memory, disk := redis.Writer(env.Subject("memory")), postgres.Pages(stored, reads+2*pgtest.Buffers)
		buffers := postgres.Pages(kept, 1)

		env.Step("steady state: the disk is quick")
		memory.Write(reads)
		quickly := access / 2
		calm := disk.Read(reads)
		env.Calm(check.AnsweredWithin(quickly, memory.Get(reads)), check.AnsweredWithin(quickly, calm),
			check.AnsweredWithin(quickly, buffers.Read(reads)))

		env.Step("fault: the disk is slow")
		slow := postgres.Disk().Slow(access)
		fromMemory, fromDisk, fromBuffers := memory.Get(10*reads), disk.Read(reads), buffers.Read(10*reads)

		env.Step("heal")
		env.Heal(slow)
		env.Await("the disk is quick", disk.ReadsWithin(quickly, reads))

		env.Step("verdict")
		late, nothing := slow.Window(), check.Latency(calm)
		stored.Median("an answer", check.Latency(fromDisk), pgtest.DiskTime(access, nothing).In(late))
		kept.Median("an answer", check.Latency(fromBuffers),
			harness.AtMost(nothing).Trips(4).In(late).Against("an access to the disk", access))
		env.Ratio("an access, in answers from memory", float64(access)/float64(check.Latency(fromMemory)),
			harness.AtLeast(2.0).Against("no gap", 1))
		env.Contrast("an answer takes less than half an access to the disk",
			check.AnsweredWithin(quickly, fromMemory), check.AnsweredWithin(quickly, fromDisk))
		env.Holds("nor does one of the same database, from its buffers", check.AnsweredWithin(quickly, fromBuffers))
	})
}
