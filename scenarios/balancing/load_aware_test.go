package balancing_test

import (
	"fmt"
	"testing"
	"time"

	"assay/fixtures/apptest"
	"assay/fixtures/haproxytest"
	"assay/harness"
	"assay/harness/check"
	"assay/harness/check/stat"
)

// Claim 6.3: where servers differ, selection by load is better than selection that does not look.
//
//	clients ──► haproxy, the server with the fewest requests to answer ──┬──► slow
//	clients ──► haproxy, each server in turn (the control) ──────────────┼──► fast-1
//	                                                                     └──► fast-2
//
// The same requests come at the same pace, first in the one way and then in the other, each about when the one before is answered
// where nothing is in the way, or later. Each costs the same processor time, and one server is starved of that. Who looks sends it a
// request when it has answered the last, so as often as it can cope. Who does not look sends it every third, and they wait there.
func TestLoadAwareSelection(t *testing.T) {
	t.Parallel()
	env := harness.New(t, harness.Claim{ID: "6.3", Says: "where one server is slow, selection by load sends it less than its share, and selection in turn lets requests wait for it"})
	pace, cost := env.Knob("pace", 12*time.Millisecond), env.Knob("cost", 3*time.Millisecond)
	requests, percent := env.KnobInt("requests", 200), env.KnobInt("percent", 1)

	servers := []*harness.Node{apptest.Worker(env, "slow"), apptest.Worker(env, "fast-1"), apptest.Worker(env, "fast-2")}
	balancer := haproxytest.Start(env, 8080, servers...)
	aware := balancer.Clients(haproxytest.LeastConn, fmt.Sprintf("/work?cpu=%v", cost))
	blind := balancer.Clients(haproxytest.RoundRobin, fmt.Sprintf("/work?cpu=%v", cost))

	n := float64(len(servers))
	part := func(counts []int) stat.Proportion {
		return stat.Proportion{Hits: counts[0], Of: counts[0] + counts[1] + counts[2]}
	}
	less := func(counts []int) check.Result {
		return check.That("the slow server gets less than its share", part(counts).Wilson(0.999).High < 1/n, "it got %v", part(counts))
	}
	notLess := func(counts []int) check.Result {
		return check.That("while it is not slow it gets its share", part(counts).Wilson(0.999).High >= 1/n, "it got %v", part(counts))
	}

	env.Step("steady state: all servers are fast, and get the same")
	first := aware.Send(2*len(servers), 10*pace)
	env.Await("the first are answered", aware.Settled)
	pace = max(pace, min(time.Duration(stat.Median(aware.Took(first))*float64(time.Second)), 10*pace)) // on a busy machine one takes longer
	calm := aware.Send(requests/3, pace)
	calmToo := blind.Send(requests/3, pace)
	env.Await("all are answered", aware.Settled, blind.Settled)
	env.Calm(notLess(aware.By(calm, servers...)), notLess(blind.By(calmToo, servers...)))

	env.Step("fault: one server is starved")
	starved := servers[0].Starve(float64(percent) / 100)
	looked := aware.Send(requests, pace)
	env.Await("all are answered", aware.Settled)
	inTurn := blind.Send(requests, pace)

	env.Step("heal")
	env.Heal(starved)
	env.Await("all are answered", blind.Settled)
	env.Await("the server is fast again", servers[0].Answers)

	env.Step("verdict")
	byLoad, byTurn := aware.By(looked, servers...), blind.By(inTurn, servers...)
	// On the starved server one request after the other takes its cost in time of the quota. By load the server is sent one when it has
	// answered all, or has no more to answer than the others have; and before it is idle for longer than each server takes one.
	p := pace.Seconds()
	alone, sent := cost.Seconds()*100/float64(percent), float64(requests)*p
	longest := max(alone, stat.Quantile(aware.Took(looked), 1))
	others := min(aware.AtOnce(looked, servers[1]), aware.AtOnce(looked, servers[2]))
	env.Measure("requests to the slow server, by load", harness.Count(byLoad[0]),
		harness.Between(harness.Count(int(sent/(longest+(n+1)*p))), harness.Count(int(sent/alone)+2+others)))
	env.Measure("requests to the slow server, in turn", harness.Count(byTurn[0]), harness.Between(harness.Count(requests/3), harness.Count((requests+2)/3)))
	// In turn one comes in n paces and one is done in the time that it takes alone. Those left when the last is sent have waited for n
	// paces each less than the one before: this is how long those did, at least, that are not among the 5 % that waited longest.
	queue := sent * (1 - n*p/alone - n*0.05)
	env.Measure("95th percentile of the time in turn, in times of that by load",
		harness.Number(stat.Quantile(blind.Took(inTurn), 0.95)/stat.Quantile(aware.Took(looked), 0.95), ""), harness.AtLeast(harness.Number(queue/longest, "")))
	env.Holds("the slow server gets less than its share", less(byLoad))
	env.Breaks("the slow server gets less than its share", "each server in turn", less(byTurn))
}
