package caching_test

import (
	"testing"
	"time"

	"assay/fixtures/pgtest"
	"assay/fixtures/redistest"
	"assay/harness"
	"assay/harness/history"
)

// Claim 4.2: a cache serves stale data. How stale is bounded by how it is refreshed.
//
//	        ┌─ update ──────────────────────────────► postgres
//	client ─┼─ then invalidate ──── link ───────────► redis: "ttl", "no ttl" (the control: its entries stay)
//	        │                  ──── another link ───► redis: "invalidated"
//	        └─ read ────────────────────────────────► redis, and postgres for what is not there
//
// Three caches under the same load. Then the link breaks over which two of them hear of updates: the database
// acknowledges an update, the cache keeps the old value. That one was right when it was put there, and it goes when its
// time to live is over: no read is staler than that, with no allowance but the millisecond in which Redis keeps time.
// The control's values have no time to live. So nothing ends them, not even the healing of the link, but the next
// update that gets through.
func TestCacheStaleness(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "4.2", Says: "an asynchronously refreshed cache serves stale data; how stale is bounded by how it is refreshed",
	}, func(env *harness.Env) {
		ttl := env.Knob("ttl", 500*time.Millisecond)
		bounds, tells := env.Subject("ttl"), env.Subject("invalidated")
		stays := env.Control("no ttl", "no time to live")

		postgres, redis := pgtest.Start(env, "postgres"), redistest.Start(env, "redis")
		link := env.Link("invalidations", redis)
		database := func(of *harness.Side) *pgtest.Session { return postgres.SessionOf(of, "database", pgtest.Off) }
		bounded := redis.Cache(bounds, database(bounds), link, redistest.TTL(ttl))
		control := redis.Cache(stays, database(stays), link)
		told := redis.Cache(tells, database(tells), redis.Direct(), redistest.TTL(ttl))

		env.Step("steady state: a read returns the last update")
		env.Run(bounded, control, told)
		env.Await("all are updated and read", bounded.More(25), control.More(25), told.More(25))
		calm := history.Until(env.Now())
		env.Calm(bounded.Staleness(calm).NeverStale(), control.Staleness(calm).NeverStale(),
			told.Staleness(calm).NeverStale())

		env.Step("fault: invalidations are lost")
		severed := link.Sever()
		env.Await("the control is staler than any time to live allows", control.OlderThan(2*ttl, severed), bounded.More(25))

		env.Step("heal, and no update for a while")
		env.Stop(bounded, control, told)
		env.Heal(severed)
		env.Await("the link is back, and what has a time to live is gone", bounded.Fresh, bounded.Connected,
			control.Connected)
		rested := env.Now()
		bounded.Read(10)
		control.Read(10)
		quiet := history.Between(rested, env.Now())
		env.Run(bounded, control, told)
		env.Await("all are updated and read", bounded.More(25), control.More(25), told.More(25))

		env.Step("verdict")
		cut, all, bound := severed.Window(), history.Always, ttl+redistest.Tick
		stale, fresh := bounded.Staleness(all), told.Staleness(all)
		oldest := control.Staleness(cut).Oldest()
		bounds.Duration("oldest read", bounded.Staleness(cut).Oldest(),
			bounded.Age(ttl, cut).Against("no time to live", oldest).Against("half of it", ttl/2+redistest.Tick))
		stays.Duration("oldest read", oldest, harness.AtLeast(2*ttl).Trips(0).Against("a time to live", bound))
		env.Holds("stale reads happen", bounded.Staleness(cut).SomeStale())
		env.Contrast("no read is staler than the time to live", stale.NoneOlderThan(bound),
			control.Staleness(all).NoneOlderThan(bound))
		env.Contrast("a read after an acknowledged write returns it", fresh.NeverStale(),
			harness.Without("invalidations, which are lost", stale.NeverStale()))
		env.Contrast("after heal none is stale", bounded.Staleness(history.Since(rested)).NeverStale(),
			harness.Without("a time to live, until the next update", control.Staleness(quiet).NeverStale()))
	})
}
