package databases_test

import (
	"testing"

	"assay/fixtures/pgtest"
	"assay/harness"
	"assay/harness/check"
)

// Claim 8.7: the guide says of synchronous replication that a write which fails on the replica fails on the main database too. What a
// client might take from that is: what one has, the other has. Refuted, on Postgres with its strictest setting (remote_apply).
//
//	sessions ────► postgres ──── replication link ────► replica, which takes over in the end
//
// The link breaks and writes cannot reach the replica. A write that is canceled before its commit is undone: neither has it. But a
// commit comes first on the primary and waits for the replica only then; nothing can undo it any more. However its wait is ended, by
// cancel (which the client is told as a success, with a warning), by the end of its session (an error) or by a crash, the primary
// has the row. A failover to the replica then loses it, acknowledged or not.
func TestWriteThatFailsOnTheReplica(t *testing.T) {
	t.Parallel()
	env := harness.New(t, harness.Claim{ID: "8.7", Refuted: true, Says: "a write that does not reach the replica is on the main database all the same, " +
		"even if its client is told of an error, and a failover loses it, even if its client is told of a success"})
	rows := env.KnobInt("rows", 10)

	postgres := pgtest.Start(env)
	link := env.LinkBetween("replication", postgres)
	replica := postgres.Replica(link)
	early, late := postgres.Ledger("ended before its commit", pgtest.RemoteApply), postgres.Ledger("ended in its commit", pgtest.RemoteApply)
	copies := func(l *pgtest.Ledger) check.Result { return check.Copies(l.Rows(postgres), l.Rows(replica)).Same() }
	send := func() {
		early.SendSlowly()
		late.Send()
		env.Await("one row has not come to its commit, another waits in it", early.MakesRow, late.WaitsForReplica)
	}

	env.Step("steady state: what is acknowledged is on both")
	env.Await("the replica streams", replica.Streaming)
	early.Add(rows)
	late.Add(rows)
	env.Calm(copies(early), copies(late))

	env.Step("fault: the link breaks, and rows are ended that cannot reach the replica")
	severed := link.Sever()
	env.Await("the primary has lost its replica", replica.CutOff)
	send()
	hidden := check.Delivery(late, late.Rows(postgres))
	early.Cancel()
	late.Cancel()
	env.Await("both clients are told", early.Ended, late.Ended)
	send()
	early.Terminate()
	late.Terminate()
	env.Await("both clients are told", early.Ended, late.Ended)

	env.Step("fault: the primary is killed under the next, and the replica takes over")
	send()
	killed := postgres.Kill()
	env.Await("both clients have lost it", early.Ended, late.Ended)
	pgtest.Promote(replica)

	env.Step("heal")
	env.Heal(severed, killed)
	env.Await("both answer", postgres.Answers, replica.Answers)

	env.Step("verdict")
	const ends = 3 // cancel, terminate, kill
	main, undone, left := check.Delivery(late, late.Rows(postgres)), check.Delivery(early, early.Rows(postgres)), check.Delivery(late, late.Rows(replica))
	env.Measure("rows seen on the primary while their commit waits", harness.Count(hidden.Received-rows), harness.Exactly(harness.Count(0)))
	env.Measure("rows ended before their commit that the primary has", harness.Count(undone.Received-rows), harness.Exactly(harness.Count(0)))
	env.Measure("rows ended in their commit that the primary has", harness.Count(main.Received-rows), harness.Exactly(harness.Count(ends)))
	env.Measure("of these, told to the client as an error", harness.Count(main.Recovered), harness.Exactly(harness.Count(ends-1)))
	env.Measure("warnings to the client", harness.Count(len(late.Warnings())), harness.Exactly(harness.Count(ends-1))) // a crash gives none
	env.Measure("acknowledged rows lost by the failover", harness.Count(left.Lost), harness.Exactly(harness.Count(1)))
	env.Holds("what the main database has, the replica has", copies(early))
	env.Breaks("what the main database has, the replica has", "remote_apply, once the commit has begun", copies(late))
}
