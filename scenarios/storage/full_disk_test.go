package storage_test

import (
	"testing"

	"assay/fixtures/redistest"
	"assay/harness"
	"assay/harness/check"
)

// Claim 2.6: a full disk takes no more writes and keeps what was acknowledged, if nothing is acknowledged that it has not taken.
//
//	writer ────► redis "always": a log, synced before each acknowledgement ────► disk of its own
//	writer ────► redis "everysec" (the control): the same, synced once a second ────► disk of its own
//
// Both disks are full: what is left of the log's last block is soon used up, and then neither takes more. "always" cannot keep its
// promise for the write that does not fit, so it ends itself in place of an answer. "everysec" acknowledges that write all the same, and
// refuses only what comes next: it means to write it yet. Before there is space it is killed, and so it does not.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	env := harness.New(t, harness.Claim{ID: "2.6", Says: "a full disk takes no more writes, and keeps what was acknowledged",
		OnlyIf: "the server acknowledges no write that its disk has not taken"})
	values := env.KnobInt("values", 200)

	always := redistest.Start(env, redistest.Named("always"), redistest.OnDisk(), redistest.Logged())
	everysec := redistest.Start(env, redistest.Named("everysec"), redistest.OnDisk(), redistest.LoggedEverySecond())
	kept, control := always.Writer("to always"), everysec.Writer("to everysec")

	env.Step("steady state: both have what they acknowledged")
	kept.Write(values)
	control.Write(values)
	env.Await("both have it on their disks", kept.Synced, control.Synced) // what is not has no room there yet
	env.Calm(check.Delivery(kept, kept.Read()).ExactlyOnce(), check.Delivery(control, control.Read()).ExactlyOnce())

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
	held, broke := check.Delivery(kept, kept.Read()), check.Delivery(control, control.Read())
	kept.Write(values)
	control.Write(values)
	after, afterToo := check.Delivery(kept, kept.Read()), check.Delivery(control, control.Read())

	env.Step("verdict")
	env.Measure("acknowledged writes lost, always", harness.Count(held.Lost), harness.Exactly(harness.Count(0)))
	// One for one client; more if the log was just being synced, since it is not written meanwhile.
	env.Measure("acknowledged writes lost, everysec", harness.Count(broke.Lost), harness.Between(harness.Count(1), harness.Count(broke.Acknowledged-values)))
	env.Measure("acknowledged writes lost of those when there was space again", harness.Count(after.Lost+afterToo.Lost-broke.Lost), harness.Exactly(harness.Count(0)))
	env.Holds("no acknowledged write is lost", held.NothingLost())
	env.Breaks("no acknowledged write is lost", "synced once a second", broke.NothingLost())
}
