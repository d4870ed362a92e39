package databases_test

import (
	"testing"
	"time"

	"assay/fixtures/pgtest"
	"assay/harness"
	"assay/harness/check/txn"
	"assay/harness/fault"
)

// Claim 8.3: transactions are isolated, as if one came after the other. That is so at SERIALIZABLE, and not at the level that one gets
// without asking.
//
//	near clients ────────────────────► postgres: a table for each isolation level
//	far clients ────── far link ─────►
//
// At each level a near and a far client race: both read two lists and append to one, in turn to the same (which can lose an update) and
// each to another (which can skew writes). Who is aborted begins again. While the far client is quick it is done before the near one
// begins. The fault makes its link slow, and so widens the time between its read and its commit, in which the near one comes. All is the
// same for the three levels but the level: what SERIALIZABLE forbids, the two others, the controls, let through.
func TestIsolation(t *testing.T) {
	t.Parallel()
	env := harness.New(t, harness.Claim{
		ID: "8.3", Says: "transactions are isolated: the outcome is as if they had run one after the other",
		OnlyIf: "they run at SERIALIZABLE, which is not the default: READ COMMITTED loses updates, REPEATABLE READ skews writes",
	})
	delay := env.Knob("delay", 100*time.Millisecond)
	rounds := env.KnobInt("rounds", 8)

	postgres := pgtest.Start(env)
	far := env.Link("far", postgres)
	race := func(level pgtest.Level) *pgtest.Race { return postgres.Lists(string(level), level).Race(far, delay) }
	committed, repeatable, serializable := race(pgtest.ReadCommitted), race(pgtest.RepeatableRead), race(pgtest.Serializable)
	all := []*pgtest.Race{committed, repeatable, serializable}

	env.Step("steady state: the clients do not meet")
	pgtest.Compete(4, all...)
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
	rc, rr, ser := txn.Check(committed), txn.Check(repeatable), txn.Check(serializable)
	// A round has three transactions that commit, of which two race. In every other round they append to the same list.
	thousand := func(anomalies, of int) harness.Quantity {
		return harness.Number(1000*float64(anomalies)/float64(of), "per 1000 transactions")
	}
	upTo := func(of int) harness.Interval { return harness.Between(thousand(1, of), thousand((rounds+1)/2, of)) }
	env.Measure("lost updates at READ COMMITTED", thousand(rc.Count(txn.LostUpdate), rc.Committed), upTo(rc.Committed))
	env.Measure("write skews at READ COMMITTED", thousand(rc.Count(txn.G2Item), rc.Committed), upTo(rc.Committed))
	env.Measure("lost updates at REPEATABLE READ", thousand(rr.Count(txn.LostUpdate), rr.Committed), harness.Exactly(thousand(0, 1)))
	env.Measure("write skews at REPEATABLE READ", thousand(rr.Count(txn.G2Item), rr.Committed), upTo(rr.Committed))
	env.Measure("anomalies at SERIALIZABLE", thousand(ser.Serializable().Violations, ser.Committed), harness.Exactly(thousand(0, 1)))

	env.Holds("as if one after the other", ser.Serializable())
	env.Breaks("as if one after the other", "REPEATABLE READ", rr.Serializable())
	env.Breaks("as if one after the other", "READ COMMITTED, the default", rc.Serializable())
	env.Holds("no update is lost", ser.None(txn.LostUpdate))
	env.Holds("no update is lost", rr.None(txn.LostUpdate))
	env.Breaks("no update is lost", "READ COMMITTED", rc.None(txn.LostUpdate))
	env.Holds("no write skew", ser.None(txn.G2Item))
	env.Breaks("no write skew", "REPEATABLE READ", rr.None(txn.G2Item))
	env.Holds("what READ COMMITTED promises", rc.ReadCommitted())
	env.Holds("what snapshot isolation promises", rr.SnapshotIsolation())
}
