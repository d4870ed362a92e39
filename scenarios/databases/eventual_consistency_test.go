package databases_test

import (
	"testing"
	"time"

	"assay/fixtures/redistest"
	"assay/harness"
	"assay/harness/check"
	"assay/harness/history"
)

// Claim 8.9: BASE. Basically available: writes go on though the copies are cut off from each other. Soft state:
// meanwhile they differ. Eventually consistent: when they meet again they become the same, with no further input.
//
//	writers ────► redis  ──── link ────► redis-replica  ────► readers of "plain" and of "WAIT"
//	writer  ────► strict ──── link ────► strict-replica ────► reader
//
// All links break at once, under the same load. The control, "strict", takes no write without a replica
// (min-replicas-to-write): its copies stay the same, at the price of every write. WAIT is no such mechanism. It reports
// that the replica does not have the write, but that write is on the primary all the same, so the copies differ as if
// nobody had asked.
func TestEventualConsistency(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID:   "8.9",
		Says: "BASE: copies cut off from each other go on taking writes, differ, and become the same by themselves",
	}, func(env *harness.Env) {
		apart := env.Knob("apart", time.Second)
		base, asks := env.Subject("plain"), env.Subject("WAIT")
		never := env.Control("min-replicas-to-write", "a write without a replica is refused")

		loose, strict := redistest.Start(env, "redis"), redistest.Start(env, "strict", redistest.MinReplicas(1))
		link, strictLink := env.LinkBetween("replication", loose), env.LinkBetween("strict replication", strict)
		replica, strictReplica := loose.Replica(link), strict.Replica(strictLink)
		plain, waiting := replica.Register(base), replica.Register(asks, redistest.Wait(apart/10))
		refusing := strictReplica.Register(never)
		writes := harness.Together("writes", plain.Writes, waiting.Writes, refusing.Writes)
		reads := harness.Together("reads", plain.Reads, waiting.Reads, refusing.Reads)
		same := []harness.Condition{replica.Following, strictReplica.Following, replica.CaughtUp, strictReplica.CaughtUp}

		env.Step("steady state: the copies follow, and are the same when nobody writes")
		env.Await("both replicas follow", same[:2]...)
		env.Run(writes, reads)
		env.Await("all are written and read", writes.More(25), reads.More(25))
		env.Stop(writes)
		env.Await("the replicas have caught up", same...)
		calm := plain.Staleness(history.Until(env.Now()))
		env.Calm(plain.Copies(), waiting.Copies(), refusing.Copies(), calm.NoneOlderThan(apart))

		env.Step("fault: the copies are cut off from each other")
		severed, strictSevered := link.Sever(), strictLink.Sever()
		env.Await("the primaries have noticed", replica.Gone, strictReplica.Gone)
		env.Run(writes)
		stale := func() check.Result { return plain.Staleness(severed.Window()).SomeOlderThan(apart) }
		env.Await("the replica is far behind", harness.ResultHolds(stale), writes.Ended(5))
		env.Stop(writes)
		plainApart, waitingApart, refusingApart := plain.Copies(), waiting.Copies(), refusing.Copies()
		onPrimary, _ := waiting.Held()

		env.Step("heal, and nobody writes")
		env.Heal(severed, strictSevered)
		env.Await("the replicas have caught up", same...)
		env.Await("all are read", reads.More(25))

		env.Step("verdict")
		cut, lag := severed.InForce(), plain.Staleness(history.Always)
		converged, unconfirmed := lag.Convergence(cut.To), check.Delivery(waiting.Writer, onPrimary)
		env.Witness(severed, stale())
		base.Duration("time to converge", converged, redistest.Convergence.In(history.Since(cut.To)))
		oldest := harness.Between(apart, converged+cut.Length()).Against("the copies follow", 0)
		base.Duration("oldest read", lag.Oldest(), oldest)
		asks.Count("writes that WAIT confirms", waiting.Outage(cut).Within.OK,
			harness.Exactly(0).AgainstMore("the replica has them", 5))
		asks.Count("the last of them, on the primary", unconfirmed.Recovered, harness.Exactly(1).Against("undone", 0))
		env.Contrast("writes succeed while the copies are apart", plain.Outage(cut).Resumes(), refusing.Outage(cut).Resumes())
		env.Contrast("both copies hold the same", refusingApart,
			harness.Without("a refusal", plainApart), harness.Without("a refusal, with WAIT", waitingApart))
		env.Holds("both copies hold the same, with no further input", plain.Copies())
		env.Holds("both copies hold the same, with WAIT and no further input", waiting.Copies())
	})
}
