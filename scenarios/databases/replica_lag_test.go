package databases_test

import (
	"testing"
	"time"

	"assay/fixtures/pgtest"
	"assay/harness"
	"assay/harness/check"
	"assay/harness/fault"
	"assay/harness/history"
)

// Claim 8.5: replicas lag. What is read on one is as old as the link is slow over which it follows its primary.
//
//	writers ────► postgres ──── replication link ────► replica ────► reader of "asynchronous" (the control)
//	                 └───► reader of "primary"           └─────────► reader of "remote_apply"
//
// Each register has a writer and a reader of its own, all under the same load at the same time. What the primary sends over the
// link comes late, then the link breaks. The control's commits do not wait for the replica, and its reads there are stale. Two
// remedies differ from it in one thing each: to read on the primary, or to have commits wait until the replica has applied them
// (remote_apply). What that saves in staleness it costs in latency; cut off, such a commit would wait for as long as the cut
// lasts, so this register rests then.
func TestReplicaLag(t *testing.T) {
	t.Parallel()
	env := harness.New(t, harness.Claim{ID: "8.5", Says: "replicas lag: a read from the replica is as old as the replication link is slow"})
	delay := env.Knob("delay", 500*time.Millisecond)

	postgres := pgtest.Start(env, pgtest.Patience(3*time.Second+2*delay))
	link := env.LinkBetween("replication", postgres)
	replica := postgres.Replica(link)
	async := postgres.Register("asynchronous", pgtest.Local, replica)
	synced := postgres.Register("remote_apply", pgtest.RemoteApply, replica)
	primary := postgres.Register("primary", pgtest.Local, postgres)
	reads := func(r *pgtest.Register, in history.Window) check.StalenessReport {
		return check.Staleness(r.Writer, r.Reader.Within(in))
	}

	env.Step("steady state: the replica follows at once")
	env.Await("the replica streams", replica.Streaming)
	pgtest.Run(async, synced, primary)
	env.Await("all are written and read", pgtest.Turns(25, async, synced, primary))
	calm := history.Window{To: env.Now()}
	env.Calm(reads(async, calm).SeenWithin(delay/2, calm), reads(synced, calm).NeverStale(), reads(primary, calm).NeverStale())

	env.Step("fault: what the primary sends comes late")
	slow := link.Delay(fault.ServerToClient, delay)
	env.Await("all are written and read", pgtest.Turns(25, async, primary), pgtest.Turns(3, synced))

	env.Step("fault: the link breaks")
	pgtest.Stop(synced)
	env.Heal(slow)
	severed := link.Sever()
	behind := func() check.Result { return reads(async, severed.Window()).SomeOlderThan(2 * delay) }
	env.Await("the replica is further behind than it ever was", harness.ResultHolds(behind))

	env.Step("heal")
	env.Heal(severed)
	env.Await("the replica has caught up", replica.Streaming, replica.CaughtUp)
	well := history.Window{From: env.Now(), To: history.Open}
	pgtest.Run(synced)
	env.Await("all are written and read", pgtest.Turns(25, async, synced, primary))

	env.Step("verdict")
	late, cut, all := slow.Window(), severed.Window(), history.Window{To: history.Open}
	env.Witness(slow, reads(async, late).SomeOlderThan(delay/2))
	env.Witness(severed, behind())

	// The control's writer waits for nobody. So the longest time in which it got no acknowledgement is what the machine was busy with.
	busy := func(in history.Window) time.Duration { return check.Outage(async.Writer, in).LongestGap }
	lag, commit := reads(async, all), func(in history.Window) time.Duration { return check.Latency(synced.Writer.Within(in)) }
	env.Measure("lag of asynchronous commits on the replica", harness.Time(lag.LagWithin(late)), harness.Around(harness.Time(lag.LagWithin(calm)+delay), harness.Time(busy(late))))
	env.Measure("latency of remote_apply commits", harness.Time(commit(late)), harness.Around(harness.Time(commit(calm)+delay), harness.Time(busy(late))))
	// The replica looks for its primary that often, connects in some steps, and replays no slower than the primary wrote: else it
	// could never keep up.
	soon := pgtest.RetryInterval + 5*busy(history.Window{From: cut.To, To: well.From}) + cut.To - cut.From
	env.Measure("time to converge", harness.Time(lag.Convergence(cut.To)), harness.AtMost(harness.Time(soon)))

	const property = "a read after an acknowledged write returns it"
	env.Holds(property, reads(synced, all).NeverStale())
	env.Holds(property, reads(primary, all).NeverStale())
	env.Breaks(property, "asynchronous commits, read on the replica", reads(async, late).NeverStale())
	env.Holds("after heal the replica follows at once", lag.SeenWithin(delay/2, well))
}
