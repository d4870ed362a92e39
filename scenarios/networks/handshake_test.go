package networks_test

import (
	"testing"
	"time"

	"assay/fixtures/nettest"
	"assay/harness"
	"assay/harness/check"
	"assay/harness/fault"
)

// The kernel sends a SYN again after one second, the initial retransmission timeout of RFC 6298 (section 2.1), and once more when
// twice that time has passed. It keeps time in ticks, of which the longest is 10 ms, and the current one has begun already.
const synTimeout, tick = time.Second, 10 * time.Millisecond

// Claim 1.2: a TCP connection is set up before data flows, at the price of a round trip.
//
//	client ──── TCP, connections ──────► server
//	       ──── UDP, as many sockets ──►        (the control)
//
// On each connection and on each socket the same few blocks are sent. The first packet of each is lost on the way. Over TCP that is the
// request for a connection: no data is out yet, the client asks again when it has waited in vain, and everything arrives, late.
// Over UDP it is data already, and nobody asks.
func TestConnectionBeforeData(t *testing.T) {
	t.Parallel()
	env := harness.New(t, harness.Claim{ID: "1.2", Says: "a TCP connection is set up before data flows, at the price of a round trip"})
	flows := env.KnobInt("flows", 10)
	blocks := env.KnobInt("blocks", 3)

	client, server := nettest.Start(env, "client"), nettest.Start(env, "server")
	path := server.Packets()
	tcp, udp := client.Stream(server), client.Datagrams(server)

	env.Step("steady state: what is sent arrives")
	calm := tcp.SendEach(flows, blocks)
	udp.SendEach(flows, blocks)
	env.Await("all has arrived", tcp.Settled, udp.Settled)
	env.Calm(check.Delivery(tcp, tcp.Received).ExactlyOnce(), check.Delivery(udp, udp.Received).ExactlyOnce())

	env.Step("fault: of each connection and of each socket the first packet is lost")
	before := client.Retransmitted()
	first := path.LoseFirst(fault.ClientToServer)
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
	env.Measure("requests for a connection lost", harness.Count(requests), harness.Exactly(harness.Count(flows)))
	env.Measure("segments sent again meanwhile", harness.Count(again), harness.AtLeast(harness.Count(flows)))
	env.Measure("shortest time to connect", harness.Time(tcp.Connected(calm...)), harness.AtMost(harness.Time(synTimeout)))
	env.Measure("shortest time to connect when the first packet is lost", harness.Time(tcp.Connected(late...)), harness.AtLeast(harness.Time(synTimeout-tick)))
	env.Measure("blocks lost over TCP", harness.Count(held.Lost), harness.Exactly(harness.Count(0)))
	env.Measure("blocks lost over UDP", harness.Count(broke.Lost), harness.Exactly(harness.Count(flows)))

	const property = "what is taken to have arrived has arrived"
	env.Holds(property, held.NothingLost())
	env.Breaks(property, "datagrams, without a connection", broke.NothingLost())
}
