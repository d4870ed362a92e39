package storage_test

import (
	"testing"

	"assay/fixtures/redistest"
	"assay/harness"
)

// Claim 2.6: a full disk takes no more writes and keeps what was acknowledged, if nothing is acknowledged that it has
// not taken.
//
//	writer ────► redis "always": a log, synced before each acknowledgement ────► disk of its own
//	writer ────► redis "everysec" (the control): synced once a second ────► disk of its own
//
// Both disks are full: what is left of the log's last block is soon used up, and then neither takes more. "always"
// cannot keep its promise for the write that does not fit, so it ends itself in place of an answer. "everysec"
// acknowledges that write all the same, and refuses only what comes next: it means to write it yet. Before there is
// space it is killed, and so it does not.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "2.6", Says: "a full disk takes no more writes, and keeps what was acknowledged",
		OnlyIf: "the server acknowledges no write that its disk has not taken",
	}, func(env *harness.Env) {
		values := env.KnobInt("values", 200)
		first, later := env.Subject("always"), env.Control("everysec", "it acknowledges before its disk has taken a write")

		always := redistest.Start(env, "always", redistest.OnDisk(), redistest.Logged())
		everysec := redistest.Start(env, "everysec", redistest.OnDisk(), redistest.LoggedEverySecond())
		kept, control := always.Writer(first), everysec.Writer(later)

		env.Step("steady state: both have what they acknowledged")
		kept.Write(values)
		control.Write(values)
		env.Await("both have it on their disks", kept.Synced, control.Synced) // what is not has no room there yet
		env.Calm(kept.Compared().ExactlyOnce(), control.Compared().ExactlyOnce())

		env.Step("fault: both disks are full")
		full, fullToo := always.Disk().Fill(), everysec.Disk().Fill()
		kept.Write(values)
		control.Write(values)
		env.Await("neither takes writes, one because it has ended", kept.Refused, control.Refused, always.Ended)

		env.Step("fault: the other is killed before there is space")
		killed := everysec.Kill()
		control.Write(1)

		env.Step("heal")
		env.Heal(full, fullToo, killed)
		always.Restart()
		env.Await("both are back", always.Answers, everysec.Answers, kept.Reaches, control.Reaches)
		held, broke := kept.Compared(), control.Compared()
		kept.Write(values)
		control.Write(values)
		after, afterToo := kept.Compared(), control.Compared()

		env.Step("verdict")
		// It loses one for one client; more if the log was just being synced, since it is not written meanwhile.
		some := harness.Between(1, broke.Acknowledged-values).Against("it waits for its disk", 0)
		first.Count("acknowledged writes lost", held.Lost, harness.Exactly(0).AgainstMore("it does not wait for its disk", 1))
		later.Count("acknowledged writes lost", broke.Lost, some)
		env.Count("writes lost when there was space again", after.Lost+afterToo.Lost-broke.Lost,
			harness.Exactly(0).Accompanying())
		env.Contrast("no acknowledged write is lost", held.NothingLost(), broke.NothingLost())
	})
}
