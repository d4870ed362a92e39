package throughput_test

import (
	"testing"
	"time"

	"assay/fixtures/apptest"
	"assay/harness"
	"assay/harness/fault"
	"assay/harness/history"
)

// Claim 2.3: latency is the time of a round trip, so a page that makes k calls in sequence waits k round trips.
//
//	a browser, each call after the answer to the last ──┐
//	                                                    ├── link (delayed both ways) ──► server
//	a browser, all calls at once (the control) ─────────┘
//
// Both load pages of one, two, four and eight calls to the same server, which answers at once. Then the way to it takes
// time. In sequence, a page is later by a round trip for each call: that is the slope of its time over the number of
// calls. At once, all calls wait together, and a page of eight is as late as a page of one.
func TestCallsInSequenceWaitRoundTrips(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "2.3", Says: "latency is the time of a round trip: a page of k calls in sequence waits k round trips",
	}, func(env *harness.Env) {
		delay, pages, most := env.Knob("delay", 40*time.Millisecond), env.KnobInt("pages", 5), 8
		roundTrip := 2 * delay

		server := apptest.Worker(env, "server")
		link := env.Link("browsers", server)
		sequence := env.Subject("in sequence")
		together := env.Control("at once", "the wait of each call for the answer to the one before")
		inTurn := apptest.InTurn(env, sequence, link, 1, 2, 4, most)
		atOnce := apptest.AtOnce(env, together, link, 1, 2, 4, most)
		both := harness.Together("both", inTurn.Load, atOnce.Load)

		env.Step("steady state: pages are there at once")
		server.Ready()
		both.Send(pages)
		calm := history.Until(env.Now())
		env.Calm(inTurn.Complete(calm), atOnce.Complete(calm))

		env.Step("fault: the way to the server takes time")
		slow := link.Delay(fault.Both, delay)
		both.Send(pages)
		late := history.Between(slow.InForce().From, env.Now())

		env.Step("heal")
		env.Heal(slow)
		both.Send(1)
		env.Await("the server answers", server.Answers)

		env.Step("verdict")
		env.Remark("in sequence: %v; at once: %v", inTurn.Line(late), atOnce.Line(late))
		sequence.Median("time for each call more", inTurn.PerCall(late),
			apptest.RoundTripPerCall(roundTrip, inTurn.PerCall(calm)).In(late))
		together.Median("page of the most calls", atOnce.Page(most, late),
			apptest.OneRoundTrip(roundTrip, atOnce.Page(most, calm)).In(late))
		env.Contrast("a page takes a round trip for each call", inTurn.Waits(roundTrip, late),
			atOnce.Waits(roundTrip, late))
		env.Holds("no page is missed", inTurn.Complete(history.Always))
	})
}
