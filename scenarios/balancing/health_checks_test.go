package balancing_test

import (
	"testing"
	"time"

	"assay/fixtures/apptest"
	"assay/fixtures/haproxytest"
	"assay/harness"
	"assay/harness/history"
)

// Claim 6.6: a balancer has to know which servers are alive.
//
//	clients ──► haproxy, which checks its servers ─────────┬──► server-1 (killed, and back)
//	clients ──► haproxy, which does not (the control) ─────┼──► server-2
//	                                                       └──► server-3
//
// Both send requests to each server in turn. One that checks leaves a server out when so many checks in a row have
// failed, and from then on no request is lost. One that does not goes on to send the dead server its turns.
func TestHealthChecks(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "6.6", Says: "a balancer that checks its servers loses no request once so many checks have failed; " +
			"one that does not loses the dead server's turns for as long as it is dead",
	}, func(env *harness.Env) {
		inter, fall := env.Knob("check", 200*time.Millisecond), env.KnobInt("fall", 3)
		connect, turns := env.Knob("connect", time.Second), env.KnobInt("turns", 20)

		const servers = 3
		requests := turns * servers
		dies := apptest.Worker(env, "server-1")
		rest := []*harness.Node{apptest.Worker(env, "server-2"), apptest.Worker(env, "server-3")}
		before, patience := haproxytest.Before(append(rest, dies)...), haproxytest.TimeoutConnect(connect)
		checking := haproxytest.Start(env, "haproxy-1", before, patience, haproxytest.Check(inter, fall, 1))
		trusting := haproxytest.Start(env, "haproxy-2", before, patience, haproxytest.NoCheck())
		checks, trusts := env.Subject("checks"), env.Control("does not", "the checks")
		users := haproxytest.Users(requests) // those whose requests fail wait at the same time
		checked := checking.Clients(checks, haproxytest.RoundRobin, users)
		unchecked := trusting.Clients(trusts, haproxytest.RoundRobin, users)
		load := harness.Together("both", checked.Load, unchecked.Load)

		env.Step("steady state: every request is answered")
		load.Send(1)
		env.Calm(checked.Spread(history.Always).Complete(), unchecked.Spread(history.Always).Complete())
		failed := checking.FailedChecks(dies)

		env.Step("fault: a server is dead")
		killed := dies.Kill()
		env.Await("the balancer that checks leaves it out", checking.Uses(rest...))
		noticed := env.Now()
		failed = checking.FailedChecks(dies) - failed
		load.Send(1)
		after := history.Since(noticed)
		held, broke := checked.Spread(after), unchecked.Spread(after)

		env.Step("heal")
		env.Heal(killed)
		env.Await("it is back, and the balancer uses it", dies.Answers, checking.Uses(append(rest, dies)...))
		back := env.Now()
		load.Send(1)

		env.Step("verdict")
		checks.Count("checks that failed until it was left out", failed,
			harness.Exactly(fall).Against("the first is enough", 1))
		checks.Duration("time until it was left out", noticed-killed.Window().From,
			haproxytest.LeftOut(inter, fall).In(killed.Window()))
		checks.Share("requests lost after that", held.Missed(),
			harness.Exactly[harness.Share](0).Against("in turn", 1.0/servers))
		trusts.Share("requests lost after that", broke.Missed(), haproxytest.Turns(requests, servers))
		env.Contrast("every request is answered once the dead server is left out", held.Complete(), broke.Complete())
		env.Holds("every request is answered when it is back", checked.Spread(history.Since(back)).Complete())
	})
}
