package balancing_test

import (
	"testing"

	"assay/fixtures/apptest"
	"assay/fixtures/haproxytest"
	"assay/harness"
	"assay/harness/history"
)

// Claim 6.7: balancers can stand before balancers.
//
//	clients ──► top ──┬──► leaf-1 (killed, and back) ──┬──► server-1
//	                  │                                └──► server-2
//	                  └──► leaf-2 ─────────────────────┬──► server-3
//	                                                   └──► server-4
//	clients ──► leaf-1 (the control)
//
// All three go round in turn. To the top a leaf is a server as any other: it spreads requests over the leaves, and so
// over all servers, and leaves a dead leaf out, servers and all. Who calls that leaf directly gets nothing.
func TestTwoTiers(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "6.7", Says: "a balancer before balancers spreads requests over the servers of all, " +
			"and goes on when one of them dies",
	}, func(env *harness.Env) {
		turns := env.KnobInt("turns", 50)

		const leaves, servers = 2, 4
		requests := turns * servers
		servers1 := []*harness.Node{apptest.Worker(env, "server-1"), apptest.Worker(env, "server-2")}
		servers2 := []*harness.Node{apptest.Worker(env, "server-3"), apptest.Worker(env, "server-4")}
		leaf1 := haproxytest.Start(env, "leaf-1", haproxytest.Before(servers1...))
		leaf2 := haproxytest.Start(env, "leaf-2", haproxytest.Before(servers2...))
		top := haproxytest.Start(env, "top", haproxytest.Before(leaf1.Node, leaf2.Node))
		two, one := env.Subject("two tiers"), env.Control("one tier", "the balancer before the balancers")
		alone := leaf1.Clients(one, haproxytest.RoundRobin)
		stacked := top.Clients(two, haproxytest.RoundRobin)

		env.Await("the leaves find their servers", leaf1.Uses(servers1...), leaf2.Uses(servers2...))

		env.Step("steady state: all servers get requests by way of both tiers")
		stacked.Send(requests)
		of1 := leaf1.Served(haproxytest.RoundRobin, servers1[0])
		of3 := leaf2.Served(haproxytest.RoundRobin, servers2[0])
		alone.Send(requests)
		calm := stacked.Spread(history.Always)
		env.Calm(calm.Even(), calm.Complete(), alone.Spread(history.Always).Complete())

		env.Step("fault: a balancer of the second tier is dead")
		killed := leaf1.Kill()
		env.Await("the top leaves it out", top.Uses(leaf2.Node))
		since := env.Now()
		stacked.Send(requests)
		alone.Send(requests)
		left := history.Since(since)
		held, broke := stacked.Spread(left), alone.Spread(left)

		env.Step("heal")
		env.Heal(killed)
		env.Await("it is back, and the top uses it", leaf1.Uses(servers1...), top.Uses(leaf1.Node, leaf2.Node))
		back := env.Now()
		alone.Send(1)

		env.Step("verdict")
		two.Count("requests to a server of leaf-1", of1, harness.Exactly(turns).Against("it gets all", requests/leaves))
		two.Count("requests to a server of leaf-2", of3, harness.Exactly(turns).Against("it gets none", 0))
		two.Share("requests lost", held.Missed(),
			harness.Exactly[harness.Share](0).Against("in turn, also to the dead one", 1.0/leaves))
		one.Share("requests lost", broke.Missed(), harness.Exactly[harness.Share](1).Against("two tiers", 0))
		env.Contrast("every request is answered while a balancer is dead", held.Complete(), broke.Complete())
		env.Holds("with the balancer back its clients are answered, too", alone.Spread(history.Since(back)).Complete())
	})
}
