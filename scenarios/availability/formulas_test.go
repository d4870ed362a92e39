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
// A part is a server and the link to it, and is down while the link is cut: one in so many times. The two apart are independent: each
// of the combinations of one's times with the other's comes once, in an order that is drawn from the seed. The two together are down
// at the same times, each as often as any other part. Some users ask one part, some need the answers of both, some that of either. What
// the formulas say is computed from what each part was seen to answer by itself.
func TestAvailabilityOfParts(t *testing.T) {
	t.Parallel()
	env := harness.New(t, harness.Claim{ID: "3.2", Says: "of parts in series the availabilities multiply, of parts in parallel the failures do",
		OnlyIf: "the parts fail independently of each other"})
	oneIn, requests := env.KnobInt("one-in", 4), env.KnobInt("requests", 20)

	servers := []*harness.Node{apptest.Worker(env, "server-1"), apptest.Worker(env, "server-2")}
	apart, together := newParts(env, "apart", servers), newParts(env, "together", servers)
	env.Await("both servers answer", servers[0].Answers, servers[1].Answers)

	env.Step("steady state: all parts are up, and nobody misses an answer")
	apart.ask(requests)
	together.ask(requests)
	calm := history.Window{To: env.Now()}
	env.Calm(apart.up(calm), together.up(calm))

	env.Step("fault: parts are down, in each combination of their times once")
	during := history.Window{From: env.Now()}
	for _, times := range env.Rand().Perm(oneIn * oneIn) {
		one, other := times%oneIn == 0, times/oneIn == 0
		down := append(apart.take(one, other), together.take(one, one)...)
		apart.ask(requests)
		together.ask(requests)
		env.Heal(down...)
	}
	during.To = env.Now()

	env.Step("heal")
	env.Await("all parts answer again", apart.first.Answered, apart.second.Answered, together.first.Answered, together.second.Answered)
	after := history.Window{From: env.Now(), To: history.Open}
	apart.ask(requests)
	together.ask(requests)

	env.Step("verdict")
	all, available := oneIn*oneIn*requests, 1-1/float64(oneIn)
	env.Measure("requests answered by both", harness.Count(answered(apart.both, during).Hits), expected(all, available*available))
	env.Measure("requests answered by either", harness.Count(answered(apart.either, during).Hits), expected(all, 1-(1-available)*(1-available)))
	env.Measure("requests answered by both, which fail together", harness.Count(answered(together.both, during).Hits), expected(all, available))
	env.Measure("requests answered by either, which fail together", harness.Count(answered(together.either, during).Hits), expected(all, available))
	nines(env)
	const series, parallel = "both are available as the product says", "either is as the product of failures says"
	product, failures := apart.formulas(during)
	env.Holds(series, follows(series, apart.both, product, during))
	env.Holds(parallel, follows(parallel, apart.either, failures, during))
	env.Holds("all requests are answered afterwards", apart.up(after))
	product, failures = together.formulas(during)
	env.Breaks(series, "parts that fail together", follows(series, together.both, product, during))
	env.Breaks(parallel, "parts that fail together", follows(parallel, together.either, failures, during))
}
