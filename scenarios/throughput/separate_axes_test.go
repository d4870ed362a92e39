package throughput_test

import (
	"testing"
	"time"

	"assay/fixtures/apptest"
	"assay/harness"
	"assay/harness/check"
	"assay/harness/fault"
)

// Claim 2.5: latency and throughput are separate axes, of a transfer that does not stop and wait.
//
//	stream: sends on ───────────────────────────────────┐
//	ping: one small question after the other ───────────┼── link, near or far, wide or narrow ──► echo
//	stop and wait: a unit after the other (the control) ┘
//
// The way to the server is far, then narrow, then both. Where it is far, an answer takes a round trip longer, and so
// does a whole stream, once. Where it is narrow, the stream takes as long as its rate says, a ping is as quick as ever.
// The control's units wait for a round trip each: it has coupled the two, so that more latency is less throughput.
func TestLatencyAndThroughputAreSeparate(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "2.5", Says: "latency and throughput are separate axes: neither changes the other",
		OnlyIf: "the sender does not wait for one unit before it sends the next",
	}, func(env *harness.Env) {
		delay, rate := env.Knob("delay", 50*time.Millisecond), env.KnobInt("rate", 25)
		units := env.KnobInt("units", 20)
		roundTrip, through := 2*delay, apptest.Through(units, rate)

		server := apptest.Echo(env, "server")
		link := env.Link("clients", server)
		streams, asks := env.Subject("stream"), env.Subject("ping")
		stops := env.Control("stop and wait", "units on their way while others are")
		stream, ping := apptest.Stream(env, streams, "", link), apptest.Ping(env, asks, "", link)
		stopAndWait := apptest.StopAndWait(env, stops, "", link)
		env.Step("steady state: the way is near and wide")
		server.Ready()
		calm := apptest.Carry(env, units, stream, ping, stopAndWait)
		env.Calm(stream.Complete(calm), ping.Complete(calm), stopAndWait.Complete(calm))

		env.Step("fault: the way is far")
		far := link.Delay(fault.Both, delay)
		late := apptest.Carry(env, units, stream, ping, stopAndWait)
		env.Heal(far)

		env.Step("fault: the way is narrow")
		narrow := link.Throttle(fault.ClientToServer, rate*apptest.UnitSize)
		slow := apptest.Carry(env, units, stream, ping)

		env.Step("fault: the way is far and narrow")
		farther := link.Delay(fault.Both, delay)
		both := apptest.Carry(env, units, stream, ping)

		env.Step("heal")
		env.Heal(narrow, farther)
		apptest.Carry(env, units, stream, ping, stopAndWait)
		env.Await("the server answers", server.Answers)

		env.Step("verdict")
		env.Witness(narrow, stream.Slower(rate, slow))
		near := check.Fastest(ping.Within(calm))
		asks.Fastest("fastest ping, far", check.Fastest(ping.Within(late)), harness.Delayed(roundTrip, near).In(late))
		asks.Fastest("fastest ping, narrow", check.Fastest(ping.Within(slow)),
			harness.AtMost(through/2).In(slow).Against("as late as the stream", through))
		streams.Duration("time, narrow", stream.Took(slow), apptest.AtTheRate(units, rate).In(slow))
		streams.Duration("time, far", stream.Took(late), apptest.WaitsOnce(units, roundTrip).In(late))
		streams.Duration("time, far and narrow, beyond that of the rate", stream.Took(both)-through,
			apptest.WaitsOnce(units, roundTrip).In(both))
		streams.Count("units on their way at once", stream.AtOnce(late), harness.AtLeast(2).Against("it waits", 1))
		stops.Duration("time, far", stopAndWait.Took(late),
			apptest.WaitsForEach(units, roundTrip, stopAndWait.Took(calm)).In(late))
		stops.Count("units on their way at once", stopAndWait.AtOnce(late),
			harness.Exactly(1).AgainstMore("it sends on", 2))
		env.Contrast("units do not wait for each other", stream.Overlaps(roundTrip, late),
			stopAndWait.Overlaps(roundTrip, late))
	})
}
