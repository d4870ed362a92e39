package balancing_test

import (
	"testing"

	"assay/fixtures/apptest"
	"assay/fixtures/haproxytest"
	"assay/harness"
	"assay/harness/check/stat"
	"assay/harness/history"
)

// Claim 6.1: round robin spreads requests evenly over the servers that there are.
//
//	clients ──► haproxy, each server in turn ─────────────────┬──► server-1 (killed, and back)
//	clients ──► haproxy, a server that is drawn (the control) ┼──► server-2
//	                                                          └──► … server-5
//
// The same number of requests comes in both ways, one after the other. In turn, no server is ever more than one request
// ahead of another, also while one is dead and left out. Draws are as fair, and by chance uneven.
func TestRoundRobin(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "6.1", Says: "round robin spreads requests evenly: the servers' counts differ by at most one",
	}, func(env *harness.Env) {
		requests := env.KnobInt("requests", 600)

		dies := apptest.Worker(env, "server-1")
		rest := []*harness.Node{apptest.Worker(env, "server-2"), apptest.Worker(env, "server-3"),
			apptest.Worker(env, "server-4"), apptest.Worker(env, "server-5")}
		balancer := haproxytest.Start(env, "haproxy", haproxytest.Before(append(rest, dies)...))
		turns, draws := env.Subject("in turn"), env.Control("drawn", "the memory of whose turn it is")
		inTurn := balancer.Clients(turns, haproxytest.RoundRobin)
		drawn := balancer.Clients(draws, haproxytest.Random)
		load := harness.Together("both", inTurn.Load, drawn.Load)

		env.Step("steady state: every request is answered")
		load.Send(requests)
		calm := inTurn.Spread(history.Always)
		env.Calm(calm.Even(), calm.Complete(), drawn.Spread(history.Always).Complete())

		env.Step("fault: a server is dead")
		killed := dies.Kill()
		env.Await("the balancer leaves it out", balancer.Uses(rest...))
		without := env.Now()
		load.Send(requests)
		left := history.Since(without)
		held, broke := inTurn.Spread(left).Among(rest...), drawn.Spread(left).Among(rest...)
		env.Witness(killed, inTurn.Spread(left).Silent(dies))

		env.Step("heal")
		env.Heal(killed)
		env.Await("it is back, and the balancer uses it", dies.Answers, balancer.Uses(append(rest, dies)...))
		load.Send(len(rest) + 1) // the turn that is under way comes to its end
		again := env.Now()
		load.Send(requests)

		env.Step("verdict")
		env.Remark("drawn: %v", stat.ChiSquareUniform(broke.Counts))
		turns.Count("requests between the most and the fewest", held.Range(),
			harness.Between(0, 1).Against("drawn", broke.Range()))
		draws.Count("requests between the most and the fewest", broke.Range(),
			harness.AtLeast(2).AgainstRange("in turn", 0, 1))
		env.Contrast("the servers' counts differ by at most one", held.Even(), broke.Even())
		env.Holds("no request misses its answer", held.Complete())
		env.Holds("with the server back it is even again", inTurn.Spread(history.Since(again)).Even())
	})
}
