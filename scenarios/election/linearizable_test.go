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
//	clients, serializable reads ────► (the control)
//
// First the leader is cut off, and a new value written through another member: who asks the old leader gets no answer,
// or in the control the old value. Then clients read, write and compare-and-set at random, each through one member,
// while a nemesis cuts members off from each other. What had no answer may take effect later, or never: the checker
// (porcupine) leaves it open.
func TestLinearizable(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID:   "9.3",
		Says: "a key in etcd is one truth for all: its operations are linearizable, whoever is cut off from whom",
	}, func(env *harness.Env) {
		election, over := env.Knob("election", 500*time.Millisecond), env.Knob("over", 5*time.Second)
		keys, clients := env.KnobInt("keys", 10), env.KnobInt("clients", 5)

		agreed, own := env.Subject("linearizable reads"), env.Control("serializable reads", "reads ask no majority")
		timing := etcdtest.Timing(election/10, election)
		cluster := etcdtest.Start(env, "cluster", etcdtest.Members(3), timing, etcdtest.Meshed())
		many := []etcdtest.Option{etcdtest.Keys(keys), etcdtest.Clients(clients)}
		linear := cluster.Registers(agreed, election, many...)
		serial := cluster.Registers(own, election, append(many, etcdtest.Reading(etcdtest.Serializable))...)

		env.Step("steady state: the leader takes a value, and tells it")
		old := cluster.Leader()
		env.Await("a value is written", linear.Written(old.Member), serial.Written(old.Member))
		linear.Read(old.Member)
		serial.Read(old.Member)
		env.Calm(linear.Linearizability().Linearizable(), serial.Linearizability().Linearizable())

		env.Step("fault: the leader is in a minority, and the majority takes a new value")
		ranks, other := cluster.LeaderFirst(), cluster.Others(old.Member)[0]
		split := cluster.Mesh.Partition(ranks[:1], ranks[1:])
		linear.Write(old.Member)
		env.Await("a new value is written", linear.Written(other), serial.Written(other))
		linear.Read(old.Member)
		serial.Read(old.Member)
		env.Heal(split)
		env.Await("all follow one leader again", cluster.Healthy)

		env.Step("faults: members are cut off from each other at random")
		env.Run(linear, serial)
		nemesis := env.Nemesis(cutsOff(cluster), bridges(cluster))
		run := nemesis.Over(harness.Plan{Over: over, Shortest: 2 * election, Longest: 3 * election, Rest: election / 2})
		env.Await("the nemesis is at its end", run.Ended)
		env.Await("all follow one leader again", cluster.Healthy)
		env.Stop(linear, serial)

		env.Step("verdict")
		held, broke := linear.Linearizability(), serial.Linearizability()
		unanswered := check.Outage(linear, history.Always).Total.Unknown
		agreed.Count("operations", held.Operations, harness.AtLeast(keys).Accompanying())
		agreed.Count("operations without an answer", unanswered, harness.AtLeast(1).Against("nobody is cut off", 0))
		agreed.Count("keys not linearizable", len(held.Illegal), harness.Exactly(0).AgainstMore("own copies", 1))
		own.Count("keys not linearizable", len(broke.Illegal), harness.AtLeast(1).Against("one copy", 0))
		env.Contrast("operations are as on one copy", held.Linearizable(), broke.Linearizable())
	})
}
