package databases_test

import (
	"testing"
	"time"

	"assay/fixtures/pgtest"
	"assay/harness"
	"assay/harness/fault"
	"assay/harness/history"
)

// Claim 8.6: a commit that waits for the replica buys fresh reads there, and pays with the link: its latency in every
// write, and its outage in all of them.
//
//	writers ────► postgres ──── replication link ────► replica ────► readers of both registers
//
// Two registers under the same load at the same time, both read on the replica; they differ in what their commits wait
// for. The link is slow in both directions first, then it breaks. It is a trade, so each is the other's control:
// waiting (remote_apply) no read is stale, and no write is acknowledged while the link is cut; not waiting, writes
// notice neither, and reads are stale.
func TestSynchronousReplication(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID:   "8.6",
		Says: "synchronous replication trades latency and availability of writes for fresh reads on the replica",
	}, func(env *harness.Env) {
		delay := env.Knob("delay", 250*time.Millisecond)
		waits, nobody := env.Subject("remote_apply"), env.Control("asynchronous", "commits wait for nobody")

		postgres := pgtest.Start(env, "postgres", pgtest.Patience(3*time.Second+4*delay))
		link := env.LinkBetween("replication", postgres)
		replica := postgres.Replica(link)
		synced := postgres.Register(waits, pgtest.RemoteApply, replica)
		async := postgres.Register(nobody, pgtest.Local, replica)

		env.Step("steady state: the replica follows at once")
		env.Await("the replica streams", replica.Streaming)
		env.Run(synced, async)
		env.Await("both are written and read", synced.More(25), async.More(25))
		calm := history.Until(env.Now())
		env.Calm(synced.Staleness(calm).NeverStale(), async.Staleness(calm).SeenWithin(delay, calm))

		env.Step("what the replica has received it does not apply for a while")
		replica.PauseReplay()
		env.Await("one is written and read on", async.More(25))
		replica.ResumeReplay()
		env.Await("both are written and read", synced.More(3))

		env.Step("fault: the link is slow in both directions")
		slow := link.Delay(fault.Both, delay)
		env.Await("both are written and read", synced.More(5), async.More(25))

		env.Step("fault: the link breaks")
		env.Stop(synced) // so that its next write begins when there is no link
		env.Heal(slow)
		severed := link.Sever()
		env.Run(synced)
		env.Await("one writes on, the other waits", synced.Waits, async.More(25), async.OlderThan(2*delay, severed))

		env.Step("heal")
		env.Heal(severed)
		env.Await("the replica has caught up", replica.Streaming, replica.CaughtUp, synced.More(25), async.More(25))

		env.Step("verdict")
		late, cut, trip := slow.InForce(), severed.InForce(), 2*delay
		env.Witness(slow, async.Staleness(late).SomeOlderThan(delay/2))
		env.Witness(severed, async.Staleness(severed.Window()).SomeOlderThan(2*delay))
		blocked, goesOn := synced.Outage(cut), async.Outage(cut)
		waits.Fastest("fastest commit", synced.Fastest(late), harness.Delayed(trip, synced.Fastest(calm)).In(late))
		nobody.Fastest("fastest commit", async.Fastest(late), harness.AtMost(delay).Against("it waits", trip).In(late))
		asLong := harness.AtLeast(cut.Length()).Against("it waits for nobody", 0).In(cut)
		waits.Duration("without an acknowledged commit", blocked.RTO, asLong)
		once := harness.Exactly(1).AgainstMore("it waits for nobody", 2)
		waits.Count("commits that waited for the link", blocked.Within.Attempted(), once)
		env.Contrast("fresh: a read after a write returns it", synced.NeverStale(), async.Staleness(late).NeverStale())
		env.Contrast("available: writes succeed while the link is cut", goesOn.Resumes(),
			harness.Without("commits that wait for nobody", blocked.Resumes()))
	})
}
