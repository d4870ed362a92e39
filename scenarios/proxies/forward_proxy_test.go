package proxies_test

import (
	"testing"

	"assay/fixtures/apptest"
	"assay/fixtures/proxytest"
	"assay/harness"
	"assay/harness/history"
)

// Claim 5.2: a forward proxy hides the client from the server, if it does not tell.
//
//	client-1 ─┬─ by tinyproxy ────────────────────────────────────┬──► server, which says what it sees
//	client-2 ─┼─ by squid, told to be silent ─────────────────────┤
//	          ├─ by squid as it comes (a control) ────────────────┤
//	          └─ directly (a control) ────────────────────────────┘
//
// Two clients with addresses of their own ask one server in four ways. Through a proxy they have one address, its own.
// As it comes, squid adds for whom it asks (X-Forwarded-For), which hides nothing. Then a proxy is dead, and what goes
// through it reaches the server no other way.
func TestForwardProxyHidesTheClient(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "5.2", Says: "a forward proxy hides the client: the server sees the proxy",
		OnlyIf: "the proxy does not tell for whom it asks",
	}, func(env *harness.Env) {
		visits := env.KnobInt("visits", 5)
		const clients, proxies = 2, 1

		server := apptest.Mirror(env, "server")
		one, two := apptest.Visitor(env, "client-1"), apptest.Visitor(env, "client-2")
		tiny := proxytest.Start(env, "tinyproxy")
		quiet := proxytest.Start(env, "squid-silent", proxytest.By(proxytest.Squid), proxytest.Silent())
		talks := proxytest.Start(env, "squid", proxytest.By(proxytest.Squid))
		simple, silent := env.Subject("tinyproxy"), env.Subject("silent squid")
		talking, none := env.Control("squid", "silence about for whom it asks"), env.Control("directly", "a proxy")
		byTiny := apptest.VisitThrough(env, simple, tiny.Node, server, one, two)
		bySilent := apptest.VisitThrough(env, silent, quiet.Node, server, one, two)
		bySquid := apptest.VisitThrough(env, talking, talks.Node, server, one, two)
		directly := apptest.VisitDirectly(env, none, server, one, two)
		all := harness.Together("all", byTiny.Load, bySilent.Load, bySquid.Load, directly.Load)

		env.Step("steady state: all visits are answered")
		env.Await("all answer", server.Answers, one.Answers, two.Answers, tiny.Answers, quiet.Answers, talks.Answers)
		all.Send(visits)
		calm := history.Until(env.Now())
		env.Calm(byTiny.Complete(calm), bySilent.Complete(calm), bySquid.Complete(calm), directly.Complete(calm))

		env.Step("fault: a proxy is dead")
		dead := tiny.Kill()
		all.Send(1)
		during := history.Between(dead.InForce().From, env.Now())

		env.Step("heal")
		env.Heal(dead)
		env.Await("the proxy answers", tiny.Answers)
		healed := history.Since(env.Now())
		all.Send(1)

		env.Step("verdict")
		simple.Count("addresses of two clients", byTiny.Addresses(calm),
			harness.Exactly(proxies).Against("their own", clients))
		silent.Count("addresses of two clients", bySilent.Addresses(calm),
			harness.Exactly(proxies).Against("their own", clients))
		none.Count("addresses of two clients", directly.Addresses(calm),
			harness.Exactly(clients).Against("the proxy's", proxies))
		env.Contrast("the server is not told the client's address", byTiny.Hidden(history.Always),
			bySquid.Hidden(history.Always), directly.Hidden(history.Always))
		env.Contrast("nor is it by a silent squid", bySilent.Hidden(history.Always), bySquid.Hidden(history.Always))
		env.Contrast("what goes through a proxy goes no other way", byTiny.None(during), directly.None(during))
		env.Holds("the proxy that is back hides them again", byTiny.Hidden(healed))
	})
}
