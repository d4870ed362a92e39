package balancing_test

import (
	"testing"
	"time"

	"assay/fixtures/apptest"
	"assay/fixtures/haproxytest"
	"assay/harness"
	"assay/harness/history"
)

// Claim 6.3: where servers differ, selection by load is better than selection that does not look.
//
//	users ──► haproxy, the server with the fewest requests to answer ──┬──► slow
//	users ──► haproxy, each server in turn (the control) ──────────────┼──► fast-1
//	                                                                   └──► fast-2
//
// There are as many users as servers, and each waits for an answer before the next request. Every request costs the
// same processor time, and one server is starved of that. By load it is sent a request when it has answered the last,
// so as often as it can cope. In turn it is sent every third, and soon all users wait there.
func TestLoadAwareSelection(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "6.3", Says: "where one server is slow, selection by load sends it less than its share, " +
			"and selection in turn lets requests wait for it",
	}, func(env *harness.Env) {
		pace, cost := env.Knob("pace", 30*time.Millisecond), env.Knob("cost", 10*time.Millisecond)
		requests, answers := env.KnobInt("requests", 60), env.KnobInt("answers", 5)
		processors := float64(env.KnobInt("percent", 1)) / 100

		const servers, users = 3, 3
		slow := apptest.Worker(env, "slow")
		balancer := haproxytest.Start(env, "haproxy",
			haproxytest.Before(slow, apptest.Worker(env, "fast-1"), apptest.Worker(env, "fast-2")))
		byLoad, inTurn := env.Subject("by load"), env.Control("in turn", "the look at how much each server has to do")
		work, many, paced := haproxytest.Path(apptest.Work(cost)), haproxytest.Users(users), haproxytest.Pace(pace)
		aware := balancer.Clients(byLoad, haproxytest.LeastConn, work, many, paced)
		blind := balancer.Clients(inTurn, haproxytest.RoundRobin, work, many, paced)

		env.Step("steady state: all servers are fast")
		aware.Send(requests / users)
		blind.Send(requests / users)
		env.Calm(aware.Spread(history.Always).Complete(), blind.Spread(history.Always).Even())

		env.Step("fault: one server is starved")
		starved := slow.Starve(processors)
		env.Run(aware)
		env.Await("the slow one answers some, the others more", aware.Answered(slow, answers), aware.More(requests))
		env.Stop(aware)
		during := history.Between(starved.Window().From, env.Now())
		env.Run(blind)
		env.Await("the slow one answers all users, who have waited there together", blind.WaitedAtOnce(slow, users))

		env.Step("heal")
		env.Heal(starved)
		env.Stop(blind)
		env.Await("the server is fast again", slow.Answers)

		env.Step("verdict")
		looked, turns := aware.Spread(during), blind.Spread(starved.Window())
		byLoad.Duration("time of some answers of the slow server", aware.TimeOf(slow, answers, during),
			apptest.StarvedTime(answers, cost, processors).In(during))
		byLoad.Share("requests to the slow server", looked.Of(slow),
			apptest.StarvedShare(looked.Of(slow).Of, during.Length(), cost, processors).Against("in turn", 1.0/servers))
		inTurn.Share("requests to the slow server", turns.Of(slow), haproxytest.Turns(turns.Of(slow).Of, servers))
		inTurn.Count("users who wait for the slow server at once", blind.AtOnce(slow, starved.Window()),
			harness.Exactly(users).AgainstRange("some users are always free", 1, users-1))
		env.Contrast("the slow server gets less than its share", looked.Spared(slow), turns.Spared(slow))
	})
}
