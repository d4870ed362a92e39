package storage_test

import (
	"testing"

	"assay/fixtures/redistest"
	"assay/harness"
	"assay/harness/check"
)

// Claim 2.1: what is on disk outlives the process, what is in memory does not.
//
//	writers ────► redis "disk": a log, synced before each acknowledgement
//	writers ────► redis "memory": no persistence (the control)
//
// Both processes end twice without a chance to do anything about it: by SIGKILL, and by the kernel's OOM killer when a value
// is more than the memory that they are left with. After each end they are started again and asked for every value. Both ends are
// of the process and not of the machine: what was written to a file and not synced would survive them too.
func TestDiskOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	env := harness.New(t, harness.Claim{ID: "2.1", Says: "what is on disk outlives the process; what is in memory does not"})
	values, memory := env.KnobInt("values", 200), env.KnobInt("memory", 64<<20)

	disk, ram := redistest.Start(env, redistest.Named("disk"), redistest.Logged()), redistest.Start(env, redistest.Named("memory"))
	kept, control := disk.Writer("to disk"), ram.Writer("to memory")

	env.Step("steady state: both have what they acknowledged")
	kept.Write(values)
	control.Write(values)
	env.Calm(check.Delivery(kept, kept.Read()).ExactlyOnce(), check.Delivery(control, control.Read()).ExactlyOnce())

	env.Step("fault: both are killed")
	killed, killedToo := disk.Kill(), ram.Kill()
	kept.Write(1)
	control.Write(1)
	env.Heal(killed, killedToo)
	env.Await("both are back", disk.Answers, ram.Answers, kept.Reaches, control.Reaches)
	held, broke := check.Delivery(kept, kept.Read()), check.Delivery(control, control.Read())

	env.Step("fault: little memory, and a value that needs more")
	squeezed, squeezedToo := disk.Squeeze(int64(memory)), ram.Squeeze(int64(memory))
	kept.Write(values)
	control.Write(values)
	kept.WriteLarge(2 * memory)
	control.WriteLarge(2 * memory)
	env.Await("the kernel has ended both", disk.OutOfMemory, ram.OutOfMemory)

	env.Step("heal")
	env.Heal(squeezed, squeezedToo)
	disk.Restart()
	ram.Restart()
	env.Await("both are back", disk.Answers, ram.Answers, kept.Reaches, control.Reaches)

	env.Step("verdict")
	full, empty := check.Delivery(kept, kept.Read()), check.Delivery(control, control.Read())
	lost := func(what string, r check.DeliveryReport, want int) {
		env.Measure("acknowledged writes lost, "+what, harness.Count(r.Lost), harness.Exactly(harness.Count(want)))
	}
	lost("disk, killed", held, 0)
	lost("disk, out of memory", full, 0)
	lost("memory, killed", broke, broke.Acknowledged)
	lost("memory, out of memory", empty, empty.Acknowledged)
	env.Holds("what was acknowledged outlives a kill", held.NothingLost())
	env.Breaks("what was acknowledged outlives a kill", "no persistence", broke.NothingLost())
	env.Holds("what was acknowledged outlives want of memory", full.NothingLost())
	env.Breaks("what was acknowledged outlives want of memory", "no persistence", empty.NothingLost())
}
