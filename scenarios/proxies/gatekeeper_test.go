package proxies_test

import (
	"testing"

	"assay/fixtures/apptest"
	"assay/fixtures/haproxytest"
	"assay/fixtures/proxytest"
	"assay/harness"
	"assay/harness/fault"
	"assay/harness/history"
)

// Claim 5.3: a reverse proxy can be the gatekeeper.
//
//	honest, slow, hostile clients ─┬─ haproxy ───────────────► server, which has a few places
//	                               ├─ nginx ─────────────────► another one alike
//	                               └─ directly (the control) ► another one alike
//
// More slow clients than the server has places send long requests over a narrow link. A connection to the server takes
// a place, so the control's are taken, and honest clients wait. A proxy takes a request whole before it turns to the
// server, which has its places free. And what it is told to refuse it refuses itself: the server never sees it.
func TestReverseProxyIsTheGatekeeper(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "5.3", Says: "a reverse proxy can be the gatekeeper: the server sees neither slow nor hostile clients",
	}, func(env *harness.Env) {
		places, header := env.KnobInt("places", 2), env.KnobInt("header", 6000)
		rate, requests := env.KnobInt("rate", 2000), env.KnobInt("requests", 5)

		behind, behindToo := apptest.StartDesk(env, "server-1", places), apptest.StartDesk(env, "server-2", places)
		open := apptest.StartDesk(env, "server-3", places)
		haproxy := haproxytest.Start(env, "haproxy", haproxytest.Before(behind.Node),
			haproxytest.MaxConn(places), haproxytest.Deny(hostile))
		nginx := proxytest.Start(env, "nginx", proxytest.Before(behindToo.Node), proxytest.Deny(hostile))
		guarded := newGate(env, env.Subject("haproxy"), behind, haproxy.Node, places+1, header)
		alike := newGate(env, env.Subject("nginx"), behindToo, nginx.Node, places+1, header)
		directly := newGate(env, env.Control("directly", "a proxy"), open, open.Node, places+1, header)
		all := []gate{guarded, alike, directly} // the control last

		env.Step("steady state: whoever asks is answered")
		env.Await("all answer", haproxy.Uses(behind.Node), nginx.Answers, open.Answers)
		for _, g := range all {
			harness.Together("all", g.honest.Load, g.slow.Load, g.denied.Load).Send(requests)
			env.Calm(g.honest.Complete(history.Always), g.slow.Complete(history.Always))
		}

		env.Step("fault: some clients are slow, more than there are places")
		begun, narrow := env.Now(), map[string][]*fault.Fault{}
		for _, g := range all {
			narrow[g.Name] = g.narrow(rate)
			g.slow.Open(places + 1)
		}
		env.Await("they have all places, where nobody stands before", open.Full)
		taken := env.Now()
		env.Run(guarded.honest, alike.honest, directly.honest)
		env.Await("the slow ones have their answers", guarded.slow.Rested, alike.slow.Rested, directly.slow.Rested,
			directly.honest.More(1))
		env.Stop(guarded.honest, alike.honest, directly.honest)

		env.Step("heal")
		for _, g := range all {
			env.Heal(narrow[g.Name]...)
		}
		env.Await("the servers answer", behind.Answers, behindToo.Answers, open.Answers)

		env.Step("verdict")
		sent := history.Since(begun)
		for _, g := range all {
			g.witness(env, narrow[g.Name], rate, sent)
			g.Fastest("a slow request", g.slow.Fastest(sent), apptest.Slowly(header, rate).In(sent))
		}
		for _, g := range all[:2] {
			during := g.slow.Until(taken, rate)
			g.Count("honest ones served meanwhile", g.honest.Served(during), harness.AtLeast(1).Against("no place", 0))
			g.Count("hostile ones that come", g.server.Seen(hostile), harness.Exactly(0).Against("all", requests))
			env.Contrast("others are served while slow ones send", g.honest.AreServed(during),
				directly.honest.AreServed(directly.slow.Until(taken, rate)))
		}
		directly.Count("hostile ones that come", open.Seen(hostile), harness.Exactly(requests).Against("none", 0))
	})
}
