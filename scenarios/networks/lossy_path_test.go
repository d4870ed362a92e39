package networks_test

import (
	"testing"
	"time"

	"assay/fixtures/nettest"
	"assay/harness"
	"assay/harness/check"
	"assay/harness/check/stat"
	"assay/harness/fault"
)

// Claim 1.1: TCP hands over every byte, in order, over a path that drops packets.
//
//	sender ──── TCP, one stream ────────────────► receiver
//	       ──── UDP, a datagram for each block ─►          (the control)
//
// The same blocks go to the same port in both ways, and in front of it packets are lost, each with the same probability (and then, of
// datagrams alone, one in so many). In the control nobody notices. TCP sends again what is not acknowledged; what that costs is time.
// And where it can do nothing, because the connection is forgotten on the way, the sender is told: nothing that was cut off is taken
// to have arrived.
func TestStreamOverLossyPath(t *testing.T) {
	t.Parallel()
	env := harness.New(t, harness.Claim{ID: "1.1", Says: "TCP hands over every byte, in order, over a path that drops packets"})
	percent := env.KnobInt("loss-percent", 10)
	blocks, oneIn := env.KnobInt("blocks", 2000), env.KnobInt("one-in", 10)

	sender, receiver := nettest.Start(env, "sender"), nettest.Start(env, "receiver")
	path := receiver.Packets()
	tcp, udp, counted := sender.Stream(receiver), sender.Datagrams(receiver), sender.Datagrams(receiver, nettest.Called("udp, counted"))

	env.Step("steady state: what is sent arrives")
	calm := tcp.Send(blocks)
	env.Await("the stream has arrived", tcp.Settled)
	udp.Send(blocks)
	env.Await("the datagrams have arrived", udp.Settled)
	env.Calm(tcp.Identical(calm), check.Delivery(tcp, tcp.Received).ExactlyOnce(), check.Delivery(udp, udp.Received).ExactlyOnce())

	env.Step("fault: packets are lost, the stream's and the datagrams'")
	before := sender.Retransmitted()
	lossy := path.Lose(fault.ClientToServer, float64(percent)/100)
	stream := tcp.Send(blocks)
	env.Await("the stream has come to its end", tcp.Settled)
	streams, again := lossy.Packets(), sender.Retransmitted()-before
	datagrams := udp.Send(blocks)
	env.Await("the last datagram is sent", udp.Settled)

	env.Step("fault: of the packets, one in so many is lost")
	env.Heal(lossy)
	nth := path.LoseEvery(fault.ClientToServer, oneIn)
	counted.Send(blocks)
	env.Await("the last datagram is sent", counted.Settled)

	env.Step("fault: in the middle of a stream the connection is forgotten")
	env.Heal(nth)
	slow := sender.Stream(receiver, nettest.Called("tcp, paced"), nettest.Pace(10*time.Millisecond))
	cut := slow.Send(blocks)
	env.Await("the stream flows", slow.Arrived(cut, 10))
	reset := path.Reset()
	env.Await("the stream has broken off", slow.Settled)

	env.Step("heal")
	env.Heal(reset)
	after := tcp.Send(blocks)
	env.Await("a new stream arrives", tcp.Arrived(after, blocks), tcp.Settled)

	env.Step("verdict")
	held, broke, cutOff := check.Delivery(tcp, tcp.Received), check.Delivery(udp, udp.Received), check.Delivery(slow, slow.Received)
	fewest, most := stat.Acceptance(blocks, float64(percent)/100, 0.999)
	env.Measure("datagrams lost", harness.Count(broke.Lost), harness.Between(harness.Count(fewest), harness.Count(most)))
	env.Measure("of those, lost by the path", harness.Count(lossy.Packets()-streams), harness.Exactly(harness.Count(broke.Lost)))
	env.Measure("datagrams lost, one in so many", harness.Count(check.Delivery(counted, counted.Received).Lost), harness.Exactly(harness.Count(blocks/oneIn)))
	env.Measure("blocks of the stream lost", harness.Count(held.Lost), harness.Exactly(harness.Count(0)))
	env.Measure("segments sent again", harness.Count(again), harness.AtLeast(harness.Count(min(1, streams)))) // several lost ones in one, perhaps
	env.Measure("time of a stream", harness.Time(tcp.Took(stream)), harness.AtLeast(harness.Time(min(tcp.Took(calm), tcp.Took(after)))))
	env.Measure("blocks that the reset cut off", harness.Count(blocks-cutOff.Received), harness.AtLeast(harness.Count(1)))
	env.Measure("blocks of that stream taken to have arrived", harness.Count(cutOff.Acknowledged), harness.Exactly(harness.Count(0)))

	const property, loss = "the bytes that were sent arrive, in order", "what is taken to have arrived has arrived"
	env.Holds(property, tcp.Identical(stream))
	env.Breaks(property, "datagrams over the same path", udp.Identical(datagrams))
	env.Holds(loss, held.NothingLost())
	env.Breaks(loss, "datagrams over the same path", broke.NothingLost())
}
