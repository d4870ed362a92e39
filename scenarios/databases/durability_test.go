package databases_test

import (
	"testing"
	"time"

	"assay/fixtures/pgtest"
	"assay/harness"
)

// Claim 8.4: what is acknowledged stays. A commit is on the disk before it is acknowledged, so it outlives the server's
// crash and the machine's loss of power. Each takes one thing more than the other, and each has a control that lacks
// it.
//
//	synced rows ──────────────────────────────────┬────► postgres ────► disk of its own
//	hasty rows (synchronous_commit off) ──────────┘
//	unsynced rows ────► postgres "unsynced" (fsync off) ─────────────► disk of its own
//
// Through a crash (SIGKILL) comes what was written before it was acknowledged, synced or not, since the kernel lives
// on. The hasty rows' log is still in the server's memory then, until the turn of its log writer comes. Through a power
// cut comes only what was synced. The unsynced server passes the crash as the other does; but its power takes what the
// kernel had yet to write. What it finds on its disk afterwards fits together or does not: if it cannot start from
// that, it has none of its rows.
func TestDurability(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "8.4", Says: "what is acknowledged stays: through a crash of the server, and through a power cut",
	}, func(env *harness.Env) {
		rows, delay := env.KnobInt("rows", 100), env.Knob("log-delay", 10*time.Second)
		synced := env.Subject("synced")
		memory, written := env.Control("hasty", "synchronous_commit off"), env.Control("unsynced", "fsync off")

		postgres := pgtest.Start(env, "postgres", pgtest.OnDisk(), pgtest.LogDelay(delay))
		unsynced := pgtest.Start(env, "unsynced", pgtest.OnDisk(), pgtest.FsyncOff())
		kept, hasty := postgres.LedgerOf(synced, pgtest.Local), postgres.LedgerOf(memory, pgtest.Off)
		control := unsynced.LedgerOf(written, pgtest.Local)
		add := func(n int) { // the hasty ones last: a commit that waits takes the log of those before it along
			control.Add(n)
			kept.Add(n)
			hasty.Add(n)
		}

		env.Step("steady state: what is acknowledged is there")
		add(rows)
		env.Calm(kept.Compared(postgres).ExactlyOnce(), hasty.Compared(postgres).ExactlyOnce(),
			control.Compared(unsynced).ExactlyOnce())

		env.Step("fault: both servers crash, right after the next rows were acknowledged")
		add(rows)
		killed, killedToo := postgres.Kill(), unsynced.Kill()
		add(1)
		env.Heal(killed, killedToo)
		env.Await("both are back", postgres.Answers, unsynced.Answers)
		crashed, hastyCrashed := kept.Compared(postgres), hasty.Compared(postgres)
		unsyncedCrashed := control.Compared(unsynced)

		env.Step("fault: both lose their power, right after the next rows were acknowledged")
		add(rows)
		cut, cutToo := postgres.PowerCut(), unsynced.PowerCut()
		add(1)

		env.Step("heal")
		env.Heal(cut, cutToo)
		env.Await("one is back, of the other it is known what is left", postgres.Answers, unsynced.Decided)
		dark, unsyncedDark := kept.Compared(postgres), control.Compared(unsynced)

		env.Step("verdict")
		none := harness.Exactly(0)
		synced.Count("acknowledged rows lost in the crash", crashed.Lost,
			none.AgainstRange("in the server's memory", 1, 2*rows))
		synced.Count("acknowledged rows lost in the power cut", dark.Lost, none.AgainstMore("in the kernel's memory", rows))
		memory.Count("acknowledged rows lost in the crash", hastyCrashed.Lost,
			harness.Between(1, rows).Against("on its way to the disk", 0))
		written.Count("acknowledged rows lost in the crash", unsyncedCrashed.Lost, none.Accompanying())
		written.Count("acknowledged rows lost in the power cut", unsyncedDark.Lost,
			harness.Between(rows, unsyncedDark.Acknowledged).Against("a mere crash", 0))
		env.Contrast("no acknowledged row is lost in a crash", crashed.NothingLost(), hastyCrashed.NothingLost())
		env.Contrast("no acknowledged row is lost in a power cut", dark.NothingLost(), unsyncedDark.NothingLost())
	})
}
