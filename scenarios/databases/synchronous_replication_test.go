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

// Claim 8.6: a commit that waits for the replica buys fresh reads there, and pays with the link: its latency in every write, and
// its outage in all of them.
//
//	writers ────► postgres ──── replication link ────► replica ────► readers of both registers
//
// Two registers under the same load at the same time, both read on the replica; they differ in what their commits wait for. The
// link is slow in both directions first, then it breaks. It is a trade, so each is the other's control: waiting (remote_apply) no
// read is stale, and no write is acknowledged while the link is cut; not waiting, writes notice neither, and reads are stale.
func TestSynchronousReplication(t *testing.T) {
	t.Parallel()
	env := harness.New(t, harness.Claim{ID: "8.6", Says: "synchronous replication trades latency and availability of writes for freshness of reads on the replica"})
	delay := env.Knob("delay", 150*time.Millisecond)

	postgres := pgtest.Start(env, pgtest.Patience(3*time.Second+4*delay))
	link := env.LinkBetween("replication", postgres)
	replica := postgres.Replica(link)
	synced := postgres.Register("remote_apply", pgtest.RemoteApply, replica)
	async := postgres.Register("asynchronous", pgtest.Local, replica)
	reads := func(r *pgtest.Register, in history.Window) check.StalenessReport {
		return check.Staleness(r.Writer, r.Reader.Within(in))
	}

	env.Step("steady state: the replica follows at once")
	env.Await("the replica streams", replica.Streaming)
	pgtest.Run(synced, async)
	env.Await("both are written and read", pgtest.Turns(25, synced, async))
	calm := history.Window{To: env.Now()}
	env.Calm(reads(synced, calm).NeverStale(), reads(async, calm).SeenWithin(delay, calm))

	env.Step("fault: the link is slow in both directions")
	slow := link.Delay(fault.Both, delay)
	env.Await("both are written and read", pgtest.Turns(5, synced), pgtest.Turns(25, async))

	env.Step("fault: the link breaks")
	pgtest.Stop(synced) // so that its next write begins when there is no link
	env.Heal(slow)
	severed := link.Sever()
	pgtest.Run(synced)
	stale := func() check.Result { return reads(async, severed.Window()).SomeOlderThan(2 * delay) }
	env.Await("one writes on, the other waits", synced.Writer.WaitsForReplica, pgtest.Turns(25, async), harness.ResultHolds(stale))

	env.Step("heal")
	env.Heal(severed)
	env.Await("the replica has caught up", replica.Streaming, replica.CaughtUp)
	well := history.Window{From: env.Now(), To: history.Open}
	env.Await("both are written and read", pgtest.Turns(25, synced, async))

	env.Step("verdict")
	late, cut, all := slow.Window(), severed.InForce(), history.Window{To: history.Open}
	env.Witness(slow, reads(async, late).SomeOlderThan(delay/2))
	env.Witness(severed, stale())
	trip, commit := 2*delay, func(r *pgtest.Register, in history.Window) time.Duration { return check.Latency(r.Writer.Within(in)) }
	waits, goesOn := check.Outage(synced.Writer, cut), check.Outage(async.Writer, cut)
	// The asynchronous writer waits for nobody. So the longest time in which it got no acknowledgement is what the machine was busy with.
	busy := func(in history.Window) time.Duration { return check.Outage(async.Writer, in).LongestGap }
	env.Measure("latency of remote_apply commits", harness.Time(commit(synced, late)), harness.Around(harness.Time(commit(synced, calm)+trip), harness.Time(busy(late))))
	env.Measure("latency of asynchronous commits", harness.Time(commit(async, late)), harness.Around(harness.Time(commit(async, calm)), harness.Time(busy(late))))
	// It waits for as long as the cut lasts, and no longer than until the replica has caught up and says so.
	back := well.From - cut.From + 5*busy(history.Window{From: cut.To, To: history.Open})
	env.Measure("how long no remote_apply commit was acknowledged", harness.Time(waits.RTO), harness.Between(harness.Time(cut.To-cut.From), harness.Time(back)))
	env.Measure("remote_apply commits that waited for the link", harness.Count(waits.Within.Attempted()), harness.Exactly(harness.Count(1)))

	env.Holds("fresh: a read after an acknowledged write returns it", reads(synced, all).NeverStale())
	env.Breaks("fresh: a read after an acknowledged write returns it", "asynchronous commits", reads(async, late).NeverStale())
	env.Holds("available: writes succeed while the link is cut", goesOn.Resumes())
	env.Breaks("available: writes succeed while the link is cut", "remote_apply commits", waits.Resumes())
}
