package databases_test

import (
	"testing"
	"time"

	"assay/fixtures/pgtest"
	"assay/harness"
	"assay/harness/fault"
	"assay/harness/history"
)

// Claim 8.5: replicas lag. What is read on one is as old as the link is slow over which it follows its primary.
//
//	writers ────► postgres ──── replication link ──► replica ──► reader of "asynchronous" (the control: none waits)
//	                 └───► reader of "primary"         └───► reader of "remote_apply"
//
// Each register has a writer and a reader of its own, all under the same load. What the primary sends over the link
// comes late, then the link breaks. The control's commits do not wait for the replica, and its reads there are stale.
// Two remedies differ from it in one thing each: to read on the primary, or to have commits wait until the replica has
// applied them (remote_apply). What that saves in staleness it costs in latency; cut off, such a commit would wait for
// as long as the cut lasts, so this register rests then.
func TestReplicaLag(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "8.5", Says: "replicas lag: a read from the replica is as old as the replication link is slow",
	}, func(env *harness.Env) {
		delay := env.Knob("delay", 500*time.Millisecond)
		waits, here := env.Subject("remote_apply"), env.Subject("primary")
		nobody := env.Control("asynchronous", "commits wait for nobody, and reads go to the replica")

		postgres := pgtest.Start(env, "postgres", pgtest.Patience(3*time.Second+2*delay))
		link := env.LinkBetween("replication", postgres)
		replica := postgres.Replica(link)
		synced := postgres.Register(waits, pgtest.RemoteApply, replica)
		primary := postgres.Register(here, pgtest.Local, postgres)
		async := postgres.Register(nobody, pgtest.Local, replica)

		env.Step("steady state: the replica follows at once")
		env.Await("the replica streams", replica.Streaming)
		env.Run(async, synced, primary)
		env.Await("all are written and read", async.More(25), synced.More(25), primary.More(25))
		calm := history.Until(env.Now())
		env.Calm(async.Staleness(calm).SeenWithin(delay/2, calm), synced.Staleness(calm).NeverStale(),
			primary.Staleness(calm).NeverStale())

		env.Step("what the replica has received it does not apply for a while")
		replica.PauseReplay()
		env.Await("the control is written and read on", async.More(25))
		replica.ResumeReplay()
		env.Await("all are written and read", synced.More(3))

		env.Step("fault: what the primary sends comes late")
		slow := link.Delay(fault.ServerToClient, delay)
		env.Await("all are written and read", async.More(25), primary.More(25), synced.More(5))

		env.Step("fault: the link breaks")
		env.Stop(synced)
		env.Heal(slow)
		severed := link.Sever()
		env.Await("the replica is further behind than it ever was", async.OlderThan(2*delay, severed))

		env.Step("heal")
		env.Heal(severed)
		env.Await("the replica has caught up", replica.Streaming, replica.CaughtUp)
		well := history.Since(env.Now())
		env.Run(synced)
		env.Await("all are written and read", async.More(25), synced.More(25), primary.More(25))

		env.Step("verdict")
		late, lag := slow.InForce(), async.Staleness(history.Always)
		env.Witness(slow, async.Staleness(late).SomeOlderThan(delay/2))
		env.Witness(severed, async.Staleness(severed.Window()).SomeOlderThan(2*delay))
		nobody.Median("lag on the replica", lag.LagWithin(late), pgtest.LagTime(delay, lag.LagWithin(calm)).In(late))
		waits.Fastest("fastest commit", synced.Fastest(late), harness.Delayed(delay, synced.Fastest(calm)).In(late))
		nobody.Duration("time to converge", lag.Convergence(severed.Window().To),
			pgtest.Convergence(severed).In(history.Since(severed.Window().To)))
		env.Contrast("a read after an acknowledged write returns it", synced.NeverStale(), async.Staleness(late).NeverStale())
		env.Holds("and so does one on the primary", primary.NeverStale())
		env.Holds("after heal the replica follows at once", lag.SeenWithin(delay/2, well))
	})
}
