package election_test

import (
	"testing"
	"time"

	"assay/fixtures/etcdtest"
	"assay/harness"
	"assay/harness/check"
)

// Claim 9.4: who is named by the key in etcd is not the only one that acts as the leader. It is the only one whose acts
// count, if what it acts on refuses a fencing token lower than the highest that it has seen.
//
//	two candidates, sessions with a TTL ────► etcd
//	              └───┬──────────────────────► a resource that looks at the token: the revision of the election
//	                  └──────────────────────► a resource that does not (the control)
//
// The leader works a task, which is writes to both resources, and is paused in the middle of it for longer than its
// TTL, as a long garbage collection might do. The other candidate is elected and writes. Then the old leader goes on:
// it has looked whether it leads when it took the task. To look before each write would make the harm rarer, not
// impossible, since a pause can come between look and write (Kleppmann, "How to do distributed locking", 2016). From
// the new leader's first write on the fence refuses the old leader's.
func TestFencing(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "9.4", Says: "the key in etcd always names the only leader whose acts count",
		OnlyIf: "what it acts on refuses a fencing token lower than the highest that it has seen",
	}, func(env *harness.Env) {
		ttl, pace := env.Knob("ttl", 2*time.Second), env.Knob("pace", 20*time.Millisecond)
		writes := env.KnobInt("writes", 50)
		fence, none := env.Subject("fenced"), env.Control("unfenced", "the resource does not look at tokens")

		etcd := etcdtest.Start(env, "etcd", 1,
			etcdtest.Timing(ttl/40, ttl/4)) // etcd grants no TTL below 1.5 election timeouts
		fenced, unfenced := etcdtest.Fenced(env, "fenced", fence), etcdtest.Unfenced(env, "unfenced", none)
		election := etcd.Elect("candidate", 2, ttl, pace, fenced, unfenced)

		env.Step("steady state: one leads after the other, and its writes are taken")
		first := election.Leader()
		env.Await("the first has done a task", first.Work(writes).Done)
		first.Resign()
		old := election.Leader()
		env.Await("the second has done a task", old.Work(writes).Done)
		env.Calm(check.Exclusion(election).OneAtATime(), fenced.Taken(2*writes), unfenced.Taken(2*writes))
		env.Await("the other stands again", election.Healthy)

		env.Step("fault: the leader is paused in the middle of a task, for longer than its TTL")
		task, other := old.Work(writes), election.Other(old)
		env.Await("it is at it", task.Begun)
		paused := old.Pause()
		env.Await("etcd names the other", other.Leads)
		env.Await("the other has done a task", other.Work(writes/10+1).Done)

		env.Step("heal: the old leader goes on")
		env.Heal(paused)
		env.Await("it has done its task, and knows that it leads no more", task.Done, election.Healthy)

		env.Step("verdict")
		acts, held, broke := check.Exclusion(election), check.Fencing(fenced), check.Fencing(unfenced)
		env.Duration("from the pause to the next leader", other.Since()-paused.Window().From,
			etcdtest.TakeOver(ttl).In(paused.Window()))
		env.Duration("time in which two act as the leader", acts.Longest(),
			harness.AtLeast(paused.Window().To-other.Since()).Accompanying())
		// The leader had half of the task or more to do. The pause may have come when a write was made to the one and not yet
		// to the other.
		fence.Count("writes of the old leader taken", len(held.Stale),
			harness.Exactly(0).AgainstRange("no fence", writes/2, writes))
		none.Count("writes of the old leader taken", len(broke.Stale),
			harness.Between(held.Refused, held.Refused+1).Against("a fence", 0))
		env.Contrast("an old leader's acts do not count", held.NothingStale(), broke.NothingStale())
	})
}
