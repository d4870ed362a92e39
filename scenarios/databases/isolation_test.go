package databases_test

import (
	"testing"
	"time"

	"assay/fixtures/pgtest"
	"assay/harness"
	"assay/harness/check/txn"
	"assay/harness/fault"
	"assay/harness/history"
)

// Claim 8.3: transactions are isolated, as if one came after the other. That is so at SERIALIZABLE, and not at the
// level that one gets without asking.
//
//	near clients ────────────────────► postgres: a table for each isolation level
//	far clients ────── far link ─────►
//
// At each level a near and a far client race: both read two lists and append to one, in turn to the same (which can
// lose an update) and each to another (which can skew writes). Who is aborted begins again. The fault makes the far
// client's link slow, and so widens the time between its read and its commit, in which the near one comes. All is the
// same for the three levels but the level: what SERIALIZABLE forbids, the two others, the controls, let through.
func TestIsolation(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "8.3", Says: "transactions are isolated: the outcome is as if they had run one after the other",
		OnlyIf: "they run at SERIALIZABLE, which is not the default: READ COMMITTED loses updates, REPEATABLE READ skews " +
			"writes",
	}, func(env *harness.Env) {
		delay, rounds := env.Knob("delay", 100*time.Millisecond), env.KnobInt("rounds", 8)
		serial := env.Subject("SERIALIZABLE")
		snapshot := env.Control("REPEATABLE READ", "a transaction reads a snapshot, and others may overwrite what it read")
		latest := env.Control("READ COMMITTED", "each statement reads what was committed last")

		postgres := pgtest.Start(env, "postgres")
		far := env.Link("far", postgres)
		serializable := postgres.Race(serial, pgtest.Serializable, far, delay)
		repeatable := postgres.Race(snapshot, pgtest.RepeatableRead, far, delay)
		committed := postgres.Race(latest, pgtest.ReadCommitted, far, delay)
		all := []*pgtest.Race{committed, repeatable, serializable}

		env.Step("steady state: the clients do not meet")
		pgtest.TakeTurns(rounds/2, all...)
		for _, r := range all {
			env.Calm(txn.Check(r).Serializable())
		}

		env.Step("fault: the far clients are slow")
		slow := far.Delay(fault.ClientToServer, delay)
		pgtest.Compete(rounds, all...)

		env.Step("heal")
		env.Heal(slow)
		env.Await("the far clients are quick again", committed.Well, repeatable.Well, serializable.Well)

		env.Step("verdict")
		ser, rr, rc := txn.Check(serializable), txn.Check(repeatable), txn.Check(committed)
		// In every other round both append to the same list, and in the others each to its own.
		each := (rounds + 1) / 2
		some := harness.Between(1, each).Against("one after the other", 0)
		none := harness.Exactly(0).AgainstRange("not isolated", 1, each)
		serial.Count("anomalies", ser.Serializable().Violations, harness.Exactly(0).AgainstMore("not isolated", 1))
		snapshot.Count("lost updates", rr.Count(txn.LostUpdate), none)
		snapshot.Count("write skews", rr.Count(txn.G2Item), some)
		latest.Count("lost updates", rc.Count(txn.LostUpdate), some)
		latest.Count("write skews", rc.Count(txn.G2Item), some)
		calm, late := history.Until(slow.Window().From), slow.InForce()
		serial.Fastest("round trip of the far client", serializable.RoundTrip(late),
			harness.Delayed(delay, serializable.RoundTrip(calm)).In(late))

		env.Contrast("as if one after the other", ser.Serializable(), rr.Serializable(), rc.Serializable())
		env.Contrast("no update is lost", ser.None(txn.LostUpdate), rc.None(txn.LostUpdate))
		env.Contrast("no write skew", ser.None(txn.G2Item), rr.None(txn.G2Item))
		env.Holds("no update is lost in a snapshot", rr.None(txn.LostUpdate))
		env.Holds("what READ COMMITTED promises", rc.ReadCommitted())
		env.Holds("what snapshot isolation promises", rr.SnapshotIsolation())
	})
}
