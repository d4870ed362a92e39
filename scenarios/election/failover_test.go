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
// Both leaders are killed by SIGKILL under the same load. The control has nobody who could be elected: until it is restarted
// it takes no write, though it loses none either.
//
// How long it takes follows from Raft (Ongaro and Ousterhout 2014, §5.2 and §9.3) as etcd counts: a follower stands for
// election when it has heard nothing from a leader for 1 to 2 election timeouts, drawn anew each time, in ticks of one
// heartbeat (https://etcd.io/docs/latest/tuning/). The first of them may come at once, and with it one that waited to be
// counted: a member on a busy processor keeps those. When two stand at the same moment nobody may win, and both wait again:
// each round has a term of its own. A pre-vote, a vote, the new leader's first entry and the first write follow, each about as
// long as a write takes at most while somebody leads: before the fault, or with the old leader still dead.
func TestLeaderFailover(t *testing.T) {
	t.Parallel()
	env := harness.New(t, harness.Claim{ID: "9.1", Says: "when the leader fails the others detect it and elect another: writes go on and no acknowledged one is lost"})
	election := env.Knob("election", time.Second)
	heartbeat, deadline := election/10, election/2
	elections := func(d time.Duration) harness.Quantity {
		return harness.Number(d.Seconds()/election.Seconds(), "election timeouts")
	}

	cluster := etcdtest.Start(env, "cluster", 3, etcdtest.Timing(heartbeat, election))
	single := etcdtest.Start(env, "single", 1, etcdtest.Timing(heartbeat, election))
	writes, control := cluster.Write(deadline), single.Write(deadline)

	env.Step("steady state: both take writes and have them")
	env.Await("both take writes", writes.Acknowledged(50), control.Acknowledged(50))
	calm := check.Outage(writes, history.Window{To: env.Now()})
	env.Calm(calm.NoGapOf(election), check.Outage(control, calm.Window).NoGapOf(election),
		check.Delivery(writes.History(), cluster.Read()).NothingLost(), check.Delivery(control.History(), single.Read()).NothingLost())

	env.Step("fault: both leaders are killed while writes keep coming")
	old := cluster.Leader()
	killed, alone := old.Kill(), single.Leader().Kill()
	env.Await("the three take writes again", writes.Acknowledged(50))
	again := env.Now()
	env.Await("the single one has been asked for longer", control.Ended(4))
	rounds := cluster.Leader().Term - old.Term

	env.Step("heal")
	env.Heal(alone, killed)
	env.Await("all members are back and take writes", cluster.Healthy, single.Healthy, writes.Acknowledged(50), control.Acknowledged(50))
	writes.Stop()
	control.Stop()

	env.Step("verdict")
	outage, kept := check.Outage(writes, history.Window{From: killed.Window().From, To: again}), check.Delivery(writes, cluster.Read())
	dead := alone.InForce() // killed last and restarted first: both leaders are dead in it
	least, most := time.Duration(max(rounds, 1))*(election-2*heartbeat), time.Duration(max(rounds, 1))*2*election
	turn := longestGap(writes, calm.Window, history.Window{From: again, To: killed.Window().To})
	env.Measure("recovery time (RTO)", elections(outage.LongestGap),
		harness.Between(elections(max(0, least-turn)), elections(most+heartbeat+4*turn)))
	env.Measure("rounds of election", harness.Count(rounds), harness.AtLeast(harness.Count(1)))
	env.Measure("acknowledged writes lost", harness.Count(kept.Lost), harness.Exactly(harness.Count(0)))
	env.Measure("writes of unknown outcome that are there", harness.Count(kept.Recovered), harness.AtMost(harness.Count(outage.Total.Unknown)))
	env.Holds("writes go on while the leader is dead", check.Outage(writes, dead).Resumes())
	env.Breaks("writes go on while the leader is dead", "a single member", check.Outage(control, dead).Resumes())
	env.Holds("no acknowledged write is lost", kept.NothingLost())
	env.Holds("nor does the control lose one", check.Delivery(control, single.Read()).NothingLost())
}
