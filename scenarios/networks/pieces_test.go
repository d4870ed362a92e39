package networks_test

import (
	"testing"

	"assay/fixtures/nettest"
	"assay/harness"
	"assay/harness/history"
)

// Claim 1.6: a packet is small, and what does not fit travels in pieces: losing one piece loses the whole.
//
//	sender ──── datagrams that fit into a packet ──────────► receiver
//	       ──── datagrams that travel in 4, and in 16 ─────►          (the controls)
//
// In front of the receiver packets are lost, each with the same probability, before the kernel puts pieces together. Of
// small datagrams as many are lost. Of large ones more: whatever arrives of one whose other pieces are missing is of no
// use. A datagram that is longer than an IP packet can say, 2¹⁶-1 bytes, the sender's own kernel refuses.
func TestPiecesOfADatagram(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "1.6", Says: "a packet is small, and what does not fit travels in pieces: losing one piece loses the whole",
	}, func(env *harness.Env) {
		p, blocks := harness.Share(env.KnobInt("loss-percent", 10))/100, env.KnobInt("blocks", 2400)
		few, fewer := blocks/10, blocks/50 // the kernel keeps pieces whose others are missing, and has little room for them

		sender, receiver := nettest.Start(env, "sender"), nettest.Start(env, "receiver")
		whole := env.Subject("in one packet")
		four := env.Control("in 4 packets", "room in one packet: each travels in 4")
		sixteen := env.Control("in 16 packets", "room in one packet: each travels in 16")
		small := sender.Datagrams(whole, receiver)
		large := sender.Datagrams(four, receiver, nettest.Pieces(4))
		larger := sender.Datagrams(sixteen, receiver, nettest.Pieces(16))
		largest := sender.Datagrams(whole, receiver, nettest.Called("largest"), nettest.Size(nettest.Largest))
		tooLarge := sender.Datagrams(whole, receiver, nettest.Called("too large"), nettest.Size(nettest.Largest+1))

		env.Step("steady state: what is sent arrives, if an IP packet can be so long")
		calm := []history.Batch{small.SendAndSettle(few), large.SendAndSettle(10), larger.SendAndSettle(10)}
		longest, refused := largest.SendAndSettle(1), tooLarge.SendAndSettle(1)
		env.Calm(small.LostAsPackets(calm[0], 1, 0), large.LostAsPackets(calm[1], 4, 0),
			larger.LostAsPackets(calm[2], 16, 0), largest.LostAsPackets(longest, 45, 0))

		env.Step("fault: packets are lost")
		lossy := receiver.Packets().LosePieces(float64(p))
		small1, packets1 := small.SendAndSettle(blocks), lossy.Packets()
		large4, packets4 := large.SendAndSettle(few), lossy.Packets()
		larger16, packets16 := larger.SendAndSettle(fewer), lossy.Packets()

		env.Step("heal")
		env.Heal(lossy)
		small.SendAndSettle(fewer)

		env.Step("verdict")
		whole.Share("lost", small.Lost(small1), harness.Chance(p).Against("no loss", 0).Against("half of it", p/2))
		four.Share("lost", large.Lost(large4), nettest.LostInPieces(4, p))
		sixteen.Share("lost", larger.Lost(larger16), nettest.LostInPieces(16, p))
		whole.Count("too large, refused by the sender", tooLarge.Refused(refused), harness.Exactly(1).Against("sent", 0))
		env.Contrast("no more is lost than the network has lost", small.LostAsPackets(small1, 1, packets1),
			large.LostAsPackets(large4, 4, packets4-packets1), larger.LostAsPackets(larger16, 16, packets16-packets4))
	})
}
