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
//
// How long the election takes is not for a setting to say. A replica stands for election when it has heard nothing from the leader for
// natstest.ElectionLeast to ElectionMost, drawn anew whenever it hears something, and under load that is with each message. If none is
// elected in a term, all wait once more. The votes and the first message follow, each about as long as a message takes at
// most while somebody leads: before the fault, or with the old leader still dead.
func TestReplicatedStream(t *testing.T) {
	t.Parallel()
	env := harness.New(t, harness.Claim{ID: "9.5", Says: "leader election keeps a replicated stream going: when its leader is killed another takes messages, and no acknowledged one is lost"})
	patience := env.Knob("patience", time.Second)

	cluster := natstest.StartCluster(env, "nats", 3)
	replicated, single := cluster.Stream("replicated", natstest.Replicas(3)), cluster.Stream("single")
	cluster.Hand(replicated, cluster.Leader(single).Member)
	load, control := replicated.Load(patience), single.Load(patience)

	env.Step("steady state: both streams take messages and have them")
	env.Await("all is well, and both take messages", cluster.Healthy, replicated.Whole, load.Acknowledged(50), control.Acknowledged(50))
	calm := check.Outage(load, history.Window{To: env.Now()})
	env.Calm(calm.NoGapOf(natstest.ElectionLeast), check.Outage(control, calm.Window).NoGapOf(natstest.ElectionLeast),
		check.Delivery(load.History(), replicated.Stored()).NothingLost(), check.Delivery(control.History(), single.Stored()).NothingLost())

	env.Step("fault: the server that leads both is killed while messages keep coming")
	old := cluster.Leader(replicated)
	killed := old.Kill()
	env.Await("the replicated stream takes messages again", load.Acknowledged(50))
	again := env.Now()
	terms := cluster.Leader(replicated).Term - old.Term

	env.Step("heal")
	env.Heal(killed)
	env.Await("all is well again, and both take messages", cluster.Healthy, replicated.Whole, load.Acknowledged(50), control.Acknowledged(50))
	load.Stop()
	control.Stop()

	env.Step("verdict")
	outage, kept := check.Outage(load, history.Window{From: killed.Window().From, To: again}), check.Delivery(load, replicated.Stored())
	turn := longestGap(load, calm.Window, history.Window{From: again, To: killed.Window().To})
	most := time.Duration(max(terms, 1)) * natstest.ElectionMost
	env.Measure("time without a leader (RTO)", harness.Time(outage.LongestGap),
		harness.Between(harness.Time(max(0, natstest.ElectionLeast-turn)), harness.Time(most+4*turn)))
	env.Measure("terms of election", harness.Count(terms), harness.AtLeast(harness.Count(1)))
	env.Measure("acknowledged messages lost", harness.Count(kept.Lost), harness.Exactly(harness.Count(0)))
	env.Measure("messages of unknown outcome that are there", harness.Count(kept.Recovered), harness.AtMost(harness.Count(outage.Total.Unknown)))
	const property = "messages are taken while the server is dead"
	env.Holds(property, check.Outage(load, killed.InForce()).Resumes())
	env.Breaks(property, "a stream with one replica", check.Outage(control, killed.InForce()).Resumes())
	env.Holds("no acknowledged message is lost", kept.NothingLost())
	env.Holds("nor does the control lose one", check.Delivery(control, single.Stored()).NothingLost())
}
