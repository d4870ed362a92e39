package election_test

import (
	"testing"
	"time"

	"assay/fixtures/natstest"
	"assay/harness"
	"assay/harness/check"
	"assay/harness/history"
)

// Claim 9.5: leader election keeps a replicated stream going.
//
//	load ────► stream with three replicas ──┐
//	load ────► stream with one (the control) ┴─ both led by the same of three NATS servers
//
// That server is killed by SIGKILL: one fault, and two streams that lose their leader by it. Of the one there are two more
// replicas, which elect another leader; the other has nobody until its server is started again, though it loses nothing either.
// It stays dead for longer than an election takes: by that an election is told from a restart. How long it takes is not for a
// setting to say (natstest, ElectionTime).
func TestReplicatedStream(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID:   "9.5",
		Says: "leader election keeps a replicated stream going when its leader is killed: nothing acknowledged is lost",
	}, func(env *harness.Env) {
		patience := env.Knob("patience", time.Second)

		three, one := env.Subject("three replicas"), env.Control("one replica", "there is nobody else to be elected")
		cluster := natstest.StartCluster(env, "nats", 3)
		replicated, single := cluster.Stream("replicated", natstest.Replicas(3)), cluster.Stream("single")
		cluster.Hand(replicated, cluster.Leader(single).Member)
		load, control := replicated.Load(three, patience), single.Load(one, patience)

		env.Step("steady state: both streams take messages and have them")
		env.Run(load, control)
		well := []harness.Condition{cluster.Healthy, replicated.Whole}
		env.Await("all is well, and both take messages", append(well, load.More(50), control.More(50))...)
		calm := history.Until(env.Now())
		env.Calm(check.Outage(load, calm).NoGapOf(natstest.ElectionLeast),
			check.Outage(control, calm).NoGapOf(natstest.ElectionLeast),
			check.Delivery(load.History(), replicated.Stored()).NothingLost(),
			check.Delivery(control.History(), single.Stored()).NothingLost())

		env.Step("fault: the server that leads both is killed while messages keep coming")
		old := cluster.Leader(replicated)
		killed := old.Kill()
		env.Await("the replicated stream takes messages again", load.More(50))
		without := history.Between(killed.Window().From, env.Now())
		rounds := cluster.Leader(replicated).Term - old.Term
		predicted := natstest.ElectionTime(rounds).In(without)
		env.Await("it is dead for longer than an election takes", env.LongerThan(predicted, killed.InForce().From))

		env.Step("heal")
		env.Heal(killed)
		env.Await("all is well again, and both take messages", append(well, load.More(50), control.More(50))...)
		env.Stop(load, control)

		env.Step("verdict")
		outage, kept := check.Outage(load, without), check.Delivery(load, replicated.Stored())
		three.Duration("time without a leader (RTO)", outage.LongestGap,
			predicted.AgainstMore("until the restart", killed.InForce().Length()))
		three.Count("rounds of election", rounds, harness.AtLeast(1).Against("the old leader leads", 0))
		three.Count("acknowledged messages lost", kept.Lost, harness.Exactly(0).Accompanying())
		three.Count("messages of unknown outcome that are there", kept.Recovered,
			harness.AtMost(outage.Total.Unknown).Accompanying())
		env.Contrast("messages are taken while the server is dead", check.Outage(load, killed.InForce()).Resumes(),
			check.Outage(control, killed.InForce()).Resumes())
		env.Holds("no acknowledged message is lost", kept.NothingLost())
		env.Holds("nor does the control lose one", check.Delivery(control, single.Stored()).NothingLost())
	})
}
