package caching_test

import (
	"fmt"
	"testing"
	"time"

	"assay/fixtures/pgtest"
	"assay/fixtures/redistest"
	"assay/harness"
	"assay/harness/check"
	"assay/harness/history"
)

// Claim 4.7: no read is staler than the time to live, says 4.2. That counts on the cache server's clock.
//
//	        ┌─ update ─────────────────────► postgres
//	client ─┼─ then invalidate ─── link ───► redis "honest", redis "stepped" (the control)
//	        └─ read ───────────────────────► both
//
// Redis keeps the moment at which an entry goes, as a time of day in milliseconds. Both caches lose their invalidations. Then
// the control's clock steps back: what is in it at that moment stays by as much longer, so it gets staler than its time to live
// by just that. At heal the clock steps forward, while invalidations are lost still: that lets an entry go early, and makes none
// staler.
func TestTimeToLiveCountsOnTheClock(t *testing.T) {
	t.Parallel()
	env := harness.New(t, harness.Claim{ID: "4.7", Says: "a time to live bounds how stale a cache is", OnlyIf: "the cache's clock does not step back"})
	ttl, step := env.Knob("ttl", 500*time.Millisecond), env.Knob("step", time.Second)

	postgres, redis := pgtest.Start(env), redistest.Start(env, redistest.Named("honest"), redistest.Skewable())
	stepped := redistest.Start(env, redistest.Named("stepped"), redistest.Skewable())
	link, another := env.Link("invalidations", redis), env.Link("other invalidations", stepped)
	honest := redis.Cache("honest clock", postgres.Session("honest: database", pgtest.Off), link, redistest.TTL(ttl))
	control := stepped.Cache("stepped clock", postgres.Session("stepped: database", pgtest.Off), another, redistest.TTL(ttl))
	reads := func(c *redistest.Cache, in history.Window) check.StalenessReport {
		return check.Staleness(c.Database, c.Within(in))
	}
	past := func(end time.Duration) harness.Condition {
		return func() error {
			if now := env.Now(); now < end {
				return fmt.Errorf("%v to go", end-now)
			}
			return nil
		}
	}

	env.Step("steady state: a read returns the last update")
	redistest.Run(honest, control)
	env.Await("both are updated and read", redistest.Turns(25, honest, control))
	calm := history.Window{To: env.Now()}
	env.Calm(reads(honest, calm).NeverStale(), reads(control, calm).NeverStale())

	env.Step("fault: invalidations are lost, then a clock steps back")
	cut, cutToo := link.Sever(), another.Sever()
	env.Await("both are read", redistest.Turns(25, honest, control))
	skewed := stepped.Skew(-step)
	env.Await("what was there then is gone, and what came after", past(env.Now()+2*ttl+step))

	env.Step("the clock steps forward, then invalidations come through again")
	env.Heal(skewed)
	env.Await("what was there then is gone", past(env.Now()+2*ttl))
	env.Heal(cut, cutToo)
	env.Await("both are told of updates", honest.Connected, control.Connected, redistest.Turns(25, honest, control))
	redistest.Stop(honest, control)
	env.Await("both are fresh", honest.Fresh, control.Fresh)

	env.Step("verdict")
	all, bound := history.Window{To: history.Open}, ttl+redistest.Tick
	back, forward := skewed.Window(), history.Window{From: skewed.Window().To, To: history.Open}
	rounds := 4 * check.Outage(control, cut.Window()).LongestGap // from an entry to what makes it stale, and from its last read to its end
	env.Witness(skewed, reads(control, back).SomeOlderThan(bound))
	env.Measure("oldest read, the clock honest", harness.Time(reads(honest, all).Oldest()), harness.Between(harness.Time(max(0, ttl-rounds)), harness.Time(bound)))
	env.Measure("oldest read, the clock stepped back", harness.Time(reads(control, back).Oldest()),
		harness.Between(harness.Time(max(0, ttl+step-rounds)), harness.Time(bound+step)))
	env.Holds("no read is staler than the time to live", reads(honest, all).NoneOlderThan(bound))
	env.Breaks("no read is staler than the time to live", "a clock that steps back", reads(control, all).NoneOlderThan(bound))
	env.Holds("a step forward makes none staler", reads(control, forward).NoneOlderThan(bound))
}
