package availability_test

import (
	"testing"

	"assay/fixtures/apptest"
	"assay/harness"
	"assay/harness/history"
)

// Claim 3.2: of parts in series the availabilities multiply, of parts in parallel the failures do.
//
//	users ──┬── links "apart 1" and "apart 2" ────────────────────┬──► server 1
//	        └── links "together 1" and "together 2" (the control) ┴──► server 2
//
// A part is a server and the link to it, and is down while the link is cut: one in so many times. The two apart are
// independent: each combination of one's times with the other's comes once, in an order that is drawn from the seed.
// The two together are down at the same times, each as often as any other part. Some users ask one part, some need the
// answers of both, some that of either. The formulas take what each part was seen to answer by itself.
func TestAvailabilityOfParts(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "3.2", Says: "of parts in series the availabilities multiply, of parts in parallel the failures do",
		OnlyIf: "the parts fail independently of each other",
	}, func(env *harness.Env) {
		oneIn, requests := env.KnobInt("one-in", 4), env.KnobInt("requests", 32)

		server1, server2 := apptest.Worker(env, "server-1"), apptest.Worker(env, "server-2")
		independent := env.Subject("apart")
		correlated := env.Control("together", "the parts' independence: they fail at the same times")
		apart, together := newParts(env, independent, server1, server2), newParts(env, correlated, server1, server2)
		env.Await("both servers answer", server1.Answers, server2.Answers)

		env.Step("steady state: all parts are up, and nobody misses an answer")
		apart.ask(requests)
		together.ask(requests)
		env.Calm(apart.both.All(history.Always), apart.either.All(history.Always),
			together.both.All(history.Always), together.either.All(history.Always))

		env.Step("fault: parts are down, in each combination of their times once")
		begun := env.Now()
		for _, times := range env.Rand().Perm(oneIn * oneIn) {
			one, other := times%oneIn == 0, times/oneIn == 0
			down := append(apart.take(one, other), together.take(one, one)...)
			apart.ask(requests)
			together.ask(requests)
			env.Heal(down...)
		}
		during := history.Between(begun, env.Now())

		env.Step("heal")
		env.Await("all parts answer again", apart.both.Answers, together.both.Answers)
		healed := env.Now()
		apart.ask(requests)
		together.ask(requests)

		env.Step("verdict")
		a := 1 - 1/float64(oneIn) // the availability of a part
		series, parallel := harness.Share(apptest.Series(a, a)), harness.Share(apptest.Parallel(a, a))
		independent.Share("requests answered by both", apart.both.Answered(during),
			harness.Chance(series).Against("the parts fail together", harness.Share(a)))
		independent.Share("requests answered by either", apart.either.Answered(during),
			harness.Chance(parallel).Against("the parts fail together", harness.Share(a)))
		correlated.Share("requests answered by both", together.both.Answered(during),
			harness.Chance(harness.Share(a)).Against("the product of availabilities", series))
		correlated.Share("requests answered by either", together.either.Answered(during),
			harness.Chance(harness.Share(a)).Against("the product of failures", parallel))
		nines(env)
		env.Contrast("both are available as the product says", apart.both.Follows(apart.series(during), during),
			together.both.Follows(together.series(during), during))
		env.Contrast("either is as the product of failures says", apart.either.Follows(apart.parallel(during), during),
			together.either.Follows(together.parallel(during), during))
		env.Holds("both answer all requests afterwards", apart.both.All(history.Since(healed)))
	})
}
