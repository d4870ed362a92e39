package databases_test

import (
	"testing"
	"time"

	"assay/fixtures/pgtest"
	"assay/harness"
	"assay/harness/check"
)

// Claim 8.4: what is acknowledged stays. A commit is on the disk before it is acknowledged, so it outlives the server's crash and the
// machine's loss of power. Each takes one thing more than the other, and each has a control that lacks it.
//
//	synced rows ──────────────────────────────────┬────► postgres ────► disk of its own
//	hasty rows (synchronous_commit off) ──────────┘
//	unsynced rows ────► postgres "unsynced" (fsync off) ─────────────► disk of its own
//
// Through a crash (SIGKILL) comes what was written before it was acknowledged, synced or not, since the kernel lives on. The hasty
// rows' log is still in the memory of the server then, until the turn of its log writer comes. Through a power cut comes only what
// was synced. The unsynced server has written each row before it acknowledged it, so that it passes the crash as the other does; but
// its power takes what the kernel had yet to write. What it finds on its disk afterwards fits together or does not: if it cannot start
// from that, it has none of its rows.
func TestDurability(t *testing.T) {
	t.Parallel()
	env := harness.New(t, harness.Claim{ID: "8.4", Says: "what is acknowledged stays: through a crash of the server, and through a power cut"})
	rows, delay := env.KnobInt("rows", 100), env.Knob("log-delay", 10*time.Second)

	postgres := pgtest.Start(env, pgtest.OnDisk(), pgtest.LogDelay(delay))
	unsynced := pgtest.Start(env, pgtest.Named("unsynced"), pgtest.OnDisk(), pgtest.FsyncOff())
	kept, hasty, control := postgres.Ledger("synced", pgtest.Local), postgres.Ledger("hasty", pgtest.Off), unsynced.Ledger("unsynced", pgtest.Local)
	add := func(n int) { // the hasty ones last: a commit that waits takes the log of those before it along
		control.Add(n)
		kept.Add(n)
		hasty.Add(n)
	}
	compare := func() (k, h, c check.DeliveryReport) {
		return check.Delivery(kept, kept.Rows(postgres)), check.Delivery(hasty, hasty.Rows(postgres)), check.Delivery(control, control.Rows(unsynced))
	}

	env.Step("steady state: what is acknowledged is there")
	add(rows)
	k, h, c := compare()
	env.Calm(k.ExactlyOnce(), h.ExactlyOnce(), c.ExactlyOnce())

	env.Step("fault: both servers crash, right after the next rows were acknowledged")
	add(rows)
	killed, killedToo := postgres.Kill(), unsynced.Kill()
	add(1)
	env.Heal(killed, killedToo)
	env.Await("both are back", postgres.Answers, unsynced.Answers)
	crashed, hastyCrashed, unsyncedCrashed := compare()

	env.Step("fault: both lose their power, right after the next rows were acknowledged")
	add(rows)
	cut, cutToo := postgres.PowerCut(), unsynced.PowerCut()
	add(1)

	env.Step("heal")
	env.Heal(cut, cutToo)
	env.Await("one is back, of the other it is known what is left", postgres.Answers, unsynced.Decided)
	dark, _, unsyncedDark := compare()

	env.Step("verdict")
	lost := func(what string, r check.DeliveryReport, low, high int) {
		env.Measure("acknowledged rows lost, "+what, harness.Count(r.Lost), harness.Between(harness.Count(low), harness.Count(high)))
	}
	lost("synced, crash", crashed, 0, 0)
	lost("hasty, crash", hastyCrashed, 1, rows) // rows, unless the log writer's turn came just then
	lost("unsynced, crash", unsyncedCrashed, 0, 0)
	lost("synced, power cut", dark, 0, 0)
	lost("unsynced, power cut", unsyncedDark, rows, unsyncedDark.Acknowledged)
	env.Holds("no acknowledged row is lost in a crash", crashed.NothingLost())
	env.Breaks("no acknowledged row is lost in a crash", "synchronous_commit off", hastyCrashed.NothingLost())
	env.Holds("no acknowledged row is lost in a power cut", dark.NothingLost())
	env.Breaks("no acknowledged row is lost in a power cut", "fsync off", unsyncedDark.NothingLost())
}
