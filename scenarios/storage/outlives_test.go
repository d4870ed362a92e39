package storage_test

import (
	"testing"

	"assay/fixtures/redistest"
	"assay/harness"
)

// Claim 2.1: what is on disk outlives the process, what is in memory does not.
//
//	writers ────► redis "disk": a log, synced before each acknowledgement
//	writers ────► redis "memory": no persistence (the control)
//
// Both processes end twice without a chance to do anything about it: by SIGKILL, and by the kernel's OOM killer when a
// value is more than the memory that they are left with. After each end they are started again and asked for every
// value. Both ends are of the process and not of the machine: what was written to a file and not synced would survive
// them too.
func TestDiskOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "2.1", Says: "what is on disk outlives the process; what is in memory does not",
	}, func(env *harness.Env) {
		values, memory := env.KnobInt("values", 200), env.KnobInt("memory", 64<<20)
		logs, forgets := env.Subject("disk"), env.Control("memory", "no persistence")

		disk, ram := redistest.Start(env, "disk", redistest.Logged()), redistest.Start(env, "memory")
		kept, control := disk.Writer(logs), ram.Writer(forgets)

		env.Step("steady state: both have what they acknowledged")
		kept.Write(values)
		control.Write(values)
		env.Calm(kept.Compared().ExactlyOnce(), control.Compared().ExactlyOnce())

		env.Step("fault: both are killed")
		killed, killedToo := disk.Kill(), ram.Kill()
		kept.Write(1)
		control.Write(1)
		env.Heal(killed, killedToo)
		env.Await("both are back", disk.Answers, ram.Answers, kept.Reaches, control.Reaches)
		held, broke := kept.Compared(), control.Compared()

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
		full, empty := kept.Compared(), control.Compared()
		none, all := harness.Exactly(0).AgainstMore("no persistence", values), harness.Exactly(values).Against("a log", 0)
		logs.Count("acknowledged writes lost, killed", held.Lost, none)
		logs.Count("acknowledged writes lost, out of memory", full.Lost, none)
		forgets.Count("acknowledged writes lost, killed", broke.Lost, all)
		forgets.Count("acknowledged writes lost, out of memory", empty.Lost, harness.Exactly(2*values).Against("a log", 0))
		env.Contrast("what was acknowledged outlives a kill", held.NothingLost(), broke.NothingLost())
		env.Contrast("what was acknowledged outlives want of memory", full.NothingLost(), empty.NothingLost())
	})
}
