package databases_test

import (
	"testing"

	"assay/fixtures/pgtest"
	"assay/harness"
)

// Claim 8.7: the guide says of synchronous replication that a write which fails on the replica fails on the main
// database too. What a client might take from that is: what one has, the other has. Refuted, on Postgres with its
// strictest setting (remote_apply).
//
//	sessions ────► postgres ──── replication link ────► replica, which takes over in the end
//
// The link breaks and writes cannot reach the replica. A write that is canceled before its commit is undone: neither
// has it. But a commit comes first on the primary and waits for the replica only then; nothing can undo it any more.
// However its wait is ended, by cancel (told as a success, with a warning), by the end of its session (an error) or by
// a crash, the primary has the row. A failover to the replica then loses it, acknowledged or not.
func TestWriteThatFailsOnTheReplica(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "8.7", Refuted: true, Says: "a write that does not reach the replica is on the main database all the same, " +
			"even if its client is told of an error, and a failover loses it, even if its client is told of a success",
	}, func(env *harness.Env) {
		rows := env.KnobInt("rows", 10)
		before, within := env.Subject("ended before its commit"), env.Control("ended in its commit", "the commit has begun")

		postgres := pgtest.Start(env, "postgres")
		link := env.LinkBetween("replication", postgres)
		replica := postgres.Replica(link)
		early, late := postgres.LedgerOf(before, pgtest.RemoteApply), postgres.LedgerOf(within, pgtest.RemoteApply)
		send := func() {
			early.SendSlowly()
			late.Send()
			env.Await("one row is in the making, another waits in its commit", early.MakesRow, late.WaitsForReplica)
		}

		env.Step("steady state: what is acknowledged is on both")
		env.Await("the replica streams", replica.Streaming)
		early.Add(rows)
		late.Add(rows)
		env.Calm(early.Copies(postgres, replica), late.Copies(postgres, replica))

		env.Step("fault: the link breaks, and rows are ended that cannot reach the replica")
		severed := link.Sever()
		env.Await("the primary has lost its replica", replica.CutOff)
		send()
		hidden := late.Compared(postgres)
		for _, end := range []func(*pgtest.Ledger){(*pgtest.Ledger).Cancel, (*pgtest.Ledger).Terminate} {
			end(early)
			end(late)
			env.Await("both clients are told", early.Ended, late.Ended)
			send()
		}

		env.Step("fault: the primary is killed under the next, and the replica takes over")
		killed := postgres.Kill()
		env.Await("both clients have lost it", early.Ended, late.Ended)
		pgtest.Promote(replica)

		env.Step("heal")
		env.Heal(severed, killed)
		env.Await("both answer", postgres.Answers, replica.Answers)

		env.Step("verdict")
		const ends = 3 // cancel, terminate, kill
		main, undone, left := late.Compared(postgres), early.Compared(postgres), late.Compared(replica)
		within.Count("rows seen while their commit waits", hidden.Received-rows, harness.Exactly(0).Against("no wait", 1))
		before.Count("rows that the primary has", undone.Received-rows,
			harness.Exactly(0).AgainstRange("not undone", 1, ends))
		within.Count("rows that the primary has", main.Received-rows, harness.Exactly(ends).Against("it fails there, too", 0))
		within.Count("of these, told as an error", main.Recovered, harness.Exactly(ends-1).Against("as a success", 0))
		within.Count("warnings to the client", len(late.Warnings()), harness.Exactly(ends-1).Accompanying())
		within.Count("acknowledged rows lost by the failover", left.Lost, harness.Exactly(1).Against("the replica has it", 0))
		env.Contrast("what the main database has, the replica has",
			early.Copies(postgres, replica), late.Copies(postgres, replica))
	})
}
