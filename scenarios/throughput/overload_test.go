package throughput_test

import (
	"testing"
	"time"

	"assay/fixtures/apptest"
	"assay/fixtures/haproxytest"
	"assay/harness"
	"assay/harness/check"
	"assay/harness/history"
)

// Claim 2.7: offered more than it can serve, a system serves its capacity: the rest waits, longer and longer.
//
//	requests at a pace ──► haproxy, which lets wait ──────────────────────────────► worker, of little processor time
//	requests at a pace ──► haproxy, which lets wait for so long (the control) ────► another one alike
//
// A request costs processor time, of which the workers are handed so much: that is their capacity. At half of it nobody
// waits long. At twice as much every request is answered all the same, at the pace of the worker, so that the last one
// waits for as long again as it took to send them. The control refuses what has waited for a while: who is served is
// served soon, and half of them are told that they are not.
func TestOverloadIsServedAtCapacity(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "2.7", Says: "offered more than it can serve, a system serves its capacity, " +
			"and the rest waits, longer and longer",
	}, func(env *harness.Env) {
		cost, processors := env.Knob("cost", 5*time.Millisecond), float64(env.KnobInt("percent", 10))/100
		queue, requests := env.Knob("queue", 200*time.Millisecond), env.KnobInt("requests", 100)
		each := time.Duration(float64(cost) / processors) // in which the worker serves one
		twice := apptest.Offer{Requests: requests, Cost: cost, Pace: each / 2, Processors: processors}

		worker, another := apptest.Worker(env, "worker"), apptest.Worker(env, "another")
		lets := haproxytest.Start(env, "haproxy", haproxytest.Before(worker))
		refuses := haproxytest.Start(env, "haproxy-bounded", haproxytest.Before(another), haproxytest.MaxConn(1),
			haproxytest.TimeoutQueue(queue))
		waits, bounds := env.Subject("waits"), env.Control("bounded", "a wait for as long as it takes")
		half := apptest.CallAtPace(env, waits, "half", lets.Direct(), apptest.Work(cost), 2*each, worker)
		over := apptest.CallAtPace(env, waits, "twice", lets.Direct(), apptest.Work(cost), twice.Pace, worker)
		bounded := apptest.CallAtPace(env, bounds, "twice", refuses.Direct(), apptest.Work(cost), twice.Pace, another)
		single := apptest.Call(env, bounds, "one at a time", apptest.Work(cost), 0, refuses.Direct())

		env.Step("steady state: the workers have all the time they need")
		env.Await("the balancers find them", lets.Uses(worker), refuses.Uses(another))
		harness.Together("all", half.Load, single.Load).Send(requests / 10)
		env.Stop(half)
		env.Calm(half.Complete(history.Always), single.Complete(history.Always))

		env.Step("fault: the workers are starved to a capacity; half of it is offered, then twice")
		starved, alike := worker.Starve(processors), another.Starve(processors)
		half.Send(requests / 10)
		env.Stop(half)
		begun := env.Now()
		both := harness.Together("both", over.Load, bounded.Load)
		both.Send(requests)
		env.Stop(both) // when all are answered, or refused
		during := history.Between(begun, env.Now())

		env.Step("heal")
		env.Heal(starved, alike)
		env.Await("the workers answer", worker.Answers, another.Answers)

		env.Step("verdict")
		env.Witness(starved, over.Starved(twice, during))
		env.Witness(alike, bounded.Starved(twice, during))
		sent := over.Sent(during)
		waits.Share("served in the time of sending", over.ServedBy(sent.From+twice.Span(), during), twice.Served())
		waits.Duration("time until all are served", over.Took(during), twice.AtCapacity().In(during))
		waits.Duration("longest wait", over.LongestWait(during), twice.LastWaits(sent, queue+each))
		bounds.Duration("longest wait of who is served", bounded.LongestWait(during),
			harness.AtMost(twice.Backlog()/2).In(during).AgainstMore("as long as the backlog", twice.Backlog()))
		env.Contrast("every request is answered", over.Complete(during), bounded.Complete(during))
		env.Holds("at half of the capacity nobody waits long", check.AnsweredWithin(twice.Backlog()/2, half))
	})
}
