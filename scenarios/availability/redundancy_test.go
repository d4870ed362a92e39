package availability_test

import (
	"testing"

	"assay/fixtures/apptest"
	"assay/fixtures/haproxytest"
	"assay/harness"
	"assay/harness/history"
)

// Claim 3.1: redundancy takes away a single point of failure.
//
//	customers ──► shop-1 ──► haproxy-1 ──┬──► auth-1 (killed, and back)
//	                                     └──► auth-2
//	customers ──► shop-2 ──► haproxy-2 ─────► auth-1 (the control)
//
// A shop lets nobody in about whom it cannot ask an auth service. With two services the balancer leaves the dead one
// out, and customers go on. With one nobody gets in until it is back, though the shop itself is well.
func TestRedundancy(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "3.1", Says: "with a second auth service customers go on when one is dead; " +
			"with one alone the shop is of no use to them",
	}, func(env *harness.Env) {
		requests := env.KnobInt("requests", 50)

		first, second := apptest.Auth(env, "auth-1"), apptest.Auth(env, "auth-2")
		before2 := haproxytest.Start(env, "haproxy-1", haproxytest.Before(first, second))
		before1 := haproxytest.Start(env, "haproxy-2", haproxytest.Before(first))
		shop1, shop2 := apptest.Shop(env, "shop-1", before2.Node), apptest.Shop(env, "shop-2", before1.Node)
		two, one := env.Subject("two services"), env.Control("one service", "the second auth service")
		redundant := apptest.Customers(env, two, shop1, first, second)
		intruders := apptest.Intruders(env, two, shop1, first, second)
		single := apptest.Customers(env, one, shop2, first)
		env.Await("the balancers find the services", before2.Uses(first, second), before1.Uses(first))

		env.Step("steady state: customers get in, and nobody else")
		redundant.Ask(requests)
		single.Ask(requests)
		intruders.Ask(requests)
		env.Calm(redundant.All(history.Always), single.All(history.Always), intruders.Refused(history.Always))

		env.Step("fault: an auth service is dead")
		killed := first.Kill()
		env.Await("the balancers leave it out", before2.Uses(second), before1.Uses())
		left := env.Now()
		redundant.Ask(requests)
		single.Ask(requests)
		intruders.Ask(requests)
		without := history.Between(left, env.Now())

		env.Step("heal")
		env.Heal(killed)
		env.Await("it is back, and the balancers use it", before2.Uses(first, second), before1.Uses(first))

		env.Step("verdict")
		two.Share("customers let in", redundant.Answered(without),
			harness.Exactly[harness.Share](1).Against("every other one, in turn", 0.5))
		one.Share("customers let in", single.Answered(without),
			harness.Exactly[harness.Share](0).Against("two services", 1))
		env.Contrast("every customer gets in once it is left out", redundant.All(without), single.All(without))
		env.Holds("nobody else gets in", intruders.Refused(without))
	})
}
