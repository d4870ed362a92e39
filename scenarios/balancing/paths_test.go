package balancing_test

import (
	"testing"
	"time"

	"assay/fixtures/apptest"
	"assay/fixtures/haproxytest"
	"assay/harness"
	"assay/harness/history"
)

// Claim 6.5: routing by path keeps services apart, so that a flood of requests to one is no delay of another.
//
//	visitors who browse ──┬──► haproxy, by path ──┬──► browse
//	one who pays ─────────┘                       └──► pay
//	visitors who browse ──┬──► haproxy, one pool (the control) ──► browse, pay
//	one who pays ─────────┘
//
// A server does one thing at a time. In one pool it has visitors waiting when a payment comes, and answers them first.
// By path they wait elsewhere. Both balancers send a request to the server that has the fewest.
func TestRoutingByPath(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "6.5", Says: "routing by path keeps services apart: no request to one waits for those to another",
	}, func(env *harness.Env) {
		cost, visitors := env.Knob("cost", 2*time.Millisecond), env.KnobInt("visitors", 8)
		payments := env.KnobInt("payments", 20)

		browse, pay := apptest.Worker(env, "browse"), apptest.Worker(env, "pay")
		apart := haproxytest.Start(env, "haproxy-1", haproxytest.Before(browse), haproxytest.UseBackend("/pay", pay))
		pooled := haproxytest.Start(env, "haproxy-2", haproxytest.Before(browse, pay))
		byPath, shared := env.Subject("by path"), env.Control("one pool", "the routing by path")
		look, buy := haproxytest.Path(apptest.Work(cost)), haproxytest.Path("/pay"+apptest.Work(cost))
		browsing, paying := haproxytest.Called("browsing"), haproxytest.Called("paying")
		many := haproxytest.Users(visitors)
		flood := apart.Clients(byPath, haproxytest.LeastConn, look, browsing, many)
		paid := apart.Clients(byPath, haproxytest.LeastConn, buy, paying)
		flood2 := pooled.Clients(shared, haproxytest.LeastConn, look, browsing, many)
		paid2 := pooled.Clients(shared, haproxytest.LeastConn, buy, paying)

		env.Step("steady state: whoever pays is alone")
		paid.Send(payments)
		paid2.Send(payments)
		env.Calm(paid.NotBehind(flood, history.Always), paid2.NotBehind(flood2, history.Always))

		env.Step("flood: visitors browse, each as fast as the servers answer")
		flooded := env.Now()
		env.Run(flood)
		env.Await("all browse", flood.More(visitors))
		paid.Send(payments)
		env.Stop(flood)
		env.Run(flood2)
		env.Await("all browse", flood2.More(visitors))
		paid2.Send(payments)
		env.Stop(flood2)
		during := history.Since(flooded)

		env.Step("verdict")
		byPath.Count("visitors answered before somebody who pays", paid.Behind(flood, during),
			harness.Exactly(0).AgainstMore("one pool", payments))
		shared.Count("visitors answered before somebody who pays", paid2.Behind(flood2, during),
			harness.AtLeast(payments).Against("by path", 0))
		env.Contrast("no payment waits for visitors", paid.NotBehind(flood, during), paid2.NotBehind(flood2, during))
		env.Holds("every payment is answered", paid.Spread(history.Always).Complete())
	})
}
