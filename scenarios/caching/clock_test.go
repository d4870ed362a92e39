package caching_test

import (
	"testing"
	"time"

	"assay/fixtures/pgtest"
	"assay/fixtures/redistest"
	"assay/harness"
	"assay/harness/history"
)

// Claim 4.7: no read is staler than the time to live, says 4.2. That counts on the cache server's clock.
//
//	        ┌─ update ─────────────────────► postgres
//	client ─┼─ then invalidate ─── link ───► redis "honest", redis "stepped" (the control: its clock steps back)
//	        └─ read ───────────────────────► both
//
// Redis keeps the moment at which an entry goes, as a time of day in milliseconds. Both caches lose their
// invalidations. Then the control's clock steps back: what is in it at that moment stays by as much longer, so it gets
// staler than its time to live by just that. At heal the clock steps forward, while invalidations are lost still: that
// lets an entry go early, and makes none staler.
func TestTimeToLiveCountsOnTheClock(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "4.7", Says: "a time to live bounds how stale a cache is", OnlyIf: "the cache's clock does not step back",
	}, func(env *harness.Env) {
		ttl, step := env.Knob("ttl", 500*time.Millisecond), env.Knob("step", time.Second)
		steady, steps := env.Subject("honest clock"), env.Control("stepped clock", "a clock that does not step back")

		postgres, redis := pgtest.Start(env, "postgres"), redistest.Start(env, "honest", redistest.Skewable())
		stepped := redistest.Start(env, "stepped", redistest.Skewable())
		link, another := env.Link("invalidations", redis), env.Link("other invalidations", stepped)
		database := func(of *harness.Side) *pgtest.Session { return postgres.SessionOf(of, "database", pgtest.Off) }
		honest := redis.Cache(steady, database(steady), link, redistest.TTL(ttl))
		control := stepped.Cache(steps, database(steps), another, redistest.TTL(ttl))

		env.Step("steady state: a read returns the last update")
		env.Run(honest, control)
		env.Await("both are updated and read", honest.More(25), control.More(25))
		calm := history.Until(env.Now())
		env.Calm(honest.Staleness(calm).NeverStale(), control.Staleness(calm).NeverStale())

		env.Step("fault: invalidations are lost, then a clock steps back")
		cut, cutToo := link.Sever(), another.Sever()
		env.Await("both are read", honest.More(25), control.More(25))
		skewed := stepped.Skew(-step)
		env.Await("what was there then is gone, and what came after", env.Passed(2*ttl+step))

		env.Step("the clock steps forward, then invalidations come through again")
		env.Heal(skewed)
		env.Await("what was there then is gone", env.Passed(2*ttl))
		env.Heal(cut, cutToo)
		env.Await("both are told of updates", honest.Connected, control.Connected, honest.More(25), control.More(25))
		env.Stop(honest, control)
		env.Await("both are fresh", honest.Fresh, control.Fresh)

		env.Step("verdict")
		bound, back, forward := ttl+redistest.Tick, skewed.Window(), history.Since(skewed.Window().To)
		held, broke := honest.Staleness(history.Always), control.Staleness(history.Always)
		env.Witness(skewed, control.Staleness(back).SomeOlderThan(bound))
		steady.Duration("oldest read", honest.Staleness(back).Oldest(),
			honest.Age(ttl, back).Against("its clock steps, too", bound+step))
		steps.Duration("oldest read", control.Staleness(back).Oldest(),
			control.Age(ttl+step, back).Against("no step", bound).Against("half of it", bound+step/2))
		env.Contrast("no read is staler than the time to live", held.NoneOlderThan(bound), broke.NoneOlderThan(bound))
		env.Holds("a step forward makes none staler", control.Staleness(forward).NoneOlderThan(bound))
	})
}
