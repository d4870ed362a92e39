package networks_test

import (
	"testing"

	"assay/fixtures/nettest"
	"assay/harness"
	"assay/harness/check"
	"assay/harness/fault"
)

// Claim 1.2: a TCP connection is set up before data flows, at the price of a round trip.
//
//	client ──── TCP, connections ──────► server
//	       ──── UDP, as many sockets ──►        (the control)
//
// On each connection and on each socket the same few blocks are sent. The first packet of each is lost on the way. Over
// TCP that is the request for a connection: no data is out yet, the client asks again when it has waited in vain, and
// everything arrives, late. Over UDP it is data already, and nobody asks.
func TestConnectionBeforeData(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "1.2", Says: "a TCP connection is set up before data flows, at the price of a round trip",
	}, func(env *harness.Env) {
		flows, blocks := env.KnobInt("flows", 10), env.KnobInt("blocks", 3)

		client, server := nettest.Start(env, "client"), nettest.Start(env, "server")
		path := server.Packets()
		connected := env.Subject("connections")
		unconnected := env.Control("datagrams", "the connection that is set up first")
		tcp, udp := client.Stream(connected, server), client.Datagrams(unconnected, server)

		env.Step("steady state: what is sent arrives")
		calm := tcp.SendEach(flows, blocks)
		udp.SendEach(flows, blocks)
		env.Await("all has arrived", tcp.Settled, udp.Settled)
		env.Calm(check.Delivery(tcp, tcp.Received).ExactlyOnce(), check.Delivery(udp, udp.Received).ExactlyOnce())

		env.Step("fault: of each connection and of each socket the first packet is lost")
		before := client.Retransmitted()
		first := path.Lose(fault.ClientToServer, fault.First())
		late := tcp.SendEach(flows, blocks)
		env.Await("the streams have come to their ends", tcp.Settled)
		requests, again := first.Packets(), client.Retransmitted()-before
		udp.SendEach(flows, blocks)
		env.Await("the last datagrams are sent", udp.Settled)

		env.Step("heal")
		env.Heal(first)
		tcp.SendEach(flows, blocks)
		udp.SendEach(flows, blocks)
		env.Await("all arrives again", tcp.Settled, udp.Settled)

		env.Step("verdict")
		held, broke := check.Delivery(tcp, tcp.Received), check.Delivery(udp, udp.Received)
		connected.Count("requests for a connection lost", requests, harness.Exactly(flows).Against("no loss", 0))
		connected.Count("segments sent again meanwhile", again, harness.AtLeast(flows).Against("nobody asks again", 0))
		connected.Median("time to connect when the first packet is lost", tcp.Connected(late...),
			nettest.AskedAgain(tcp.Connected(calm...)).In(first.Window()))
		connected.Count("blocks lost", held.Lost, harness.Exactly(0).Against("nobody asks again", flows))
		unconnected.Count("blocks lost", broke.Lost, harness.Exactly(flows).Against("asked for again", 0))
		env.Contrast("what is taken to have arrived has arrived", held.NothingLost(), broke.NothingLost())
	})
}
