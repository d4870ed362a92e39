package election_test

import (
	"testing"
	"time"

	"assay/fixtures/etcdtest"
	"assay/harness"
	"assay/harness/check"
	"assay/harness/history"
)

// Claim 9.3: etcd's keys are one truth for all, as if there were one copy, on which each operation takes effect at one moment.
//
//	clients, linearizable reads ────► etcd: three members, each path between two of them a link of its own
//	clients, serializable reads ────► (the control)
//
// First the leader is cut off: a write through it has no answer. A new value is written through another member. Who then asks the
// old leader gets no answer either; the control is answered from what that member has itself, which is the old value. Then clients
// read, write and compare-and-set at random, each through one member, while a nemesis cuts members off from each other by a
// schedule drawn from the seed.
//
// An operation that had no answer may take effect later, or never: the checker (porcupine) leaves it open.
func TestLinearizable(t *testing.T) {
	t.Parallel()
	env := harness.New(t, harness.Claim{ID: "9.3", Says: "a key in etcd is one truth for all: reads, writes and compare-and-sets are linearizable, whoever is cut off from whom"})
	election := env.Knob("election", 500*time.Millisecond)
	over := env.Knob("over", 5*time.Second)
	keys, clients := env.KnobInt("keys", 10), env.KnobInt("clients", 5)

	cluster := etcdtest.Start(env, "cluster", 3, etcdtest.Timing(election/10, election), etcdtest.Meshed())
	one, own := cluster.Register(etcdtest.Linearizable, election), cluster.Register(etcdtest.Serializable, election)
	many, control := cluster.Registers(etcdtest.Linearizable, keys, clients, election), cluster.Registers(etcdtest.Serializable, keys, clients, election)
	judged := func(h history.Source) check.LinearReport { return check.Linearizability(h, 20*time.Second) }

	env.Step("steady state: the leader takes a value, and tells it")
	old := cluster.Leader()
	env.Await("a value is written", one.Written(old.Member), own.Written(old.Member))
	one.Read(old.Member)
	own.Read(old.Member)
	env.Calm(judged(one).Linearizable(), judged(own).Linearizable())

	env.Step("fault: the leader is in a minority, and the majority takes a new value")
	ranks, other := cluster.LeaderFirst(), cluster.Others(old.Member)[0]
	split := cluster.Mesh.Partition(ranks[:1], ranks[1:])
	one.Write(old.Member)
	env.Await("a new value is written", one.Written(other), own.Written(other))
	one.Read(old.Member)
	own.Read(old.Member)
	env.Heal(split)
	env.Await("all follow one leader again", cluster.Healthy)

	env.Step("faults: members are cut off from each other at random")
	many.Run()
	control.Run()
	nemesis := env.Nemesis(cutsOff(cluster), bridges(cluster))
	run := nemesis.Over(harness.Plan{Over: over, Shortest: 2 * election, Longest: 3 * election, Rest: election / 2})
	env.Await("the nemesis is at its end", run.Ended)
	env.Await("all follow one leader again", cluster.Healthy)
	many.Stop()
	control.Stop()

	env.Step("verdict")
	linearizable, serializable := history.Named("linearizable reads", many, one), history.Named("serializable reads", control, own)
	held, broke, counts := judged(linearizable), judged(serializable), check.Outage(linearizable, history.Window{To: history.Open}).Total
	env.Measure("operations", harness.Count(held.Operations), harness.AtLeast(harness.Count(keys)))
	env.Measure("operations without an answer", harness.Count(counts.Unknown), harness.AtLeast(harness.Count(1)))
	env.Measure("keys that are not linearizable", harness.Count(len(held.Illegal)), harness.Exactly(harness.Count(0)))
	env.Measure("keys that are not with serializable reads", harness.Count(len(broke.Illegal)), harness.AtLeast(harness.Count(1)))
	env.Holds("operations are as on one copy", held.Linearizable())
	env.Breaks("operations are as on one copy", "reads from a member's own copy", broke.Linearizable())
}
