package availability_test

import (
	"testing"

	"assay/fixtures/apptest"
	"assay/fixtures/haproxytest"
	"assay/harness"
	"assay/harness/history"
)

// Claim 3.3: the balancer in front is itself a single point of failure, until there are two.
//
//	users ──┬──► balancer-1 (killed, and back) ──┬──► server-1
//	        └──► balancer-2 ─────────────────────┴──► server-2
//	users ─────► balancer-1 (the control)
//
// Both servers live on all the time. Users who know one balancer do not reach them when it is dead. Those who know two
// ask the second when the first does not answer.
func TestTwoBalancers(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "3.3", Says: "a balancer in front is a single point of failure; " +
			"with a second one, and users who know both, it is none",
	}, func(env *harness.Env) {
		requests := env.KnobInt("requests", 100)

		servers := []*harness.Node{apptest.Worker(env, "server-1"), apptest.Worker(env, "server-2")}
		first := haproxytest.Start(env, "balancer-1", haproxytest.Before(servers...))
		second := haproxytest.Start(env, "balancer-2", haproxytest.Before(servers...))
		two, one := env.Subject("two balancers"), env.Control("one balancer", "the second balancer")
		redundant := apptest.InParallel(env, two, "", first.Direct(), second.Direct())
		single := apptest.InSeries(env, one, "", first.Direct())
		env.Await("the balancers find their servers", first.Uses(servers...), second.Uses(servers...))

		env.Step("steady state: every request is answered")
		redundant.Ask(requests)
		single.Ask(requests)
		env.Calm(redundant.All(history.Always), single.All(history.Always))

		env.Step("fault: the first balancer is dead, and no server")
		before := second.Served(haproxytest.RoundRobin, servers...)
		killed := first.Kill()
		redundant.Ask(requests)
		single.Ask(requests)
		passed := second.Served(haproxytest.RoundRobin, servers...) - before

		env.Step("heal")
		env.Heal(killed)
		env.Await("it is back", first.Answers, first.Uses(servers...), single.Answers)

		env.Step("verdict")
		during := killed.Window()
		two.Share("requests answered", redundant.Answered(during),
			harness.Exactly[harness.Share](1).Against("one balancer", 0))
		two.Count("requests by way of the second balancer", passed, harness.Exactly(requests).Against("none", 0))
		one.Share("requests answered", single.Answered(during),
			harness.Exactly[harness.Share](0).Against("two balancers", 1))
		env.Contrast("every request is answered while a balancer is dead", redundant.All(during), single.All(during))
	})
}
