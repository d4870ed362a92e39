package networks_test

import (
	"testing"
	"time"

	"assay/fixtures/nettest"
	"assay/harness"
	"assay/harness/check"
	"assay/harness/check/stat"
)

// Claim 1.5: TCP restores the order that the network does not keep, and takes out what it brings twice.
//
//	client ◄──── TCP, one stream ───────────────── server
//	       ◄──── UDP, a datagram for each block ──        (the control)
//
// The server sends the same blocks both ways at once. First some of its packets overtake the others, then some are sent twice. The
// control hands over what comes as it comes. TCP knows by the sequence numbers what is early and what it has already.
//
// It takes netem, a module that not every kernel has: without it this is not provable.
func TestOrderRestored(t *testing.T) {
	t.Parallel()
	env := harness.New(t, harness.Claim{ID: "1.5", Says: "TCP restores the order that the network does not keep, and takes out what it brings twice"})
	percent := env.KnobInt("percent", 25)
	ahead := env.Knob("ahead", 10*time.Millisecond)
	blocks := env.KnobInt("blocks", 1000)
	share := float64(percent) / 100

	server, client := nettest.Start(env, "server"), nettest.Start(env, "client")
	path := server.Packets()
	tcp, udp := server.Stream(client, nettest.Fetched), server.Datagrams(client, nettest.Fetched)
	send := func() {
		tcp.Send(blocks)
		udp.Send(blocks)
		env.Await("all have arrived", tcp.Settled, udp.Settled)
	}

	env.Step("steady state: all arrives once and in order")
	send()
	before := check.Delivery(udp, udp.Received)
	env.Calm(before.InOrder(), before.ExactlyOnce(), check.Delivery(tcp, tcp.Received).ExactlyOnce())

	env.Step("fault: packets overtake each other")
	overtaken := path.Reorder(share, ahead)
	send()
	env.Heal(overtaken)

	env.Step("fault: packets come twice")
	twice := path.Duplicate(share)
	send()

	env.Step("heal")
	env.Heal(twice)
	send()

	env.Step("verdict")
	held, broke := check.Delivery(tcp, tcp.Received), check.Delivery(udp, udp.Received)
	fewest, most := stat.Acceptance(blocks, share, 0.999)
	env.Measure("datagrams that arrive twice", harness.Count(broke.Duplicated), harness.Between(harness.Count(fewest), harness.Count(most)))
	// Who overtakes is not overtaken, as long as what goes ahead keeps its order.
	env.Measure("datagrams that are overtaken", harness.Count(broke.Inversions), harness.Between(harness.Count(1), harness.Count(blocks-fewest)))
	env.Measure("blocks of the streams lost", harness.Count(held.Lost), harness.Exactly(harness.Count(0)))

	const order, once = "what was sent first arrives first", "nothing arrives twice"
	env.Holds(order, held.InOrder())
	env.Breaks(order, "datagrams over the same path", broke.InOrder())
	env.Holds(once, held.NoDuplicates())
	env.Breaks(once, "datagrams over the same path", broke.NoDuplicates())
}
