package caching_test

import (
	"testing"
	"time"

	"assay/fixtures/pgtest"
	"assay/fixtures/redistest"
	"assay/harness"
	"assay/harness/check"
	"assay/harness/history"
)

// Claim 4.2: a cache serves stale data. How stale is bounded by how it is refreshed.
//
//	        ┌─ update ──────────────────────────────► postgres
//	client ─┼─ then invalidate ──── link ───────────► redis: "ttl", "no ttl" (the control)
//	        │                  ──── another link ───► redis: "invalidated"
//	        └─ read ────────────────────────────────► redis, and postgres for what is not there
//
// Three caches under the same load at the same time. Then the link breaks over which two of them hear of updates: the database
// acknowledges an update, the cache keeps the old value. That one was right when it was put there, and it goes when its time to
// live is over. As each client does one thing after the other, what makes a value stale comes after its entry: no read is staler
// than the time to live, with no allowance but the millisecond in which Redis keeps time. The control's values have no time to live. So
// nothing ends them, not even the healing of the link, but the next update that gets through.
func TestCacheStaleness(t *testing.T) {
	t.Parallel()
	env := harness.New(t, harness.Claim{ID: "4.2", Says: "an asynchronously refreshed cache serves stale data; how stale is bounded by how it is refreshed"})
	ttl := env.Knob("ttl", 500*time.Millisecond)

	postgres, redis := pgtest.Start(env), redistest.Start(env)
	link := env.Link("invalidations", redis)
	database := func(of string) *pgtest.Session { return postgres.Session(of+": database", pgtest.Off) }
	bounded := redis.Cache("ttl", database("ttl"), link, redistest.TTL(ttl))
	control := redis.Cache("no ttl", database("no ttl"), link)
	told := redis.Cache("invalidated", database("invalidated"), redis.Direct(), redistest.TTL(ttl))
	reads := func(c *redistest.Cache, in history.Window) check.StalenessReport {
		return check.Staleness(c.Database, c.Within(in))
	}

	env.Step("steady state: a read returns the last update")
	redistest.Run(bounded, control, told)
	env.Await("all are updated and read", redistest.Turns(25, bounded, control, told))
	calm := history.Window{To: env.Now()}
	env.Calm(reads(bounded, calm).NeverStale(), reads(control, calm).NeverStale(), reads(told, calm).NeverStale())

	env.Step("fault: invalidations are lost")
	severed := link.Sever()
	older := func() check.Result { return reads(control, severed.Window()).SomeOlderThan(2 * ttl) }
	env.Await("the control is staler than any time to live allows", harness.ResultHolds(older), redistest.Turns(25, bounded))

	env.Step("heal, and no update for a while")
	redistest.Stop(bounded, control, told)
	env.Heal(severed)
	env.Await("the link is back, and what has a time to live is gone", bounded.Fresh, bounded.Connected, control.Connected)
	quiet, well := history.Window{From: env.Now()}, history.Window{From: env.Now(), To: history.Open}
	bounded.Read(10)
	control.Read(10)
	quiet.To = env.Now()
	redistest.Run(bounded, control, told)
	env.Await("all are updated and read", redistest.Turns(25, bounded, control, told))

	env.Step("verdict")
	cut, all, bound := severed.Window(), history.Window{To: history.Open}, ttl+redistest.Tick
	// From an entry to the update that makes it stale pass two rounds at most, and so from the last read that finds it to its end.
	rounds, lasted := 4*check.Outage(bounded, cut).LongestGap, cut.To-cut.From
	env.Measure("oldest read with a time to live", harness.Time(reads(bounded, cut).Oldest()),
		harness.Between(harness.Time(max(0, ttl-rounds)), harness.Time(bound)))
	env.Measure("oldest read without one", harness.Time(reads(control, cut).Oldest()), harness.Around(harness.Time(lasted), harness.Time(rounds)))
	env.Holds("stale reads happen", reads(bounded, cut).SomeStale())
	env.Holds("no read is staler than the time to live", reads(bounded, all).NoneOlderThan(bound))
	env.Breaks("no read is staler than the time to live", "no time to live", reads(control, all).NoneOlderThan(bound))
	env.Holds("a read after an acknowledged write returns it", reads(told, all).NeverStale())
	env.Breaks("a read after an acknowledged write returns it", "lost invalidations", reads(bounded, all).NeverStale())
	env.Holds("after heal none is stale", reads(bounded, well).NeverStale())
	env.Breaks("after heal none is stale", "no time to live, until the next update", reads(control, quiet).NeverStale())
}
