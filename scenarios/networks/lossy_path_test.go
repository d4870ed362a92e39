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
// The same blocks go to the same port in both ways, and in front of it packets are lost, each with the same
// probability, and later, of datagrams alone, one in so many. In the control nobody notices. TCP sends again what is
// not acknowledged; what that costs is time. And where it can do nothing, because the connection is forgotten on the
// way, the sender is told: nothing that was cut off is taken to have arrived.
func TestStreamOverLossyPath(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "1.1", Says: "TCP hands over every byte, in order, over a path that drops packets",
	}, func(env *harness.Env) {
		p := harness.Share(env.KnobInt("loss-percent", 10)) / 100
		blocks, oneIn := env.KnobInt("blocks", 2600), env.KnobInt("one-in", 10)

		sender, receiver := nettest.Start(env, "sender"), nettest.Start(env, "receiver")
		path := receiver.Packets()
		stream, datagrams := env.Subject("stream"), env.Control("datagrams", "sending again what is not acknowledged")
		tcp, udp := sender.Stream(stream, receiver), sender.Datagrams(datagrams, receiver)
		paced := sender.Stream(stream, receiver, nettest.Called("paced"), nettest.Pace(10*time.Millisecond))
		counted := sender.Datagrams(datagrams, receiver, nettest.Called("counted"))

		env.Step("steady state: what is sent arrives")
		calm := tcp.SendAndSettle(blocks)
		udp.SendAndSettle(blocks)
		env.Calm(tcp.Identical(calm), check.Delivery(tcp, tcp.Received).ExactlyOnce(),
			check.Delivery(udp, udp.Received).ExactlyOnce())

		env.Step("fault: packets are lost, the stream's and the datagrams'")
		before, lossy := sender.Retransmitted(), path.Lose(fault.ClientToServer, fault.Each(float64(p)))
		whole := tcp.SendAndSettle(blocks)
		streams, again := lossy.Packets(), sender.Retransmitted()-before
		holed := udp.SendAndSettle(blocks)
		env.Heal(lossy)

		env.Step("fault: of the packets, one in so many is lost")
		nth := path.Lose(fault.ClientToServer, fault.EveryNth(oneIn))
		counted.SendAndSettle(blocks)
		env.Heal(nth)

		env.Step("fault: in the middle of a stream the connection is forgotten")
		cut := paced.Send(blocks)
		env.Await("the stream flows", paced.Arrived(cut, 10))
		reset := path.Reset()
		env.Await("the stream has broken off", paced.Settled)

		env.Step("heal")
		env.Heal(reset)
		after := tcp.Send(blocks)
		env.Await("a new stream arrives", tcp.Arrived(after, blocks), tcp.Settled)

		env.Step("verdict")
		held, broke := check.Delivery(tcp, tcp.Received), check.Delivery(udp, udp.Received)
		every, cutOff := check.Delivery(counted, counted.Received), check.Delivery(paced, paced.Received)
		datagrams.Share("lost", stat.Proportion{Hits: broke.Lost, Of: blocks},
			harness.Chance(p).Against("no loss", 0).Against("half of it", p/2))
		datagrams.Count("lost by the path", lossy.Packets()-streams, harness.Exactly(broke.Lost).Accompanying())
		datagrams.Count("lost, one in so many", every.Lost, nettest.OneIn(oneIn, blocks))
		stream.Count("blocks lost", held.Lost, harness.Exactly(0).Against("as of datagrams", broke.Lost))
		stream.Count("segments sent again", again, harness.AtLeast(1).Against("nothing is sent again", 0))
		stream.Duration("time", tcp.Took(whole), harness.AtLeast(min(tcp.Took(calm), tcp.Took(after))).Accompanying())
		stream.Count("blocks cut off", blocks-cutOff.Received, harness.AtLeast(1).Against("no reset", 0))
		stream.Count("of those, taken to be there", cutOff.Acknowledged, harness.Exactly(0).Against("not told", blocks))
		env.Contrast("the bytes that were sent arrive, in order", tcp.Identical(whole), udp.Identical(holed))
		env.Contrast("what is taken to have arrived has arrived", held.NothingLost(), broke.NothingLost())
	})
}
