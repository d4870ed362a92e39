package hashing_test

import (
	"testing"

	"assay/fixtures/apptest"
	"assay/fixtures/haproxytest"
	"assay/harness"
)

// Claim 7.1: when a server joins, consistent hashing moves few items, and only to the server that is new.
//
//	clients ──► haproxy, the nearest point on a ring ────────────┬──► cache-1
//	clients ──► haproxy, hash modulo servers (the control) ──────┼──► … cache-5
//	                                                             └──► cache-6 (joins)
//
// A cache computes what it does not know. Which of them is asked for an item, a hash of its name says. On the ring the
// new server takes over a piece of each of the others. Modulo the number of servers an item stays only where the
// remainders by five and by six are the same: most items are computed again, also by servers that were there before.
func TestServerJoins(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "7.1", Says: "when a server joins, consistent hashing moves the new server's share of items and no others",
	}, func(env *harness.Env) {
		servers, items := env.KnobInt("servers", 5), env.KnobInt("items", 400)

		caches := apptest.NewMemos(env, "cache", servers+1)
		joins := caches[servers]
		balancer := haproxytest.Start(env, "haproxy",
			haproxytest.Before(caches[:servers]...), haproxytest.Disabled(joins))
		onRing, byRest := env.Subject("on a ring"), env.Control("modulo", "the ring")
		drawn := func() haproxytest.Option { return haproxytest.Path(apptest.Items(env.Rand(), items)...) }
		ring := balancer.Clients(onRing, haproxytest.URIRing, drawn(), haproxytest.Users(users))
		modulo := balancer.Clients(byRest, haproxytest.URI, drawn(), haproxytest.Users(users))

		env.Step("steady state: each item is computed once, and then known where it is asked for")
		ring.AskEach()
		modulo.AskEach()
		ringBefore, moduloBefore := ring.AskEach(), modulo.AskEach()
		env.Calm(ringBefore.Complete(), caches.Once(env, ring), moduloBefore.Complete(), caches.Once(env, modulo))

		env.Step("change: a server joins")
		balancer.Enable(joins)
		env.Await("the balancer uses it", balancer.Uses(caches...))
		ringAfter, moduloAfter := ring.AskEach(), modulo.AskEach()

		env.Step("verdict")
		held, broke := ringBefore.Moves(ringAfter), moduloBefore.Moves(moduloAfter)
		share := 1 / harness.Share(servers+1)
		env.Remark("modulo n servers 1 − 1/(n+1) of the items move when one joins: half of them if n is 1, else more")
		onRing.Share("items that move", held.Proportion, haproxytest.Ring(items, servers+1).Against("modulo", 1-share))
		byRest.Share("items that move", broke.Proportion,
			haproxytest.Modulo(servers, servers+1).Against("half of them", 0.5))
		onRing.Count("items computed again", caches.Computed(env, ring)-items,
			harness.Exactly(held.Hits).Against("modulo", broke.Hits))
		byRest.Count("items computed again", caches.Computed(env, modulo)-items,
			harness.Exactly(broke.Hits).Against("on a ring", held.Hits))
		onRing.Count("items that move between old servers", held.NotTo(joins),
			harness.Exactly(0).Against("modulo", broke.NotTo(joins)))
		env.Contrast("what moves goes to the server that has joined", held.OnlyTo(joins), broke.OnlyTo(joins))
		env.Holds("every request is answered", ringAfter.Complete())
	})
}
