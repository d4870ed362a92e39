package databases_test

import (
	"testing"
	"time"

	"assay/fixtures/redistest"
	"assay/harness"
	"assay/harness/check"
	"assay/harness/history"
)

// Claim 8.9: BASE. Basically available: writes go on though the copies are cut off from each other. Soft state: meanwhile they differ.
// Eventually consistent: when they meet again they become the same, with no further input.
//
//	writers ────► redis  ──── link ────► redis-replica  ────► readers of "plain" and of "WAIT"
//	writer  ────► strict ──── link ────► strict-replica ────► reader
//
// All links break at once, under the same load. The control, "strict", takes no write without a replica (min-replicas-to-write): its
// copies stay the same, at the price of every write. WAIT is no such mechanism. It reports that the replica does not have the write,
// but that write is on the primary all the same, so the copies differ as if nobody had asked.
func TestEventualConsistency(t *testing.T) {
	t.Parallel()
	env := harness.New(t, harness.Claim{ID: "8.9", Says: "BASE: copies that are cut off from each other go on taking writes, differ, and become the same again by themselves"})
	apart := env.Knob("apart", time.Second)

	loose, strict := redistest.Start(env), redistest.Start(env, redistest.Named("strict"), redistest.MinReplicas(1))
	link, strictLink := env.LinkBetween("replication", loose), env.LinkBetween("strict replication", strict)
	replica, strictReplica := loose.Replica(link), strict.Replica(strictLink)
	plain, waiting := replica.Register("plain"), replica.Register("WAIT", redistest.Wait(apart/10))
	refusing := strictReplica.Register("min-replicas-to-write")
	reads := func(r *redistest.Register, in history.Window) check.StalenessReport {
		return check.Staleness(r.Writer, r.Reader.Within(in))
	}
	copies := func(r *redistest.Register) check.Result { return check.Copies(r.Held()).Same() }
	same := []harness.Condition{replica.Following, strictReplica.Following, replica.CaughtUp, strictReplica.CaughtUp}

	env.Step("steady state: the copies follow, and are the same when nobody writes")
	env.Await("both replicas follow", replica.Following, strictReplica.Following)
	redistest.Write(plain, waiting, refusing)
	redistest.Read(plain, waiting, refusing)
	env.Await("all are written and read", redistest.Written(25, plain, waiting, refusing), redistest.Seen(25, plain, waiting, refusing))
	redistest.StopWriting(plain, waiting, refusing)
	env.Await("the replicas have caught up", same...)
	env.Calm(copies(plain), copies(waiting), copies(refusing), reads(plain, history.Window{To: env.Now()}).NoneOlderThan(apart))

	env.Step("fault: the copies are cut off from each other")
	severed, strictSevered := link.Sever(), strictLink.Sever()
	env.Await("the primaries have noticed", replica.Gone, strictReplica.Gone)
	redistest.Write(plain, waiting, refusing)
	stale := func() check.Result { return reads(plain, severed.Window()).SomeOlderThan(apart) }
	env.Await("the replica is far behind", harness.ResultHolds(stale), redistest.Written(25, plain, refusing), redistest.Written(5, waiting))
	redistest.StopWriting(plain, waiting, refusing)
	plainApart, waitingApart, refusingApart := copies(plain), copies(waiting), copies(refusing)
	onPrimary, _ := waiting.Held()

	env.Step("heal, and nobody writes")
	env.Heal(severed, strictSevered)
	env.Await("the replicas have caught up", same...)
	well := env.Now()
	env.Await("all are read", redistest.Seen(25, plain, waiting, refusing))

	env.Step("verdict")
	cut, lag := severed.InForce(), reads(plain, history.Window{To: history.Open})
	writes := func(r *redistest.Register) check.OutageReport { return check.Outage(r.Writer, cut) }
	unconfirmed := check.Delivery(waiting.Writer, onPrimary)
	env.Witness(severed, stale())
	// A replica looks for its primary that often, and then takes some steps; each takes as long as the machine is busy.
	busy := check.Outage(plain.Reader, history.Window{From: cut.To, To: well}).LongestGap
	env.Measure("time to converge", harness.Time(lag.Convergence(cut.To)), harness.AtMost(harness.Time(2*redistest.RetryInterval+10*busy)))
	env.Measure("oldest read", harness.Time(lag.Oldest()), harness.Between(harness.Time(apart), harness.Time(lag.Convergence(cut.To)+cut.To-cut.From)))
	env.Measure("writes that WAIT confirms", harness.Count(writes(waiting).Within.OK), harness.Exactly(harness.Count(0)))
	env.Measure("the last of them, on the primary all the same", harness.Count(unconfirmed.Recovered), harness.Exactly(harness.Count(1)))

	env.Holds("writes succeed while the copies are apart", writes(plain).Resumes())
	env.Breaks("writes succeed while the copies are apart", "min-replicas-to-write", writes(refusing).Resumes())
	env.Holds("both copies hold the same", refusingApart)
	env.Breaks("both copies hold the same", "apart", plainApart)
	env.Breaks("both copies hold the same", "apart, with WAIT", waitingApart)
	env.Holds("both copies hold the same, with no further input", copies(plain))
	env.Holds("both copies hold the same, with no further input", copies(waiting))
}
