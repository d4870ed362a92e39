package election_test

import (
	"testing"
	"time"

	"assay/fixtures/etcdtest"
	"assay/harness"
	"assay/harness/check"
	"assay/harness/history"
)

// Claim 9.4: who is named by the key in etcd is not the only one that acts as the leader. It is the only one whose acts
// count, if what it acts on refuses a fencing token lower than the highest that it has seen.
//
//	two candidates, sessions with a TTL ────► etcd
//	              └───┬──────────────────────► a resource that looks at the token: the revision of the election
//	                  └──────────────────────► a resource that does not (the control)
//
// The leader works a task, writes to both. It is paused in the middle for longer than its TTL, as by a long garbage
// collection: the session ends, the other candidate is elected and writes. Then the old one goes on: it has looked
// whether it leads when it took the task. (Etcdtest says when the session ends, HandOverTime, and why to look more
// often would not do, Candidate.)
func TestFencing(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "9.4", Says: "the key in etcd always names the only leader whose acts count",
		OnlyIf: "what it acts on refuses a fencing token lower than the highest that it has seen",
	}, func(env *harness.Env) {
		ttl := env.Knob("ttl", 2*time.Second)
		pace, writes := env.Knob("pace", 20*time.Millisecond), env.KnobInt("writes", 50)

		fence, none := env.Subject("fenced resource"), env.Control("unfenced resource", "it does not look at tokens")
		etcd := etcdtest.Start(env, "etcd", etcdtest.ForSessions(ttl))
		fenced, unfenced := etcdtest.Fenced(env, "fenced", fence), etcdtest.Unfenced(env, "unfenced", none)
		election := etcd.Elect("candidate", 2, ttl, pace, fenced, unfenced)

		env.Step("steady state: one leads after the other, and its writes are taken")
		first := election.Leader()
		env.Await("the first has done a task", first.Work(writes).Done)
		first.Resign()
		old := election.Leader()
		env.Await("the second has done a task", old.Work(writes).Done)
		env.Calm(check.Exclusion(election).OneAtATime(), fenced.Took(2*writes), unfenced.Took(2*writes))
		env.Await("the other stands again", election.Healthy)

		env.Step("fault: the leader is paused in the middle of a task, for longer than its TTL")
		task, other := old.Work(writes), election.Other(old)
		env.Await("it is at it", task.Begun)
		paused := old.Pause()
		env.Await("etcd names the other", other.Leads)
		predicted := election.HandOverTime().In(history.Between(paused.Window().From, env.Now()))
		env.Await("the other has done a task", other.Work(writes/10+1).Done)
		env.Await("the pause is longer than the session may last", env.LongerThan(predicted, paused.InForce().From))

		env.Step("heal: the old leader goes on")
		env.Heal(paused)
		env.Await("it has done its task, and knows that it leads no more", task.Done, election.Healthy)

		env.Step("verdict")
		acts, held, broke := check.Exclusion(election), check.Fencing(fenced), check.Fencing(unfenced)
		env.Duration("from the pause to the next leader", other.Since()-paused.Window().From,
			predicted.AgainstMore("no session: until the old one goes on", paused.InForce().Length()))
		env.Count("times that two act as the leader", len(acts.Overlaps),
			harness.AtLeast(1).Against("the old one stops", 0))
		env.Duration("time in which two act as the leader", acts.Longest(),
			harness.AtLeast(paused.Window().To-other.Since()).Accompanying())
		fence.Count("writes of the old leader taken", len(held.Stale), harness.Exactly(0).AgainstMore("no fence", 1))
		// The pause may have come when a write had been made to the one and not yet to the other.
		none.Count("writes of the old leader taken", len(broke.Stale),
			harness.Between(held.Tried, held.Tried+1).Against("a fence", 0))
		env.Contrast("an old leader's acts do not count", held.NothingStale(), broke.NothingStale())
	})
}
