package balancing_test

import (
	"testing"

	"assay/fixtures/apptest"
	"assay/fixtures/haproxytest"
	"assay/harness"
	"assay/harness/history"
)

// Claim 6.2: weights split requests in proportion.
//
//	clients ──► haproxy, each server as often as it weighs ──┬──► server-1, weight 0.5
//	clients ──► haproxy, each server in turn (the control) ──┼──► server-2, weight 0.7
//	                                                         ├──► server-3, weight 0.9
//	                                                         └──► server-4, weight 1 (killed, and back)
//
// At first all weigh the same. Then the weights are set while the balancer runs, and from the next request on they
// count. When the heaviest is dead, the others share its requests in proportion, too.
func TestWeights(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "6.2", Says: "weighted round robin splits requests in proportion to the servers' weights",
	}, func(env *harness.Env) {
		requests := env.KnobInt("requests", 300)
		weights := []int{env.KnobInt("weight-1", 50), env.KnobInt("weight-2", 70), env.KnobInt("weight-3", 90),
			env.KnobInt("weight-4", 100)} // in hundredths

		servers := []*harness.Node{apptest.Worker(env, "server-1"), apptest.Worker(env, "server-2"),
			apptest.Worker(env, "server-3"), apptest.Worker(env, "server-4")}
		balancer := haproxytest.Start(env, "haproxy", haproxytest.Before(servers...))
		byWeight, turns := env.Subject("by weight"), env.Control("in turn", "the weights")
		weighted := balancer.Clients(byWeight, haproxytest.RoundRobin)
		inTurn := balancer.Clients(turns, haproxytest.StaticRR)
		load := harness.Together("both", weighted.Load, inTurn.Load)

		env.Step("steady state: all weigh the same, and get the same")
		load.Send(requests)
		env.Calm(weighted.Spread(history.Always).Even(), inTurn.Spread(history.Always).Even())

		env.Step("change: the servers are weighed")
		balancer.SetWeights(haproxytest.RoundRobin, weights...)
		weighed := env.Now()
		load.Send(requests)
		all := history.Between(weighed, env.Now())

		env.Step("fault: the heaviest is dead")
		killed := servers[3].Kill()
		env.Await("the balancer leaves it out", balancer.Uses(servers[:3]...))
		without := env.Now()
		load.Send(requests)
		left := history.Since(without)
		held, broke := weighted.Spread(left).Among(servers[:3]...), inTurn.Spread(left).Among(servers[:3]...)
		env.Witness(killed, weighted.Spread(left).Silent(servers[3]))

		env.Step("heal")
		env.Heal(killed)
		env.Await("it is back, and the balancer uses it", servers[3].Answers, balancer.Uses(servers...))

		env.Step("verdict")
		light, rest := weights[0], weights[0]+weights[1]+weights[2]
		for i, s := range servers {
			byWeight.Share("requests to "+s.Name, weighted.Spread(all).Of(s),
				haproxytest.Weighed(requests, weights[i], rest+weights[3]).Against("in turn", 1.0/4))
		}
		byWeight.Share("requests to server-1 of those left", held.Of(servers[0]),
			haproxytest.Weighed(requests, light, rest).Against("in turn", 1.0/3))
		byWeight.Count("requests to server-1, by HAProxy's count", balancer.Served(haproxytest.RoundRobin, servers[0]),
			harness.Exactly(weighted.Spread(history.Always).Of(servers[0]).Hits).Accompanying())
		env.Contrast("requests are split in proportion", weighted.Spread(all).InProportion(weights...),
			inTurn.Spread(all).InProportion(weights...))
		env.Contrast("those left get theirs in proportion",
			held.InProportion(weights[:3]...), broke.InProportion(weights[:3]...))
	})
}
