package election_test

import (
	"testing"
	"time"

	"assay/fixtures/etcdtest"
	"assay/harness"
	"assay/harness/check"
	"assay/harness/history"
)

// Claim 9.1: when the leader fails the others notice, elect another, and writes go on. No acknowledged write is lost.
//
//	writers ────► etcd: leader ◄───► two followers
//	writers ────► etcd: leader (the control: nobody is there who could be elected)
//
// Both leaders are killed by SIGKILL under the same load. Until it is restarted the control takes no write, though it
// loses none either. How long the others take follows from Raft and from etcd's timing: see etcdtest's ElectionTime.
func TestLeaderFailover(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID:   "9.1",
		Says: "when the leader fails the others detect it and elect another: writes go on and no acknowledged one is lost",
	}, func(env *harness.Env) {
		election := env.Knob("election", time.Second)
		timing := etcdtest.Timing(election/10, election)

		cluster, single := etcdtest.Start(env, "cluster", 3, timing), etcdtest.Start(env, "single", 1, timing)
		three, one := env.Subject("three members"), env.Control("a single member", "there is nobody to elect")
		writes, control := cluster.Write(three, election/2), single.Write(one, election/2)

		env.Step("steady state: both take writes and have them")
		env.Run(writes, control)
		env.Await("both take writes", writes.More(50), control.More(50))
		calm := history.Until(env.Now())
		env.Calm(check.Outage(writes, calm).NoGapOf(election), check.Outage(control, calm).NoGapOf(election),
			check.Delivery(writes.History(), cluster.Read()).NothingLost(), check.Delivery(control.History(),
				single.Read()).NothingLost())

		env.Step("fault: both leaders are killed while writes keep coming")
		old := cluster.Leader()
		killed, alone := old.Kill(), single.Leader().Kill()
		env.Await("the three take writes again", writes.More(50))
		again := history.Between(killed.Window().From, env.Now())
		env.Await("the single one has been asked for longer", control.Ended(4))
		rounds := cluster.Leader().Term - old.Term

		env.Step("heal")
		env.Heal(alone, killed)
		env.Await("all members are back and take writes", cluster.Healthy, single.Healthy, writes.More(50), control.More(50))
		env.Stop(writes, control)

		env.Step("verdict")
		outage, kept := check.Outage(writes, again), check.Delivery(writes, cluster.Read())
		dead := alone.InForce() // killed last and restarted first: both leaders are dead in it
		three.Duration("recovery time (RTO)", outage.LongestGap, cluster.ElectionTime(rounds).In(again))
		three.Count("rounds of election", rounds, harness.AtLeast(1).Against("nobody is elected", 0))
		three.Count("acknowledged writes lost", kept.Lost, harness.Exactly(0).Accompanying())
		three.Count("writes of unknown outcome that are there", kept.Recovered,
			harness.AtMost(outage.Total.Unknown).Accompanying())
		env.Contrast("writes go on while the leader is dead", check.Outage(writes, dead).Resumes(),
			check.Outage(control, dead).Resumes())
		env.Holds("no acknowledged write is lost", kept.NothingLost())
		env.Holds("nor does the control lose one", check.Delivery(control, single.Read()).NothingLost())
	})
}
