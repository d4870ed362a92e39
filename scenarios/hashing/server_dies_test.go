package hashing_test

import (
	"testing"
	"time"

	"assay/fixtures/apptest"
	"assay/fixtures/haproxytest"
	"assay/harness"
)

// Claim 7.2: when a server dies, consistent hashing moves its items, and those of no other server.
//
//	clients ──► haproxy, the nearest point on a ring ─────────────────┬──► cache-1 (killed, and back)
//	clients ──► haproxy, hash modulo servers (a control) ─────────────┼──► cache-2
//	clients ──► haproxy, the same, servers not checked (a control) ───┴──► … cache-5
//
// On the ring each item of the dead server goes to whose point is nearest of those alive, and comes back. Modulo the
// number of servers that are left most items move, also between those alive. Modulo a number that nobody changes none
// moves, and what was at the dead server is not answered any more.
func TestServerDies(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "7.2", Says: "when a server dies, consistent hashing moves its items and no others, and all are answered",
	}, func(env *harness.Env) {
		servers, items := env.KnobInt("servers", 5), env.KnobInt("items", 300)
		connect := env.Knob("connect", time.Second)

		caches := apptest.NewMemos(env, "cache", servers)
		dies, rest := caches[0], caches[1:]
		balancer := haproxytest.Start(env, "haproxy-1", haproxytest.Before(caches...))
		trusting := haproxytest.Start(env, "haproxy-2", haproxytest.Before(caches...), haproxytest.NoCheck(),
			haproxytest.TimeoutConnect(connect))
		onRing, byRest := env.Subject("on a ring"), env.Control("modulo", "the ring")
		fixed := env.Control("unchecked", "the ring, and the checks that tell who is alive")
		drawn := apptest.Items(env.Rand(), items)
		all, some := haproxytest.Path(drawn...), haproxytest.Path(drawn[:items/5]...)
		ring := balancer.Clients(onRing, haproxytest.URIRing, all, haproxytest.Users(users))
		modulo := balancer.Clients(byRest, haproxytest.URI, all, haproxytest.Users(users))
		unchecked := trusting.Clients(fixed, haproxytest.URI, some, haproxytest.Users(items/5)) // who wait together

		env.Step("steady state: every request is answered")
		ringBefore, moduloBefore, uncheckedBefore := ring.AskEach(), modulo.AskEach(), unchecked.AskEach()
		env.Calm(ringBefore.Complete(), moduloBefore.Complete(), uncheckedBefore.Complete())

		env.Step("fault: a server is dead")
		killed := dies.Kill()
		env.Await("the balancer that checks leaves it out", balancer.Uses(rest...))
		ringAfter, moduloAfter, uncheckedAfter := ring.AskEach(), modulo.AskEach(), unchecked.AskEach()

		env.Step("heal")
		env.Heal(killed)
		env.Await("it is back, and the balancer uses it", dies.Answers, balancer.Uses(caches...))
		again := ring.AskEach()

		env.Step("verdict")
		held, broke := ringBefore.Moves(ringAfter), moduloBefore.Moves(moduloAfter)
		share := 1 / harness.Share(servers)
		onRing.Share("items that move", held.Proportion,
			haproxytest.Ring(items, servers).Against("modulo", 1-share))
		byRest.Share("items that move", broke.Proportion, haproxytest.Modulo(servers, servers-1))
		onRing.Count("items that move between those alive", held.NotFrom(dies),
			harness.Exactly(0).Against("modulo", broke.NotFrom(dies)))
		onRing.Share("items not answered", ringAfter.Missed(),
			harness.Exactly[harness.Share](0).Against("unchecked", share))
		fixed.Share("items not answered", uncheckedAfter.Missed(), harness.Chance(share).Against("checked", 0))
		env.Contrast("what moves was at the server that has died", held.OnlyFrom(dies), broke.OnlyFrom(dies))
		env.Contrast("every item is answered while a server is dead", ringAfter.Complete(), uncheckedAfter.Complete())
		env.Holds("with the server back each item is where it was", ringBefore.Moves(again).None())
	})
}
