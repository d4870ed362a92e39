package hashing_test

import (
	"testing"
	"time"

	"assay/fixtures/apptest"
	"assay/fixtures/haproxytest"
	"assay/harness"
)

// Claim 7.3: a hash is deterministic and uniform: an item goes to the same server each time, and as many to each.
//
//	clients ──┬──► haproxy-1, the nearest point on a ring (killed, and back) ──┬──► cache-1
//	          ├──► haproxy-2, the same ────────────────────────────────────────┼──► …
//	          ├──► haproxy-2, a server that is drawn (a control) ──────────────┤
//	          └──► haproxy-3, a ring of one point each (a control) ────────────┴──► cache-5
//
// The balancers know nothing of each other, and keep nothing through a restart: what they agree on is the hash. Of
// draws one agrees with another in one of five. A ring is as even as its points: where each server has one, some servers
// get far more than others, though the hash of the items is the same.
func TestHashIsDeterministicAndUniform(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "7.3", Says: "a hash sends an item to the same server each time, at any balancer, " +
			"and to each server as many items",
		OnlyIf: "each server has many points on the ring",
	}, func(env *harness.Env) {
		servers, items := env.KnobInt("servers", 5), env.KnobInt("items", 500)

		caches := apptest.NewMemos(env, "cache", servers)
		one := haproxytest.Start(env, "haproxy-1", haproxytest.Before(caches...))
		other := haproxytest.Start(env, "haproxy-2", haproxytest.Before(caches...))
		coarse := haproxytest.Start(env, "haproxy-3", haproxytest.Disabled(caches...), haproxytest.SlowStart(time.Hour))
		coarse.SetWeights(haproxytest.URIRing, 1)
		coarse.Enable(caches...) // who has just joined has a point for each unit of its weight
		hashed, drawn := env.Subject("hashed"), env.Control("drawn", "the hash")
		single := env.Control("one point", "all of a server's points on the ring but one")
		path, many := haproxytest.Path(apptest.Items(env.Rand(), items)...), haproxytest.Users(users)
		here := one.Clients(hashed, haproxytest.URIRing, path, many, haproxytest.Called("at haproxy-1"))
		there := other.Clients(hashed, haproxytest.URIRing, path, many, haproxytest.Called("at haproxy-2"))
		draws := other.Clients(drawn, haproxytest.Random, path, many)
		few := coarse.Clients(single, haproxytest.URIRing, path, many)

		env.Step("steady state: every request is answered")
		before, drawnBefore := here.AskEach(), draws.AskEach()
		env.Calm(before.Complete(), drawnBefore.Complete())

		env.Step("fault: one balancer is dead, and clients ask the other")
		killed := one.Kill()
		here.Send(1)
		elsewhere, drawnAgain := there.AskEach(), draws.AskEach()

		env.Step("heal")
		env.Heal(killed)
		env.Await("the balancer is back, and finds its servers", one.Answers, one.Uses(caches...))
		again := here.AskEach()
		uneven := few.AskEach()

		env.Step("verdict")
		atOther, restarted, lots := before.Moves(elsewhere), before.Moves(again), drawnBefore.Moves(drawnAgain)
		hashed.Count("items that go elsewhere at another balancer", atOther.Hits,
			harness.Exactly(0).Against("drawn", lots.Hits))
		hashed.Count("items that go elsewhere after a restart", restarted.Hits,
			harness.Exactly(0).Against("drawn", lots.Hits))
		drawn.Share("items that go elsewhere", lots.Proportion,
			harness.Chance(1-1/harness.Share(servers)).Against("hashed", 0))
		hashed.Share("items at the busiest server", before.Busiest(),
			haproxytest.Ring(items, servers).Against("one point each", harness.Share(uneven.Busiest().Share())))
		env.Contrast("an item goes to the same server at any balancer", atOther.None(), lots.None())
		env.Contrast("an item goes to the same server after a restart", restarted.None(), lots.None())
		env.Contrast("each server gets as many items", before.Uniform(), uneven.Uniform())
	})
}
