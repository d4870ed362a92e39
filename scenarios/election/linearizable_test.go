package election_test

import (
	"testing"
	"time"

	"assay/fixtures/etcdtest"
	"assay/harness"
	"assay/harness/check"
	"assay/harness/history"
)

// Claim 9.3: etcd's keys are one truth for all, as if there were one copy, on which each operation takes effect at one
// moment.
//
//	clients, linearizable reads ────► etcd: three members, each path between two of them a link of its own
//	clients, serializable reads ────► (the control: a member answers from its own copy)
//
// First the leader is cut off: a write through it has no answer. A new value is written through another member. Who
// then asks the old leader gets no answer either; the control is answered from what that member has itself, which is
// the old value. Then clients read, write and compare-and-set at random, each through one member, while a nemesis cuts
// members off from each other. An operation that had no answer may take effect later, or never: the checker (porcupine)
// leaves it open.
func TestLinearizable(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "9.3",
		Says: "a key in etcd is one truth for all: reads, writes and compare-and-sets are linearizable, whoever is cut " +
			"off from whom",
	}, func(env *harness.Env) {
		election, over := env.Knob("election", 500*time.Millisecond), env.Knob("over", 5*time.Second)
		keys, clients := env.KnobInt("keys", 10), env.KnobInt("clients", 5)
		truth := env.Subject("linearizable reads")
		copies := env.Control("serializable reads", "a member answers from its own copy")

		cluster := etcdtest.Start(env, "cluster", 3, etcdtest.Timing(election/10, election), etcdtest.Meshed())
		one := cluster.Register(truth, etcdtest.Linearizable, election)
		own := cluster.Register(copies, etcdtest.Serializable, election)
		many := cluster.Registers(truth, etcdtest.Linearizable, keys, clients, election)
		control := cluster.Registers(copies, etcdtest.Serializable, keys, clients, election)

		env.Step("steady state: the leader takes a value, and tells it")
		old := cluster.Leader()
		env.Await("a value is written", one.Written(old.Member), own.Written(old.Member))
		one.Read(old.Member)
		own.Read(old.Member)
		env.Calm(etcdtest.Judged(one).Linearizable(), etcdtest.Judged(own).Linearizable())

		env.Step("fault: the leader is in a minority, and the majority takes a new value")
		members, other := cluster.LeaderFirst(), cluster.Others(old.Member)[0]
		split := cluster.Mesh.Partition(members[:1], members[1:])
		one.Write(old.Member)
		env.Await("a new value is written", one.Written(other), own.Written(other))
		one.Read(old.Member)
		own.Read(old.Member)
		env.Heal(split)
		env.Await("all follow one leader again", cluster.Healthy)

		env.Step("faults: members are cut off from each other at random")
		env.Run(many, control)
		nemesis := env.Nemesis(cutsOff(cluster), bridges(cluster))
		run := nemesis.Over(harness.Plan{Over: over, Shortest: 2 * election, Longest: 3 * election, Rest: election / 2})
		env.Await("the nemesis is at its end", run.Ended)
		env.Await("all follow one leader again", cluster.Healthy)
		env.Stop(many, control)

		env.Step("verdict")
		held, broke := etcdtest.Judged(many, one), etcdtest.Judged(control, own)
		unanswered := check.Outage(history.Merge(many, one), history.Always).Total.Unknown
		truth.Count("operations", held.Operations, harness.AtLeast(keys).Accompanying())
		truth.Count("operations without an answer", unanswered, harness.AtLeast(1).Against("nobody is cut off", 0))
		truth.Count("keys that are not linearizable", len(held.Illegal), harness.Exactly(0).AgainstMore("its own copy", 1))
		copies.Count("keys that are not linearizable", len(broke.Illegal), harness.AtLeast(1).Against("one truth", 0))
		env.Contrast("operations are as on one copy", held.Linearizable(), broke.Linearizable())
	})
}
