package proxies_test

import (
	"testing"

	"assay/fixtures/apptest"
	"assay/fixtures/haproxytest"
	"assay/fixtures/proxytest"
	"assay/harness"
	"assay/harness/history"
)

// Claim 5.1: behind a reverse proxy the client does not know which server answers, and the server sees the proxy.
//
//	client-1 ─┬─ haproxy ──────────────────┬──► server-1 (killed)
//	          ├─ nginx ────────────────────┴──► server-2
//	client-2 ─┴─ directly (the control) ──────► server-1
//
// Two clients with addresses of their own ask under one name. Behind a proxy, both servers answer under it, and both
// clients have one address, the proxy's. Then the first server dies. The control's clients named it, and die with it;
// those of a proxy do not notice: of haproxy, which looks how its servers are, and of nginx, which finds out.
func TestReverseProxyStandsForItsServers(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "5.1", Says: "behind a reverse proxy the client does not know which server answers, " +
			"and the server sees the proxy",
	}, func(env *harness.Env) {
		visits := env.KnobInt("visits", 6)
		const clients, servers = 2, 2

		dies, lives := apptest.Mirror(env, "server-1"), apptest.Mirror(env, "server-2")
		one, two := apptest.Visitor(env, "client-1"), apptest.Visitor(env, "client-2")
		haproxy := haproxytest.Start(env, "haproxy", haproxytest.Before(dies, lives))
		nginx := proxytest.Start(env, "nginx", proxytest.Before(dies, lives))
		first, second := env.Subject("haproxy"), env.Subject("nginx")
		none := env.Control("directly", "a proxy, which stands for the servers")
		byHAProxy := apptest.VisitDirectly(env, first, haproxy.Node, one, two)
		byNginx := apptest.VisitDirectly(env, second, nginx.Node, one, two)
		directly := apptest.VisitDirectly(env, none, dies, one, two)
		all := harness.Together("all", byHAProxy.Load, byNginx.Load, directly.Load)

		env.Step("steady state: all visits are answered")
		env.Await("all answer", one.Answers, two.Answers, nginx.Answers, lives.Answers, haproxy.Uses(dies, lives))
		all.Send(visits)
		calm := history.Until(env.Now())
		env.Calm(byHAProxy.Complete(calm), byNginx.Complete(calm), directly.Complete(calm))

		env.Step("fault: a server is dead")
		dead := dies.Kill()
		env.Await("haproxy leaves it out", haproxy.Uses(lives))
		left := env.Now()
		all.Send(visits)
		during := history.Between(left, env.Now())

		env.Step("heal")
		env.Heal(dead)
		env.Await("the server is back", dies.Answers, haproxy.Uses(dies, lives))
		all.Send(1)

		env.Step("verdict")
		for _, by := range []struct {
			*harness.Side
			*apptest.Visits
		}{{first, byHAProxy}, {second, byNginx}} {
			by.Count("servers behind one name", by.Servers(calm), harness.Exactly(servers).Against("the named one", 1))
			by.Count("addresses of two clients", by.Addresses(calm), harness.Exactly(1).Against("their own", clients))
			env.Contrast("the name goes on working when a server dies", by.Complete(during), directly.Complete(during))
			env.Contrast("the server is not told the client's address", by.Hidden(calm), directly.Hidden(calm))
		}
		none.Count("servers behind one name", directly.Servers(calm), harness.Exactly(1).Against("a proxy's", servers))
		none.Count("addresses of two clients", directly.Addresses(calm),
			harness.Exactly(clients).Against("a proxy's", 1))
	})
}
