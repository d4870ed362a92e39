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

// Claim 1.5: TCP restores the order that the network does not keep, and takes out what it brings twice.
//
//	client ◄──── TCP, one stream ───────────────── server
//	       ◄──── UDP, a datagram for each block ──        (the control)
//
// The server sends the same blocks both ways at once. First some of its packets are late, so that others overtake them, then
// some come twice. The control hands over what comes as it comes. TCP knows by the sequence numbers what is early and what
// it has already.
func TestOrderRestored(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "1.5", Says: "TCP restores the order that the network does not keep, and takes out what it brings twice",
	}, func(env *harness.Env) {
		p, late := harness.Share(env.KnobInt("percent", 25))/100, env.Knob("late", 20*time.Millisecond)
		blocks := env.KnobInt("blocks", 1000)

		server, client := nettest.Start(env, "server"), nettest.Start(env, "client")
		path := server.Packets()
		numbered := env.Subject("stream")
		unnumbered := env.Control("datagrams", "the numbers by which what comes is put in order")
		tcp := server.Stream(numbered, client, nettest.Fetched())
		udp := server.Datagrams(unnumbered, client, nettest.Fetched())
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
		overtaken := path.Reorder(fault.ServerToClient, fault.Each(float64(p)), late)
		send()
		env.Heal(overtaken)

		env.Step("fault: packets come twice")
		twice := path.Duplicate(fault.ServerToClient, fault.Each(float64(p)))
		send()

		env.Step("heal")
		env.Heal(twice)
		send()

		env.Step("verdict")
		held, broke := check.Delivery(tcp, tcp.Received), check.Delivery(udp, udp.Received)
		unnumbered.Share("datagrams that arrive twice", stat.Proportion{Hits: broke.Duplicated, Of: blocks},
			harness.Chance(p).Against("none is doubled", 0).Against("half of it", p/2))
		unnumbered.Share("datagrams that are overtaken", stat.Proportion{Hits: broke.Inversions, Of: blocks},
			harness.Chance(p).Against("none is late", 0).Against("half of it", p/2))
		numbered.Count("blocks lost", held.Lost, harness.Exactly(0).Accompanying())
		env.Contrast("what was sent first arrives first", held.InOrder(), broke.InOrder())
		env.Contrast("nothing arrives twice", held.NoDuplicates(), broke.NoDuplicates())
	})
}
