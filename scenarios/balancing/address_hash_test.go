package balancing_test

import (
	"testing"

	"assay/fixtures/apptest"
	"assay/fixtures/haproxytest"
	"assay/harness"
	"assay/harness/history"
)

// Claim 6.4: a hash of the client's address keeps a client at one server, whose cache knows what the client asks for.
//
//	clients, each for its own item ──► haproxy, by a hash of the address ───────────┬──► cache-1
//	clients, each for its own item ──► haproxy, in turn (a control) ────────────────┼──► …
//	clients, all for the same item ──► haproxy, by a hash of the address (a control)┴──► cache-5
//
// A cache computes what it does not know. In turn the clients come to every server, and each does the others' work
// again. The hash of the address helps as far as a client is alone with what it asks for: an item that all want is
// computed at each server to which one of them is sent.
func TestAddressHash(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "6.4", Says: "a hash of the client's address keeps each client at one server, " +
			"so that what it asks for is computed once",
		OnlyIf: "no other client asks for the same",
	}, func(env *harness.Env) {
		servers := env.KnobInt("servers", 5)
		clients := env.KnobInt("clients", 21) // no multiple of the servers, else in turn each has its own

		caches := apptest.NewMemos(env, "cache", servers)
		balancer := haproxytest.Start(env, "haproxy", haproxytest.Before(caches...))
		hashed, turns := env.Subject("by address"), env.Control("in turn", "the hash of the address")
		shared := env.Control("shared", "an item of each client's own: all ask for the same")
		from := haproxytest.From(apptest.Addresses(env.Rand(), clients)...)
		items := func(n int) haproxytest.Option { return haproxytest.Path(apptest.Items(env.Rand(), n)...) }
		byAddress := balancer.Clients(hashed, haproxytest.Source, from, items(clients))
		inTurn := balancer.Clients(turns, haproxytest.RoundRobin, from, items(clients))
		alike := balancer.Clients(shared, haproxytest.Source, from, items(1))

		env.Step("steady state: what nobody has asked for yet is computed")
		first := byAddress.AskEach()
		inTurn.AskEach()
		alike.AskEach()
		env.Calm(first.Complete(), caches.Once(env, byAddress), caches.Once(env, inTurn), caches.Once(env, alike))

		env.Step("change: the clients ask again, and again")
		again := byAddress.AskEach()
		harness.Together("all", byAddress.Load, inTurn.Load, alike.Load).Send(servers * clients)

		env.Step("verdict")
		reached := haproxytest.Reached(clients, servers)
		hashed.Count("computations", caches.Computed(env, byAddress),
			harness.Exactly(clients).Against("in turn", clients*reached))
		turns.Count("computations", caches.Computed(env, inTurn),
			harness.Exactly(clients*reached).Against("by address", clients))
		shared.Count("computations", caches.Computed(env, alike),
			harness.Exactly(alike.Spread(history.Always).Used()).Against("once", 1))
		env.Contrast("what is asked for is computed once", caches.Once(env, byAddress),
			caches.Once(env, inTurn), caches.Once(env, alike))
		env.Holds("each client stays at its server", first.Moves(again).None())
	})
}
