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
//	writers ────► etcd: leader (the control)
//
// Both leaders are killed by SIGKILL under the same load. The control has nobody who could be elected: until it is
// restarted it takes no write, though it loses none either. Both stay dead for longer than an election takes: by that
// an election is told from a restart. How long it takes follows from Raft (etcdtest, ElectionTime).
func TestLeaderFailover(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID:   "9.1",
		Says: "when the leader fails the others notice and elect another: writes go on, and no acknowledged one is lost",
	}, func(env *harness.Env) {
		election := env.Knob("election", time.Second)
		timing, deadline := etcdtest.Timing(election/10, election), election/2

		three, one := env.Subject("three members"), env.Control("one member", "there is nobody else to be elected")
		cluster := etcdtest.Start(env, "cluster", etcdtest.Members(3), timing)
		single := etcdtest.Start(env, "single", timing)
		writes, control := cluster.Writers(three, deadline), single.Writers(one, deadline)

		env.Step("steady state: both take writes and have them")
		env.Run(writes, control)
		env.Await("both take writes", writes.More(50), control.More(50))
		calm := history.Until(env.Now())
		env.Calm(check.Outage(writes, calm).NoGapOf(election), check.Outage(control, calm).NoGapOf(election),
			check.Delivery(writes.History(), cluster.Read()).NothingLost(),
			check.Delivery(control.History(), single.Read()).NothingLost())

		env.Step("fault: both leaders are killed while writes keep coming")
		old := cluster.Leader()
		killed, alone := old.Kill(), single.Leader().Kill()
		env.Await("the three take writes again", writes.More(50))
		without := history.Between(killed.Window().From, env.Now())
		rounds := cluster.Leader().Term - old.Term
		predicted := cluster.ElectionTime(rounds).In(without)
		env.Await("they are dead for longer than an election takes", env.LongerThan(predicted, alone.InForce().From))

		env.Step("heal")
		env.Heal(alone, killed)
		env.Await("all are back and take writes", cluster.Healthy, single.Healthy, writes.More(50), control.More(50))
		env.Stop(writes, control)

		env.Step("verdict")
		dead := alone.InForce() // killed last and restarted first: both leaders are dead in it
		outage, kept := check.Outage(writes, without), check.Delivery(writes, cluster.Read())
		three.Duration("recovery time (RTO)", outage.LongestGap,
			predicted.AgainstMore("until the restart", dead.Length()))
		three.Count("rounds of election", rounds, harness.AtLeast(1).Against("the old leader leads", 0))
		three.Count("acknowledged writes lost", kept.Lost, harness.Exactly(0).Accompanying())
		three.Count("writes of unknown outcome that are there", kept.Recovered,
			harness.AtMost(outage.Total.Unknown).Accompanying())
		env.Contrast("writes go on while the leader is dead", check.Outage(writes, dead).Resumes(),
			check.Outage(control, dead).Resumes())
		env.Holds("no acknowledged write is lost", kept.NothingLost())
		env.Holds("nor does the control lose one", check.Delivery(control, single.Read()).NothingLost())
	})
}
