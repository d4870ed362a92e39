package election_test

import (
	"testing"
	"time"

	"assay/fixtures/etcdtest"
	"assay/harness"
	"assay/harness/check"
)

// Claim 9.4: who is named by the key in etcd is not the only one that acts as the leader. It is the only one whose acts count, if
// what it acts on refuses a fencing token lower than the highest that it has seen.
//
//	two candidates, sessions with a TTL ────► etcd
//	              └───┬──────────────────────► a resource that looks at the token: the revision of the election
//	                  └──────────────────────► a resource that does not (the control)
//
// The leader works a task, which is writes to both resources. It is paused in the middle of it for longer than its TTL, as a long
// garbage collection might do. The session ends, the key goes, the other candidate is elected and writes. Then the old leader goes on:
// it has looked whether it leads when it took the task. To look before each write would make the harm rarer, not impossible, since
// a pause can come between look and write (Kleppmann, "How to do distributed locking", 2016). From the new leader's first write on
// the fence refuses the old leader's; before that it would not, nor would there be anything to protect.
//
// When the other is elected follows from how etcd keeps leases: the client asks for one more TTL when a third of it has gone, for
// which it looks every half second (client/v3, lease.go), and the server looks as often which leases are over (lease/lessor.go).
func TestFencing(t *testing.T) {
	t.Parallel()
	env := harness.New(t, harness.Claim{ID: "9.4", Says: "the key in etcd always names the only leader whose acts count",
		OnlyIf: "what it acts on refuses a fencing token lower than the highest that it has seen"})
	ttl := env.Knob("ttl", 2*time.Second)
	pace, writes := env.Knob("pace", 20*time.Millisecond), env.KnobInt("writes", 50)
	const look = 500 * time.Millisecond

	etcd := etcdtest.Start(env, "etcd", 1, etcdtest.Timing(ttl/40, ttl/4)) // etcd grants no TTL below 1.5 election timeouts
	fenced, unfenced := etcdtest.Fenced(env, "fenced"), etcdtest.Unfenced(env, "unfenced")
	election := etcd.Elect("candidate", 2, ttl, pace, fenced, unfenced)

	env.Step("steady state: one leads after the other, and its writes are taken")
	first := election.Leader()
	env.Await("the first has done a task", first.Work(writes).Done)
	first.Resign()
	old := election.Leader()
	began := env.Now()
	env.Await("the second has done a task", old.Work(writes).Done)
	usual := env.Now() - began
	env.Calm(check.Exclusion(election).OneAtATime(), taken(fenced, 2*writes), taken(unfenced, 2*writes))
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
	left := paused.Window().To - other.Since()
	env.Measure("from the pause to the next leader", harness.Time(other.Since()-paused.Window().From),
		harness.Between(harness.Time(ttl*2/3-look), harness.Time(ttl+2*look)))
	env.Measure("time in which two act as the leader", harness.Time(acts.Longest()), harness.Between(harness.Time(left), harness.Time(left+2*usual)))
	env.Measure("writes of the old leader taken with a fence", harness.Count(len(held.Stale)), harness.Exactly(harness.Count(0)))
	// The pause may have come when a write had been made to the one and not yet to the other.
	env.Measure("writes of the old leader taken without", harness.Count(len(broke.Stale)), harness.Between(harness.Count(held.Refused), harness.Count(held.Refused+1)))
	env.Holds("an old leader's acts do not count", held.NothingStale())
	env.Breaks("an old leader's acts do not count", "a resource that does not look at tokens", broke.NothingStale())
}
